// Receives on a UDP socket of Windows: datagrams one by one, or in runs where the system coalesces them (URO).
import { WindowsCallError } from '../../../native/kernel32.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import {
  bufferSize,
  type EventSocket,
  ipOption,
  ipv6Option,
  lastSocketError,
  messageFlag,
  messageOffset,
  messageSize,
  type ReceiveMessage,
  readSocketAddress,
  receiveMessageOf,
  resetSocketEvent,
  socketError,
  socketLevel,
  udpOption,
  writeBuffer,
  writeMessage,
} from '../../../native/winsock.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import {
  type DatagramBatch,
  type PacketMemory,
  packetHeadroom,
  type SlotRegion,
} from '../../engine/packet/batch.ts';
import type { PeerTable } from './peer-table.ts';

export interface WindowsReceiverOptions {
  readonly socket: EventSocket;
  readonly family: 4 | 6;
  readonly localPort: number;
  readonly memory: PacketMemory;
  readonly peers: PeerTable;
}

const entriesPerCall = 64;
/** Room for struct sockaddr_in6, 28 bytes. */
const nameStride = 32;
/** Room for the local address (at most 40 bytes) and the run's segment size (24). */
const controlStride = 64;
/** WSACMSGHDR: length 0 (64 bits, header included), level 8, type 12, data from 16 on; padded to 8 bytes. */
const controlDataOffset = 16;

export class WindowsReceiver {
  /** Datagrams that were longer than their slot, and refusals of the system. */
  errors = 0;
  readonly #options: WindowsReceiverOptions;
  readonly #receive: ReceiveMessage;
  readonly #message = allocateBlock(messageSize);
  readonly #buffer = allocateBlock(bufferSize);
  readonly #received = allocateBlock(8);
  readonly #names = allocateBlock(entriesPerCall * nameStride);
  readonly #controls = allocateBlock(entriesPerCall * controlStride);
  /** Offset of the local address in the controls block, for each entry of the latest batch; 0: not told. */
  readonly #localOffset = new Uint32Array(entriesPerCall);

  /** Throws WindowsCallError. */
  constructor(options: WindowsReceiverOptions) {
    this.#options = options;
    this.#receive = receiveMessageOf(options.socket.socket);
  }

  /** See Underlay.receive. */
  receive(batch: DatagramBatch, region: SlotRegion): void {
    const { socket, memory, peers } = this.#options;
    const limit = Math.min(batch.capacity, region.slotCount, entriesPerCall);
    // Before the first call: what comes while we read raises it again.
    resetSocketEvent(socket.event);
    let count = 0;
    for (let tries = 0; count < limit && tries < 2 * limit; tries += 1) {
      const start = region.start + count * region.slotSize + packetHeadroom;
      this.#prepare(count, memory.address + start, region.slotSize - packetHeadroom);
      if (this.#receive(this.#message.address, this.#received.address) !== 0) {
        if (!this.#goesOn(lastSocketError())) break;
        continue;
      }
      if ((this.#message.view.getUint32(messageOffset.flags, true) & messageFlag.truncated) !== 0) {
        this.errors += 1;
        continue;
      }
      const length = this.#received.view.getUint32(0, true);
      const segmentSize = this.#readControls(count);
      batch.offset[count] = start;
      batch.length[count] = length;
      batch.segmentSize[count] = segmentSize < length ? segmentSize : 0;
      batch.peer[count] = peers.find(this.#names.view, count * nameStride);
      batch.remote[count] = count;
      count += 1;
    }
    batch.count = count;
  }

  remoteAt(remote: number): Endpoint {
    const { address, port } = readSocketAddress(this.#names.view, remote * nameStride);
    return { address: { family: this.#options.family, bytes: address }, port };
  }

  localAt(remote: number): Endpoint {
    const { family, localPort } = this.#options;
    const size = family === 4 ? 4 : 16;
    const start = this.#localOffset[remote]!;
    const bytes = start === 0 ? new Uint8Array(size) : this.#controls.bytes.slice(start, start + size);
    return { address: { family, bytes }, port: localPort };
  }

  #prepare(index: number, address: number, room: number): void {
    writeBuffer(this.#buffer, 0, address, room);
    writeMessage(this.#message, 0, {
      name: this.#names.address + index * nameStride,
      nameLength: nameStride,
      buffer: this.#buffer.address,
      control: this.#controls.address + index * controlStride,
      controlLength: controlStride,
    });
  }

  /** Whether the next datagram may be asked for after that error. Throws WindowsCallError where the socket is lost. */
  #goesOn(error: number): boolean {
    if (error === socketError.wouldBlock) return false;
    if (error === socketError.notSocket) throw new WindowsCallError('WSARecvMsg', error);
    if (error !== socketError.connectionReset) this.errors += 1;
    return error === socketError.connectionReset || error === socketError.messageTooLong;
  }

  /** Notes where the local address lies and returns the segment size; 0: a single datagram. */
  #readControls(index: number): number {
    const { view } = this.#controls;
    const start = index * controlStride;
    const end = start + this.#message.view.getUint32(messageOffset.controlLength, true);
    let segmentSize = 0;
    this.#localOffset[index] = 0;
    for (let offset = start; offset + controlDataOffset <= end; ) {
      const length = view.getUint32(offset, true);
      if (length < controlDataOffset) break;
      const level = view.getInt32(offset + 8, true);
      const type = view.getInt32(offset + 12, true);
      const data = offset + controlDataOffset;
      // struct in_pktinfo and in6_pktinfo begin with the address.
      const isLocal =
        (level === socketLevel.ip && type === ipOption.packetInformation) ||
        (level === socketLevel.ipv6 && type === ipv6Option.packetInformation);
      if (isLocal) this.#localOffset[index] = data;
      else if (level === socketLevel.udp && type === udpOption.coalesced)
        segmentSize = view.getUint32(data, true);
      offset += (length + 7) & ~7;
    }
    return segmentSize;
  }
}
