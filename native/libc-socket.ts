// Sockets: the bare calls, their constants on Linux, and socket addresses as bytes.
import { bindLibc, checkCall } from './libc.ts';
import { allocateBlock } from './libc-memory.ts';
import { socketAddressesOf } from './socket-address.ts';

/** The bare calls: -1 on failure, see `lastErrorNumber`. Addresses are Numbers. */
export const socket = bindLibc<(family: number, type: number, protocol: number) => number>(
  'int socket(int family, int type, int protocol)',
);
export const bind = bindLibc<(descriptor: number, address: number, length: number) => number>(
  'int bind(int descriptor, uintptr_t address, uint length)',
);
export const connect = bindLibc<(descriptor: number, address: number, length: number) => number>(
  'int connect(int descriptor, uintptr_t address, uint length)',
);
export const getsockname = bindLibc<(descriptor: number, address: number, lengthAddress: number) => number>(
  'int getsockname(int descriptor, uintptr_t address, uintptr_t lengthAddress)',
);
export const setsockopt = bindLibc<
  (descriptor: number, level: number, name: number, address: number, length: number) => number
>('int setsockopt(int descriptor, int level, int name, uintptr_t address, uint length)');
export const getsockopt = bindLibc<
  (descriptor: number, level: number, name: number, address: number, lengthAddress: number) => number
>('int getsockopt(int descriptor, int level, int name, uintptr_t address, uintptr_t lengthAddress)');
export const sendmsg = bindLibc<(descriptor: number, message: number, flags: number) => number>(
  'intptr_t sendmsg(int descriptor, uintptr_t message, int flags)',
);
export const recvmsg = bindLibc<(descriptor: number, message: number, flags: number) => number>(
  'intptr_t recvmsg(int descriptor, uintptr_t message, int flags)',
);
export const sendmmsg = bindLibc<
  (descriptor: number, messages: number, count: number, flags: number) => number
>('int sendmmsg(int descriptor, uintptr_t messages, uint count, int flags)');
export const recvmmsg = bindLibc<
  (descriptor: number, messages: number, count: number, flags: number, timeout: number) => number
>('int recvmmsg(int descriptor, uintptr_t messages, uint count, int flags, uintptr_t timeout)');
export const sendto = bindLibc<
  (
    descriptor: number,
    bytes: number,
    length: number,
    flags: number,
    address: number,
    addressLength: number,
  ) => number
>(
  'intptr_t sendto(int descriptor, uintptr_t bytes, size_t length, int flags, uintptr_t address, uint addressLength)',
);

export const socketFamily = { inet: 2, inet6: 10, netlink: 16, packet: 17 } as const;
export const socketType = {
  stream: 1,
  datagram: 2,
  raw: 3,
  nonBlocking: 0o4000,
  closeOnExec: 0o2000000,
} as const;
export const socketLevel = { ip: 0, socket: 1, udp: 17, ipv6: 41, packet: 263, netlink: 270 } as const;
/** Level SOL_SOCKET. */
export const socketOption = {
  reuseAddress: 2,
  broadcast: 6,
  sendBuffer: 7,
  receiveBuffer: 8,
  bindToDevice: 25,
  attachFilter: 26,
  sendBufferForce: 32,
  receiveBufferForce: 33,
  timestampNanoseconds: 35,
  mark: 36,
} as const;
/** Level IPPROTO_IP. */
export const ipOption = { headerIncluded: 3, packetInformation: 8, mtuDiscover: 10 } as const;
/** Level IPPROTO_IPV6. */
export const ipv6Option = {
  mtuDiscover: 23,
  onlyIpv6: 26,
  headerIncluded: 36,
  receivePacketInformation: 49,
  packetInformation: 50,
  dontFragment: 62,
} as const;
/** Level IPPROTO_UDP. */
export const udpOption = { segment: 103, receiveCoalesced: 104 } as const;
/** Level SOL_PACKET. */
export const packetOption = {
  statistics: 6,
  auxiliaryData: 8,
  virtioHeader: 15,
  ignoreOutgoing: 23,
} as const;
export const messageFlag = {
  dontWait: 0x40,
  truncated: 0x20,
  waitForOne: 0x10000,
  noSignal: 0x4000,
} as const;

const optionValue = allocateBlock(16);
const optionLength = allocateBlock(16);

/** Sets an option that is an int; -1 on failure, see `lastErrorNumber`. */
export function setIntegerOption(descriptor: number, level: number, name: number, value: number): number {
  optionValue.view.setInt32(0, value, true);
  return setsockopt(descriptor, level, name, optionValue.address, 4);
}

export function getIntegerOption(descriptor: number, level: number, name: number): number {
  optionLength.view.setUint32(0, 4, true);
  checkCall(getsockopt(descriptor, level, name, optionValue.address, optionLength.address), 'getsockopt');
  return optionValue.view.getInt32(0, true);
}

export const { write: writeSocketAddress, read: readSocketAddress } = socketAddressesOf(socketFamily.inet6);

const socketpair = bindLibc<(family: number, type: number, protocol: number, pair: number) => number>(
  'int socketpair(int family, int type, int protocol, uintptr_t pair)',
);

/** Two connected Unix stream sockets, both closed on exec. Throws SystemCallError. */
export function createSocketPair(): readonly [number, number] {
  const unix = 1;
  const stream = 1;
  const closeOnExec = 0o2000000;
  const pair = allocateBlock(8);
  checkCall(socketpair(unix, stream | closeOnExec, 0, pair.address), 'socketpair');
  return [pair.view.getInt32(0, true), pair.view.getInt32(4, true)];
}
