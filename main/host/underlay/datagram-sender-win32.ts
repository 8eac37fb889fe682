// Sends on a UDP socket of Windows: runs in one call where the system cuts them (USO), else datagram by datagram.
import { WindowsCallError } from '../../../native/kernel32.ts';
import { allocateBlock, writePointer } from '../../../native/libc-memory.ts';
import { socketAddressLength } from '../../../native/socket-address.ts';
import {
  bufferSize,
  lastSocketError,
  messageSize,
  sendMessage,
  sendTo,
  socketError,
  socketLevel,
  udpOption,
  writeBuffer,
  writeMessage,
  writeSocketAddress,
} from '../../../native/winsock.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import type { DatagramBatch, PacketMemory } from '../../engine/packet/batch.ts';
import type { PeerTable } from './peer-table.ts';

/** UDP payload of the largest IPv4 packet, bytes. */
const longestDatagram = 65_507;
/** Windows takes at most so many segments in one call. */
const segmentsPerRun = 512;
/** WSACMSGHDR with a DWORD: length 0, level 8, type 12, value 16; padded to 24 bytes. */
const segmentControlLength = 20;
const segmentControlRoom = 24;

export class WindowsSender {
  /** Datagrams or runs that the system refused, and entries for peers that are not there. */
  errors = 0;
  segmented: boolean;
  readonly #socket: number;
  readonly #family: 4 | 6;
  readonly #memory: PacketMemory;
  readonly #peers: PeerTable;
  readonly #message = allocateBlock(messageSize);
  readonly #buffer = allocateBlock(bufferSize);
  readonly #control = allocateBlock(segmentControlRoom);
  readonly #sent = allocateBlock(8);
  readonly #single = allocateBlock(32 + longestDatagram);

  constructor(socket: number, family: 4 | 6, segmented: boolean, memory: PacketMemory, peers: PeerTable) {
    this.#socket = socket;
    this.#family = family;
    this.segmented = segmented;
    this.#memory = memory;
    this.#peers = peers;
    const { view } = this.#control;
    writePointer(view, 0, segmentControlLength);
    view.setInt32(8, socketLevel.udp, true);
    view.setInt32(12, udpOption.segment, true);
  }

  /** See Underlay.send. */
  send(batch: DatagramBatch, from: number): number {
    for (let entry = from; entry < batch.count; entry += 1) {
      const name = this.#peers.addressOf(batch.peer[entry]!);
      if (name === 0) {
        this.errors += 1;
        continue;
      }
      const taken = this.#sendEntry(batch, entry, name);
      if (taken === batch.length[entry]) continue;
      batch.offset[entry]! += taken;
      batch.length[entry]! -= taken;
      return entry - from;
    }
    return batch.count - from;
  }

  /** One datagram by value; refusals are counted. */
  sendTo(bytes: Uint8Array, remote: Endpoint): void {
    if (remote.address.family !== this.#family || bytes.length > longestDatagram) {
      this.errors += 1;
      return;
    }
    const { view, address } = this.#single;
    const data = 32;
    const nameLength = writeSocketAddress(view, 0, remote.address.bytes, remote.port);
    this.#single.bytes.set(bytes, data);
    if (sendTo(this.#socket, address + data, bytes.length, 0, address, nameLength) < 0) this.errors += 1;
  }

  /** Bytes of the entry that are on their way, or were refused for good; fewer than it has where the socket is full. */
  #sendEntry(batch: DatagramBatch, entry: number, name: number): number {
    const length = batch.length[entry]!;
    const start = this.#memory.address + batch.offset[entry]!;
    const segmentSize = batch.segmentSize[entry]! || length;
    for (let done = 0; done < length; ) {
      const isRun = this.segmented && length - done > segmentSize;
      const size = Math.min(length - done, isRun ? longestRun(segmentSize) : segmentSize);
      const error = isRun
        ? this.#sendRun(start + done, size, segmentSize, name)
        : this.#sendOne(start + done, size, name);
      if (error === socketError.wouldBlock) return done;
      if (error !== 0 && isRun) {
        // The link or its driver cannot: from now on datagram by datagram.
        this.segmented = false;
        continue;
      }
      if (error !== 0) this.errors += 1;
      done += size;
    }
    return length;
  }

  #sendOne(address: number, length: number, name: number): number {
    const result = sendTo(this.#socket, address, length, 0, name, socketAddressLength(this.#family));
    return result < 0 ? this.#error('sendto') : 0;
  }

  #sendRun(address: number, length: number, segmentSize: number, name: number): number {
    this.#control.view.setUint32(16, segmentSize, true);
    writeBuffer(this.#buffer, 0, address, length);
    writeMessage(this.#message, 0, {
      name,
      nameLength: socketAddressLength(this.#family),
      buffer: this.#buffer.address,
      control: this.#control.address,
      controlLength: segmentControlRoom,
    });
    const result = sendMessage(this.#socket, this.#message.address, 0, this.#sent.address, 0, 0);
    return result !== 0 ? this.#error('WSASendMsg') : 0;
  }

  #error(call: string): number {
    const error = lastSocketError();
    if (error === socketError.notSocket) throw new WindowsCallError(call, error);
    return error;
  }
}

function longestRun(segmentSize: number): number {
  return segmentSize * Math.max(1, Math.min(segmentsPerRun, Math.floor(longestDatagram / segmentSize)));
}
