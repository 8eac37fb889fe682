// Fragmentation of IPv4 packets that may be fragmented, ahead of sealing (RFC 791 section 3.2, RFC 4301 section 8.1).
import type { PacketMemory } from '../packet/batch.ts';
import { writeHeaderChecksum } from '../packet/checksum.ts';
import type { PacketView } from '../packet/view.ts';
import type { PacketKernel } from './packet-kernel.ts';

/** One packet at a time: `begin`, then `build` until it returns 0. */
export class Fragmenter {
  readonly #memory: PacketMemory;
  readonly #kernel: PacketKernel;
  #source = 0;
  #headerLength = 0;
  #payloadLength = 0;
  #mtu = 0;
  #done = 0;
  #firstUnit = 0;
  #moreBehind = false;

  constructor(memory: PacketMemory, kernel: PacketKernel) {
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** `mtu`: bytes of the largest fragment. The packet's checksums are complete. */
  begin(view: PacketView, mtu: number): void {
    this.#source = view.offset;
    this.#headerLength = (this.#memory.bytes[view.offset]! & 0x0f) * 4;
    this.#payloadLength = view.length - this.#headerLength;
    this.#mtu = mtu;
    this.#done = 0;
    this.#firstUnit = view.fragmentOffset / 8;
    this.#moreBehind = view.moreFragments;
  }

  /** Writes the next fragment at `target`, which does not overlap the packet; returns its length, 0 after the last. */
  build(target: number): number {
    if (this.#done >= this.#payloadLength) return 0;
    const { view: data } = this.#memory;
    const headerLength = this.#writeHeader(target);
    const room = (this.#mtu - headerLength) & -8;
    const size = Math.min(Math.max(room, 8), this.#payloadLength - this.#done);
    const isLast = this.#done + size === this.#payloadLength && !this.#moreBehind;
    this.#kernel.copy(this.#source + this.#headerLength + this.#done, target + headerLength, size);
    data.setUint16(target + 2, headerLength + size);
    data.setUint16(target + 6, (this.#firstUnit + this.#done / 8) | (isLast ? 0 : 0x2000));
    writeHeaderChecksum(this.#memory, target);
    this.#done += size;
    return headerLength + size;
  }

  /** The first fragment has all options, the others those with the copied flag (RFC 791 section 3.1). */
  #writeHeader(target: number): number {
    const { bytes } = this.#memory;
    if (this.#done === 0) {
      this.#kernel.copy(this.#source, target, this.#headerLength);
      return this.#headerLength;
    }
    this.#kernel.copy(this.#source, target, 20);
    let length = 20;
    let place = this.#source + 20;
    const end = this.#source + this.#headerLength;
    while (place < end && bytes[place] !== 0) {
      const size = bytes[place] === 1 ? 1 : bytes[place + 1]!;
      if (bytes[place]! & 0x80) {
        this.#kernel.copy(place, target + length, size);
        length += size;
      }
      place += size;
    }
    while (length % 4 !== 0) bytes[target + length++] = 0;
    bytes[target] = 0x40 | (length / 4);
    return length;
  }
}
