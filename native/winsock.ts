// Of ws2_32.dll (Windows): datagram sockets, their options, and the events that they raise. Handles and addresses are
// Numbers.
import koffi from 'koffi';
import { bindWindows, WindowsCallError } from './kernel32.ts';
import { allocateBlock, type NativeBlock, writePointer } from './libc-memory.ts';
import { socketAddressesOf } from './socket-address.ts';

const library = koffi.load('ws2_32.dll');
const bindWinsock = <Call extends (...values: never[]) => unknown>(signature: string): Call =>
  bindWindows<Call>(library, signature);

export const socketFamily = { inet: 2, inet6: 23 } as const;
export const { write: writeSocketAddress, read: readSocketAddress } = socketAddressesOf(socketFamily.inet6);

export const socketType = { datagram: 2, raw: 3 } as const;
export const socketLevel = { ip: 0, udp: 17, ipv6: 41, socket: 0xffff } as const;
/** Level SOL_SOCKET. */
export const socketOption = { sendBuffer: 0x1001, receiveBuffer: 0x1002 } as const;
/** Level IPPROTO_IP. */
export const ipOption = { packetInformation: 19, unicastInterface: 31 } as const;
/** Level IPPROTO_IPV6. */
export const ipv6Option = { packetInformation: 19, onlyIpv6: 27, unicastInterface: 31 } as const;
/** Level IPPROTO_UDP; `coalesced` is the message that tells the size of a run's segments. */
export const udpOption = { segment: 2, largestCoalesced: 3, coalesced: 3 } as const;

/** Errors of Winsock that callers tell apart. */
export const socketError = {
  notSocket: 10038,
  messageTooLong: 10040,
  wouldBlock: 10035,
  connectionReset: 10054,
} as const;

/** The error of the latest failed call of this thread. Read it before anything else is called. */
export const lastSocketError = bindWinsock<() => number>('int __stdcall WSAGetLastError()');

const startup = bindWinsock<(version: number, data: number) => number>(
  'int __stdcall WSAStartup(uint16_t version, uintptr_t data)',
);
const createSocket = bindWinsock<
  (
    family: number,
    type: number,
    protocol: number,
    information: number,
    group: number,
    flags: number,
  ) => number
>(
  'intptr_t __stdcall WSASocketW(int family, int type, int protocol, uintptr_t information, uint32_t group, uint32_t flags)',
);
const closeSocketCall = bindWinsock<(socket: number) => number>(
  'int __stdcall closesocket(uintptr_t socket)',
);
const bindCall = bindWinsock<(socket: number, name: number, length: number) => number>(
  'int __stdcall bind(uintptr_t socket, uintptr_t name, int length)',
);
const getName = bindWinsock<(socket: number, name: number, length: number) => number>(
  'int __stdcall getsockname(uintptr_t socket, uintptr_t name, uintptr_t length)',
);
const setOption = bindWinsock<
  (socket: number, level: number, name: number, value: number, length: number) => number
>('int __stdcall setsockopt(uintptr_t socket, int level, int name, uintptr_t value, int length)');
const control = bindWinsock<
  (
    socket: number,
    code: number,
    input: number,
    inputLength: number,
    output: number,
    outputLength: number,
    returned: number,
    overlapped: number,
    completion: number,
  ) => number
>(
  'int __stdcall WSAIoctl(uintptr_t socket, uint32_t code, uintptr_t input, uint32_t inputLength, uintptr_t output, uint32_t outputLength, uintptr_t returned, uintptr_t overlapped, uintptr_t completion)',
);
const selectEvents = bindWinsock<(socket: number, event: number, events: number) => number>(
  'int __stdcall WSAEventSelect(uintptr_t socket, uintptr_t event, int32_t events)',
);
const createEventCall = bindWinsock<() => number>('uintptr_t __stdcall WSACreateEvent()');
const closeEventCall = bindWinsock<(event: number) => number>('int __stdcall WSACloseEvent(uintptr_t event)');

/** Lowers the event of a socket; the next datagram raises it again. */
export const resetSocketEvent = bindWinsock<(event: number) => number>(
  'int __stdcall WSAResetEvent(uintptr_t event)',
);

/** The bare calls: not 0, or -1 for `sendTo`, on failure; see `lastSocketError`. `message` is a WSAMSG. */
export const sendTo = bindWinsock<
  (socket: number, bytes: number, length: number, flags: number, name: number, nameLength: number) => number
>(
  'int __stdcall sendto(uintptr_t socket, uintptr_t bytes, int length, int flags, uintptr_t name, int nameLength)',
);
export const sendMessage = bindWinsock<
  (
    socket: number,
    message: number,
    flags: number,
    sent: number,
    overlapped: number,
    completion: number,
  ) => number
>(
  'int __stdcall WSASendMsg(uintptr_t socket, uintptr_t message, uint32_t flags, uintptr_t sent, uintptr_t overlapped, uintptr_t completion)',
);

/** WSARecvMsg: 0, or not 0 on failure; see `lastSocketError`. `received` is the address of a uint32. */
export type ReceiveMessage = (message: number, received: number) => number;

let started = false;

/**
 * A socket that raises `event` when something can be received, and never blocks. `protocol`: 17 for UDP. Throws
 * WindowsCallError: 10047 where the computer lacks the address family, 10013 for a raw socket without administrator's
 * rights.
 */
export function openSocket(family: 4 | 6, type: number, protocol: number): EventSocket {
  const overlapped = 0x1;
  const notInherited = 0x80;
  if (!started) {
    const version = 0x202;
    const result = startup(version, allocateBlock(512).address);
    if (result !== 0) throw new WindowsCallError('WSAStartup', result);
    started = true;
  }
  const systemFamily = family === 4 ? socketFamily.inet : socketFamily.inet6;
  const socket = createSocket(systemFamily, type, protocol, 0, 0, overlapped | notInherited);
  if (socket === -1) throw new WindowsCallError('WSASocketW', lastSocketError(), `IPv${family}`);
  const event = createEventCall();
  const readable = 1;
  if (selectEvents(socket, event, readable) !== 0) {
    const error = new WindowsCallError('WSAEventSelect', lastSocketError());
    closeSocket({ socket, event });
    throw error;
  }
  return { socket, event };
}

export interface EventSocket {
  readonly socket: number;
  readonly event: number;
}

export function closeSocket({ socket, event }: EventSocket): void {
  closeSocketCall(socket);
  closeEventCall(event);
}

/** All addresses, and the port (0: one that is free). Returns the port. Throws WindowsCallError: 10048 where it is taken. */
export function bindToPort(socket: number, family: 4 | 6, port: number): number {
  const name = allocateBlock(40);
  const length = writeSocketAddress(name.view, 0, new Uint8Array(family === 4 ? 4 : 16), port);
  if (bindCall(socket, name.address, length) !== 0)
    throw new WindowsCallError('bind', lastSocketError(), `UDP port ${port}`);
  const lengthOffset = 32;
  name.view.setInt32(lengthOffset, 28, true);
  if (getName(socket, name.address, name.address + lengthOffset) !== 0)
    throw new WindowsCallError('getsockname', lastSocketError());
  return readSocketAddress(name.view, 0).port;
}

/** An option that is an int or a DWORD, in the computer's byte order. False: refused, see `lastSocketError`. */
export function setIntegerOption(socket: number, level: number, name: number, value: number): boolean {
  const block = allocateBlock(8);
  block.view.setInt32(0, value, true);
  return setOption(socket, level, name, block.address, 4) === 0;
}

/** Unreachable ports of a peer are no errors of our socket (SIO_UDP_CONNRESET). */
export function ignoreResets(socket: number): void {
  const connectionReset = 0x9800_000c;
  const block = allocateBlock(16);
  control(socket, connectionReset, block.address, 4, 0, 0, block.address + 8, 0, 0);
}

const receivePrototype = koffi.proto(
  'int __stdcall WSARecvMsg(uintptr_t socket, uintptr_t message, uintptr_t received, uintptr_t overlapped, uintptr_t completion)',
);

/** WSARecvMsg of the socket's provider. Throws WindowsCallError. */
export function receiveMessageOf(socket: number): ReceiveMessage {
  const extensionPointer = 0xc800_0006;
  const block = allocateBlock(40);
  // WSAID_WSARECVMSG {F689D7C8-6F1F-436B-8A53-E54FE351C322}: struct GUID, 16 bytes.
  block.bytes.set(Buffer.from('c8d789f61f6f6b438a53e54fe351c322', 'hex'));
  const pointer = block.address + 16;
  const returned = block.address + 24;
  if (control(socket, extensionPointer, block.address, 16, pointer, 8, returned, 0, 0) !== 0)
    throw new WindowsCallError('WSAIoctl', lastSocketError(), 'WSARecvMsg');
  const address = block.view.getBigUint64(16, true);
  return (message, received) => koffi.call(address, receivePrototype, socket, message, received, 0, 0);
}

/**
 * WSAMSG, 56 bytes: name address 0, its length 8, buffers' address 16, their number 24, control length 32, control address
 * 40, flags 48. WSABUF, 16 bytes: length 0, address 8.
 */
export const messageSize = 56;
export const bufferSize = 16;
export const messageOffset = { name: 0, nameLength: 8, controlLength: 32, control: 40, flags: 48 } as const;
export const messageFlag = { truncated: 0x100 } as const;

export interface MessageParts {
  readonly name: number;
  readonly nameLength: number;
  readonly buffer: number;
  readonly control: number;
  readonly controlLength: number;
}

export function writeMessage(block: NativeBlock, offset: number, parts: MessageParts): void {
  const { view } = block;
  writePointer(view, offset + messageOffset.name, parts.name);
  view.setInt32(offset + messageOffset.nameLength, parts.nameLength, true);
  writePointer(view, offset + 16, parts.buffer);
  view.setUint32(offset + 24, 1, true);
  view.setUint32(offset + messageOffset.controlLength, parts.controlLength, true);
  writePointer(view, offset + messageOffset.control, parts.control);
  view.setUint32(offset + messageOffset.flags, 0, true);
}

export function writeBuffer(block: NativeBlock, offset: number, address: number, length: number): void {
  block.view.setUint32(offset, length, true);
  writePointer(block.view, offset + 8, address);
}
