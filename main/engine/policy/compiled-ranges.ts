// Address and port ranges as sorted numbers, in the form in which every packet is compared with them.
import { type AddressRange, addressBits, type IpAddress } from '../packet/address.ts';
import { AddressSet } from '../packet/address-set.ts';
import type { PortRange } from './selector.ts';

/** Addresses of both families. Words are signed or unsigned 32-bit, as in PacketView. */
export class CompiledRanges {
  /** First and last of every range, by turns. */
  readonly #four: Uint32Array;
  /** Four words of the first and four of the last, by turns. */
  readonly #six: Uint32Array;

  constructor(ranges: Iterable<AddressRange>) {
    const merged = new AddressSet(ranges).ranges;
    const wordsOf = (family: 4 | 6): number[] =>
      merged
        .filter((range) => range.first.family === family)
        .flatMap((range) => [...addressWords(range.first), ...addressWords(range.last)]);
    this.#four = Uint32Array.from(wordsOf(4));
    this.#six = Uint32Array.from(wordsOf(6));
  }

  hasFamily(family: 4 | 6): boolean {
    return (family === 4 ? this.#four : this.#six).length > 0;
  }

  contains(family: 4 | 6, word0: number, word1: number, word2: number, word3: number): boolean {
    return family === 4 ? this.#contains4(word0 >>> 0) : this.#contains6(word0, word1, word2, word3);
  }

  #contains4(address: number): boolean {
    const ranges = this.#four;
    let low = 0;
    let high = (ranges.length >> 1) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (address < ranges[middle * 2]!) high = middle - 1;
      else if (address > ranges[middle * 2 + 1]!) low = middle + 1;
      else return true;
    }
    return false;
  }

  #contains6(word0: number, word1: number, word2: number, word3: number): boolean {
    const ranges = this.#six;
    let low = 0;
    let high = (ranges.length >> 3) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (compareWords(ranges, middle * 8, word0, word1, word2, word3) > 0) high = middle - 1;
      else if (compareWords(ranges, middle * 8 + 4, word0, word1, word2, word3) < 0) low = middle + 1;
      else return true;
    }
    return false;
  }
}

/** Port ranges, or for ICMP ranges of type << 8 | code. None given: any port. */
export class CompiledPorts {
  readonly #ranges: Uint16Array;
  readonly isAny: boolean;

  constructor(ranges: readonly PortRange[]) {
    this.isAny = ranges.length === 0 || ranges.some((range) => range.first === 0 && range.last === 0xffff);
    this.#ranges = Uint16Array.from(ranges.flatMap((range) => [range.first, range.last]));
  }

  contains(port: number): boolean {
    if (this.isAny) return true;
    const ranges = this.#ranges;
    for (let index = 0; index < ranges.length; index += 2) {
      if (ranges[index]! <= port && port <= ranges[index + 1]!) return true;
    }
    return false;
  }
}

/** The address as big-endian 32-bit words: one or four. */
export function addressWords(address: IpAddress): number[] {
  const data = new DataView(address.bytes.buffer, address.bytes.byteOffset, addressBits(address.family) / 8);
  return Array.from({ length: address.bytes.length / 4 }, (_, index) => data.getInt32(index * 4));
}

/** Sign of (the four words at `place`) minus (the words given). */
function compareWords(
  words: Uint32Array,
  place: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): number {
  if (words[place] !== word0 >>> 0) return words[place]! < word0 >>> 0 ? -1 : 1;
  if (words[place + 1] !== word1 >>> 0) return words[place + 1]! < word1 >>> 0 ? -1 : 1;
  if (words[place + 2] !== word2 >>> 0) return words[place + 2]! < word2 >>> 0 ? -1 : 1;
  if (words[place + 3] !== word3 >>> 0) return words[place + 3]! < word3 >>> 0 ? -1 : 1;
  return 0;
}
