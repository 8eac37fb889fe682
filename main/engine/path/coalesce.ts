// Coalescing: consecutive TCP segments of one flow become one super-packet for an adapter that takes them. Only
// segments whose checksum was verified are merged, since the system takes our word for the sum of a super-packet.
import { checksumState, type PacketMemory, segmentation } from '../packet/batch.ts';
import { verifyHeaderChecksum } from '../packet/checksum.ts';
import { protocolNumber } from '../packet/protocol.ts';
import { type PacketView, tcpFlag } from '../packet/view.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { WriteQueue } from './write-queue.ts';

const candidateCount = 16;
const maximumLength = 65_535;
const tcpChecksumOffset = 16;

/** A TCP packet in the write queue that may still grow. */
class Candidate {
  /** Index in the write queue; -1: none. */
  entry = -1;
  offset = 0;
  family: 4 | 6 = 4;
  ipLength = 0;
  headerLength = 0;
  /** Payload bytes of the first segment: no later one is larger. */
  segmentSize = 0;
  payloadLength = 0;
  segments = 0;
  nextSequence = 0;
  /** IPv4 addresses; IPv6's are compared in place. */
  source = 0;
  destination = 0;
  ports = 0;
}

export class Coalescer {
  readonly #memory: PacketMemory;
  readonly #kernel: PacketKernel;
  readonly #queue: WriteQueue;
  readonly #candidates = Array.from({ length: candidateCount }, () => new Candidate());
  #next = 0;
  #active = 0;

  constructor(memory: PacketMemory, kernel: PacketKernel, queue: WriteQueue) {
    this.#memory = memory;
    this.#kernel = kernel;
    this.#queue = queue;
  }

  /** Merges the TCP packet into one that waits in the queue, or appends it. The queue must have room for one more. */
  add(view: PacketView): void {
    const candidate = this.#active > 0 ? this.#find(view) : undefined;
    const grows = this.#mayGrow(view);
    if (candidate !== undefined && grows && this.#merge(candidate, view)) return;
    if (candidate !== undefined) this.#close(candidate);
    const isVerified = grows && this.#isVerified(view);
    const state = isVerified ? checksumState.verified : checksumState.complete;
    const entry = this.#queue.add(view.offset, view.length, state, 0, 0);
    if (isVerified && (view.tcpFlags & tcpFlag.push) === 0) this.#begin(view, entry);
  }

  /** Makes every merged packet whole: before the queue is written. */
  finish(): void {
    if (this.#active === 0) return;
    for (const candidate of this.#candidates) if (candidate.entry >= 0) this.#close(candidate);
  }

  /** Data, in an unfragmented packet without IP options, that begins or ends nothing. */
  #mayGrow(view: PacketView): boolean {
    const flags = this.#memory.bytes[view.transportOffset + 13]!;
    return (
      (flags & ~tcpFlag.push) === tcpFlag.ack &&
      !view.isFragment &&
      view.headerLength === (view.family === 4 ? 20 : 40) &&
      view.transportLength > view.tcpHeaderLength &&
      (view.family === 6 || verifyHeaderChecksum(this.#memory, view.offset))
    );
  }

  #isVerified(view: PacketView): boolean {
    const sum = this.#kernel.sum(view.transportOffset, view.transportLength);
    return fold(sum + this.#pseudoSum(view.offset, view.family, view.transportLength)) === 0xffff;
  }

  #find(view: PacketView): Candidate | undefined {
    const ports = this.#memory.view.getInt32(view.transportOffset);
    for (const candidate of this.#candidates) {
      if (candidate.entry < 0 || candidate.ports !== ports || candidate.family !== view.family) continue;
      const isSame =
        view.family === 4
          ? candidate.source === view.source0 && candidate.destination === view.destination0
          : this.#hasSameAddresses6(candidate.offset, view.offset);
      if (isSame) return candidate;
    }
    return undefined;
  }

  #hasSameAddresses6(one: number, other: number): boolean {
    const { view: data } = this.#memory;
    for (let place = 8; place < 40; place += 4) {
      if (data.getInt32(one + place) !== data.getInt32(other + place)) return false;
    }
    return true;
  }

  #begin(view: PacketView, entry: number): void {
    const candidate = this.#candidates[this.#next]!;
    this.#next = (this.#next + 1) % candidateCount;
    if (candidate.entry >= 0) this.#close(candidate);
    const { view: data } = this.#memory;
    candidate.entry = entry;
    candidate.offset = view.offset;
    candidate.family = view.family;
    candidate.ipLength = view.headerLength;
    candidate.headerLength = view.headerLength + view.tcpHeaderLength;
    candidate.payloadLength = view.length - candidate.headerLength;
    candidate.segmentSize = candidate.payloadLength;
    candidate.segments = 1;
    candidate.nextSequence = (data.getUint32(view.transportOffset + 4) + candidate.payloadLength) >>> 0;
    candidate.source = view.source0;
    candidate.destination = view.destination0;
    candidate.ports = data.getInt32(view.transportOffset);
    this.#active += 1;
  }

  /** False: the segment does not continue the candidate, and nothing was changed. */
  #merge(candidate: Candidate, view: PacketView): boolean {
    const { view: data, bytes } = this.#memory;
    const size = view.length - candidate.headerLength;
    if (
      data.getUint32(view.transportOffset + 4) !== candidate.nextSequence ||
      view.headerLength + view.tcpHeaderLength !== candidate.headerLength ||
      size > candidate.segmentSize ||
      candidate.headerLength + candidate.payloadLength + size > maximumLength ||
      !this.#hasSameHeader(candidate, view)
    ) {
      return false;
    }
    if (candidate.segments === 1 && !this.#moveToSlot(candidate)) return false;
    const target = candidate.offset + candidate.headerLength + candidate.payloadLength;
    const payloadSum = this.#kernel.copyAndSum(view.offset + candidate.headerLength, target, size);
    const sum =
      payloadSum +
      this.#kernel.sum(view.transportOffset, view.tcpHeaderLength) +
      this.#pseudoSum(view.offset, view.family, view.transportLength);
    if (fold(sum) !== 0xffff) return false;
    candidate.payloadLength += size;
    candidate.segments += 1;
    candidate.nextSequence = (candidate.nextSequence + size) >>> 0;
    const pushes = (view.tcpFlags & tcpFlag.push) !== 0;
    if (pushes) bytes[candidate.offset + candidate.ipLength + 13]! |= tcpFlag.push;
    if (pushes || size < candidate.segmentSize) this.#close(candidate);
    return true;
  }

  /** All but length, id, checksums, sequence number and PSH must be the same. */
  #hasSameHeader(candidate: Candidate, view: PacketView): boolean {
    const { view: data } = this.#memory;
    const one = candidate.offset;
    const other = view.offset;
    if (view.family === 4) {
      if (
        data.getUint16(one) !== data.getUint16(other) ||
        data.getUint32(one + 6) !== data.getUint32(other + 6)
      ) {
        return false;
      }
    } else if (
      data.getUint32(one) !== data.getUint32(other) ||
      data.getUint16(one + 6) !== data.getUint16(other + 6)
    ) {
      return false;
    }
    const tcpOne = one + candidate.ipLength;
    const tcpOther = other + candidate.ipLength;
    if (
      data.getUint32(tcpOne + 8) !== data.getUint32(tcpOther + 8) ||
      data.getUint16(tcpOne + 14) !== data.getUint16(tcpOther + 14) ||
      data.getUint16(tcpOne + 18) !== data.getUint16(tcpOther + 18)
    ) {
      return false;
    }
    const optionsLength = candidate.headerLength - candidate.ipLength;
    for (let place = 20; place < optionsLength; place += 4) {
      if (data.getUint32(tcpOne + place) !== data.getUint32(tcpOther + place)) return false;
    }
    return true;
  }

  /** Room to grow: the first segment leaves the place where it was opened. */
  #moveToSlot(candidate: Candidate): boolean {
    const slot = this.#queue.takeSlot();
    if (slot < 0) return false;
    this.#kernel.copy(candidate.offset, slot, candidate.headerLength + candidate.payloadLength);
    candidate.offset = slot;
    this.#queue.batch.offset[candidate.entry] = slot;
    return true;
  }

  /** Writes the header of the super-packet, if it became one, and lets it grow no more. */
  #close(candidate: Candidate): void {
    const { entry, offset, family, ipLength } = candidate;
    candidate.entry = -1;
    this.#active -= 1;
    if (candidate.segments === 1) return;
    const { view: data } = this.#memory;
    const { batch } = this.#queue;
    const length = candidate.headerLength + candidate.payloadLength;
    if (family === 4) {
      data.setUint16(offset + 2, length);
      data.setUint16(offset + 10, 0);
      data.setUint16(offset + 10, ~this.#kernel.sum(offset, ipLength) & 0xffff);
    } else {
      data.setUint16(offset + 4, length - 40);
    }
    data.setUint16(
      offset + ipLength + tcpChecksumOffset,
      fold(this.#pseudoSum(offset, family, length - ipLength)),
    );
    batch.length[entry] = length;
    batch.segmentType[entry] = family === 4 ? segmentation.tcp4 : segmentation.tcp6;
    batch.segmentSize[entry] = candidate.segmentSize;
    batch.checksum[entry] = checksumState.needed;
    batch.checksumStart[entry] = ipLength;
    batch.checksumOffset[entry] = tcpChecksumOffset;
  }

  #pseudoSum(offset: number, family: 4 | 6, transportLength: number): number {
    const addresses = family === 4 ? this.#kernel.sum(offset + 12, 8) : this.#kernel.sum(offset + 8, 32);
    return addresses + protocolNumber.tcp + transportLength;
  }
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
