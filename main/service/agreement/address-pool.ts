// Gives virtual addresses to the terminals that come to our gateway: the lowest free one, the same one again for the
// same identity while it is remembered.
import type { AddressFamily, AddressPrefix, IpAddress } from '../../engine/packet/address.ts';

export class AddressPool {
  readonly #base: Uint8Array;
  readonly #family: AddressFamily;
  readonly #size: number;
  readonly #holderOf = new Map<number, string>();
  readonly #numberOf = new Map<string, number>();

  /** At most 65,534 addresses of the prefix are used; the first and last are not. */
  constructor(prefix: AddressPrefix) {
    this.#base = prefix.address.bytes;
    this.#family = prefix.address.family;
    const hostBits = Math.min(this.#base.length * 8 - prefix.length, 16);
    this.#size = Math.max(0, 2 ** hostBits - 2);
  }

  /** The holder's address, a new one, or undefined when every address is taken. */
  assign(holder: string): IpAddress | undefined {
    const known = this.#numberOf.get(holder);
    if (known !== undefined) return this.#address(known);
    for (let number = 1; number <= this.#size; number += 1) {
      if (this.#holderOf.has(number)) continue;
      this.#holderOf.set(number, holder);
      this.#numberOf.set(holder, number);
      return this.#address(number);
    }
    return undefined;
  }

  release(holder: string): void {
    const number = this.#numberOf.get(holder);
    if (number === undefined) return;
    this.#numberOf.delete(holder);
    this.#holderOf.delete(number);
  }

  #address(number: number): IpAddress {
    const bytes = Uint8Array.from(this.#base);
    let carry = number;
    for (let index = bytes.length - 1; carry > 0 && index >= 0; index -= 1) {
      const sum = bytes[index]! + (carry & 0xff);
      bytes[index] = sum & 0xff;
      carry = (carry >>> 8) + (sum >> 8);
    }
    return { family: this.#family, bytes };
  }
}
