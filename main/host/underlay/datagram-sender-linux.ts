// Sends runs of datagrams on a UDP socket, or of packets on a raw one: the system cuts a run where it can (UDP_SEGMENT),
// else we do.
import { errorNumber, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import {
  allocateBlock,
  controlDataOffset,
  controlSpace,
  iovecSize,
  messageHeaderOffset,
  mmsghdrSize,
  writeControlHeader,
  writeIovec,
  writeMessageHeader,
  writePointer,
} from '../../../native/libc-memory.ts';
import {
  ipOption,
  ipv6Option,
  messageFlag,
  sendmmsg,
  sendmsg,
  socketLevel,
  udpOption,
  writeSocketAddress,
} from '../../../native/libc-socket.ts';
import { socketAddressLength } from '../../../native/socket-address.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import type { DatagramBatch, PacketMemory } from '../../engine/packet/batch.ts';
import type { PeerTable } from './peer-table.ts';

export class DatagramSender {
  /** Datagrams or runs that the system refused, and entries for peers that are not there. */
  errors = 0;
  segmented: boolean;
  readonly #descriptor: number;
  readonly #family: 4 | 6;
  readonly #memory: PacketMemory;
  readonly #peers: PeerTable;
  readonly #headers = allocateBlock(messagesPerCall * mmsghdrSize);
  readonly #vectors = allocateBlock(messagesPerCall * iovecSize);
  readonly #controls = allocateBlock(messagesPerCall * segmentControl);
  /** Bytes of each message of the call that is being prepared. */
  readonly #lengths = new Uint32Array(messagesPerCall);
  readonly #single = allocateBlock(singleSize);

  constructor(descriptor: number, family: 4 | 6, segmented: boolean, memory: PacketMemory, peers: PeerTable) {
    this.#descriptor = descriptor;
    this.#family = family;
    this.segmented = segmented;
    this.#memory = memory;
    this.#peers = peers;
    for (let index = 0; index < messagesPerCall; index += 1) {
      writeControlHeader(
        this.#controls.view,
        index * segmentControl,
        socketLevel.udp,
        udpOption.segment,
        segmentValueSize,
      );
      writeMessageHeader(this.#headers, index * mmsghdrSize, {
        nameAddress: 0,
        nameLength: socketAddressLength(family),
        iovecAddress: this.#vectors.address + index * iovecSize,
        iovecCount: 1,
        controlAddress: this.#controls.address + index * segmentControl,
        controlLength: 0,
      });
    }
  }

  /** See Underlay.send. */
  send(batch: DatagramBatch, from: number): number {
    let entry = from;
    /** Bytes of `entry` that are on their way already, and whether the rest of it goes datagram by datagram. */
    let done = 0;
    let cutByUs = false;
    while (entry < batch.count) {
      const count = this.#plan(batch, entry, done, cutByUs);
      if (count === 0) {
        this.errors += 1;
        entry += 1;
        continue;
      }
      let sent = sendmmsg(this.#descriptor, this.#headers.address, count, messageFlag.dontWait);
      if (sent < 0) {
        const error = lastErrorNumber();
        if (error === errorNumber.EAGAIN) break;
        if (error === errorNumber.EINTR) continue;
        if (error === errorNumber.EBADF) throw new SystemCallError('sendmmsg', error);
        if (this.#isRun(0)) {
          // EIO: the link cannot; for good. EINVAL, EMSGSIZE: segments longer than this path's MTU.
          if (error === errorNumber.EIO) this.segmented = false;
          if (error === errorNumber.EIO || error === errorNumber.EINVAL || error === errorNumber.EMSGSIZE) {
            cutByUs = true;
            continue;
          }
        }
        this.errors += 1;
        sent = 1;
      }
      for (let index = 0; index < sent; index += 1) {
        done += this.#lengths[index]!;
        if (done >= batch.length[entry]!) {
          entry += 1;
          done = 0;
          cutByUs = false;
        }
      }
    }
    if (done > 0) {
      batch.offset[entry] = batch.offset[entry]! + done;
      batch.length[entry] = batch.length[entry]! - done;
    }
    return entry - from;
  }

  /** One datagram by value; refusals are counted. */
  sendTo(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined): void {
    if (remote.address.family !== this.#family || bytes.length > maximumRun) {
      this.errors += 1;
      return;
    }
    const { view, address } = this.#single;
    this.#single.bytes.set(bytes, singleOffset.data);
    writeIovec(this.#single, singleOffset.vector, address + singleOffset.data, bytes.length);
    writeMessageHeader(this.#single, singleOffset.header, {
      nameAddress: address + singleOffset.name,
      nameLength: writeSocketAddress(view, singleOffset.name, remote.address.bytes, remote.port),
      iovecAddress: address + singleOffset.vector,
      iovecCount: 1,
      controlAddress: address + singleOffset.control,
      controlLength: local ? this.#writeSource(local.address.bytes) : 0,
    });
    if (sendmsg(this.#descriptor, address + singleOffset.header, messageFlag.dontWait) < 0) this.errors += 1;
  }

  /**
   * Fills messages for the entries from `entry` on, its first `done` bytes left out. Returns their number; 0 where the
   * first entry's peer is unknown.
   */
  #plan(batch: DatagramBatch, entry: number, done: number, cutByUs: boolean): number {
    let count = 0;
    let position = done;
    let whole = this.segmented && !cutByUs;
    for (let index = entry; index < batch.count && count < messagesPerCall; ) {
      const name = this.#peers.addressOf(batch.peer[index]!);
      if (name === 0) break;
      const remaining = batch.length[index]! - position;
      const segmentSize = batch.segmentSize[index]!;
      const single = segmentSize === 0 || remaining <= segmentSize;
      const length = single ? remaining : whole ? Math.min(remaining, longestRun(segmentSize)) : segmentSize;
      this.#writeMessage(count, name, batch.offset[index]! + position, length, segmentSize);
      count += 1;
      position += length;
      if (position >= batch.length[index]!) {
        index += 1;
        position = 0;
        whole = this.segmented;
      }
    }
    return count;
  }

  #writeMessage(index: number, name: number, offset: number, length: number, segmentSize: number): void {
    const header = index * mmsghdrSize;
    writePointer(this.#headers.view, header + messageHeaderOffset.name, name);
    writeIovec(this.#vectors, index * iovecSize, this.#memory.address + offset, length);
    const run = segmentSize !== 0 && length > segmentSize;
    this.#headers.view.setUint32(header + messageHeaderOffset.controlLength, run ? segmentControl : 0, true);
    if (run) {
      this.#controls.view.setUint16(index * segmentControl + controlDataOffset, segmentSize, true);
    }
    this.#lengths[index] = length;
  }

  #isRun(index: number): boolean {
    return this.#headers.view.getUint32(index * mmsghdrSize + messageHeaderOffset.controlLength, true) !== 0;
  }

  /** struct in_pktinfo (interface, source, unused) or in6_pktinfo (source, interface). Returns the control's length. */
  #writeSource(source: Uint8Array): number {
    const { view, bytes } = this.#single;
    const start = singleOffset.control;
    const data = start + controlDataOffset;
    bytes.fill(0, start, singleOffset.vector);
    if (this.#family === 4) {
      writeControlHeader(view, start, socketLevel.ip, ipOption.packetInformation, 12);
      bytes.set(source, data + 4);
      return controlSpace(12);
    }
    writeControlHeader(view, start, socketLevel.ipv6, ipv6Option.packetInformation, 20);
    bytes.set(source, data);
    return controlSpace(20);
  }
}

const messagesPerCall = 64;
/** The system cuts at most this many segments out of a run (UDP_MAX_SEGMENTS before Linux 6.9). */
const segmentsPerRun = 64;
/** UDP payload of the largest IPv4 packet, bytes. */
const maximumRun = 65_507;
const segmentValueSize = 2;
const segmentControl = controlSpace(segmentValueSize);
/** Places in the block for single datagrams. */
const singleOffset = { header: 0, name: 64, control: 96, vector: 144, data: 160 } as const;
const singleSize = singleOffset.data + maximumRun;

function longestRun(segmentSize: number): number {
  return segmentSize * Math.max(1, Math.min(segmentsPerRun, Math.floor(maximumRun / segmentSize)));
}
