// Segmentation of super-packets, as a network card would do it: headers repeated, lengths, ids, sequence numbers, flags
// and checksums made right for each segment.
import { type PacketMemory, segmentation } from '../packet/batch.ts';
import { foldSum, pseudoHeaderSum } from '../packet/checksum.ts';
import type { PacketView } from '../packet/view.ts';
import type { PacketKernel } from './packet-kernel.ts';

const udpHeaderLength = 8;
const finAndPush = 0x09;
const congestionWindowReduced = 0x80;

/** One super-packet at a time: `begin`, then `build` for each segment in order. */
export class Segmenter {
  readonly #memory: PacketMemory;
  readonly #kernel: PacketKernel;
  #source = 0;
  #isTcp = false;
  #family: 4 | 6 = 4;
  #ipLength = 0;
  #headerLength = 0;
  #payloadLength = 0;
  #size = 0;
  #count = 0;
  #identification = 0;
  #sequence = 0;
  #flags = 0;
  /** Sums of what all segments have in common. */
  #ipSum = 0;
  #transportSum = 0;

  constructor(memory: PacketMemory, kernel: PacketKernel) {
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /**
   * Takes a super-packet of `segmentType` apart into segments of `size` payload bytes; TCP's are made smaller where a
   * whole packet of them would exceed `mtu`. Returns how many there will be; 0 where the packet is none that can be
   * segmented so. Fields of the source that differ between segments are overwritten.
   */
  begin(view: PacketView, segmentType: number, size: number, mtu: number): number {
    const { view: data } = this.#memory;
    const isTcp = segmentType === segmentation.tcp4 || segmentType === segmentation.tcp6;
    if (view.protocol !== (isTcp ? 6 : 17) || view.isFragment || size === 0) return 0;
    const transportHeader = isTcp ? view.tcpHeaderLength : udpHeaderLength;
    this.#isTcp = isTcp;
    this.#source = view.offset;
    this.#family = view.family;
    this.#ipLength = view.headerLength;
    this.#headerLength = view.headerLength + transportHeader;
    this.#payloadLength = view.length - this.#headerLength;
    this.#size = isTcp ? Math.min(size, mtu - this.#headerLength) : size;
    if (this.#size <= 0) return 0;
    this.#count = Math.max(1, Math.ceil(this.#payloadLength / this.#size));
    if (view.family === 4) this.#begin4(view.offset);
    const start = view.transportOffset;
    if (isTcp) {
      this.#sequence = data.getUint32(start + 4);
      this.#flags = data.getUint16(start + 12);
      data.setUint32(start + 4, 0);
      data.setUint16(start + 12, 0);
      data.setUint16(start + 16, 0);
    } else {
      data.setUint32(start + 4, 0);
    }
    this.#transportSum = foldSum(
      this.#kernel.sum(start, transportHeader) + pseudoHeaderSum(view, view.protocol, 0),
    );
    return this.#count;
  }

  /** Bytes of the largest segment with its headers. */
  get largestLength(): number {
    return this.#headerLength + Math.min(this.#size, this.#payloadLength);
  }

  /** Writes segment `index` at `target`, which does not overlap the super-packet; returns its length. */
  build(index: number, target: number): number {
    const { view: data } = this.#memory;
    const kernel = this.#kernel;
    const done = index * this.#size;
    const size = Math.min(this.#size, this.#payloadLength - done);
    const length = this.#headerLength + size;
    kernel.copy(this.#source, target, this.#headerLength);
    const payloadSum = kernel.copyAndSum(
      this.#source + this.#headerLength + done,
      target + this.#headerLength,
      size,
    );
    if (this.#family === 4) {
      const identification = (this.#identification + index) & 0xffff;
      data.setUint16(target + 2, length);
      data.setUint16(target + 4, identification);
      data.setUint16(target + 10, ~foldShort(this.#ipSum + length + identification) & 0xffff);
    } else {
      data.setUint16(target + 4, length - 40);
    }
    const start = target + this.#ipLength;
    const transportLength = length - this.#ipLength;
    if (this.#isTcp) {
      const sequence = (this.#sequence + done) >>> 0;
      let flags = this.#flags;
      if (index > 0) flags &= ~congestionWindowReduced;
      if (index < this.#count - 1) flags &= ~finAndPush;
      data.setUint32(start + 4, sequence);
      data.setUint16(start + 12, flags);
      const sequenceSum = (sequence >>> 16) + (sequence & 0xffff);
      const sum = this.#transportSum + sequenceSum + flags + transportLength + payloadSum;
      data.setUint16(start + 16, ~foldShort(sum) & 0xffff);
    } else {
      data.setUint16(start + 4, transportLength);
      // The length counts twice: in the header and in the pseudo header. Zero would mean "no checksum" (RFC 768).
      const sum = this.#transportSum + 2 * transportLength + payloadSum;
      data.setUint16(start + 6, ~foldShort(sum) & 0xffff || 0xffff);
    }
    return length;
  }

  #begin4(offset: number): void {
    const { view: data } = this.#memory;
    this.#identification = data.getUint16(offset + 4);
    data.setUint32(offset + 2, 0);
    data.setUint16(offset + 10, 0);
    this.#ipSum = this.#kernel.sum(offset, this.#ipLength);
  }
}

/** Folds the sum of a few 16-bit words to 16 bits. */
function foldShort(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
