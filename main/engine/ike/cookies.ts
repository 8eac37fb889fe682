// Stateless cookies (RFC 7296 section 2.6): proof that an initiator receives at the address it sends from.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IpAddress } from '../packet/address.ts';
import { concatBytes, uint64Bytes } from './bytes.ts';

const secretLifetimeMilliseconds = 60_000;

/** A cookie is one byte that numbers the secret, and HMAC-SHA2-256 over nonce, address and SPI. */
export class Cookies {
  readonly #random: (bytes: Uint8Array) => void;
  readonly #secrets: Uint8Array[] = [];
  #generation = -1;
  #madeAt = 0;

  constructor(random: (bytes: Uint8Array) => void) {
    this.#random = random;
  }

  make(nowMilliseconds: number, nonce: Uint8Array, address: IpAddress, initiatorSpi: bigint): Uint8Array {
    if (this.#generation < 0 || nowMilliseconds - this.#madeAt > secretLifetimeMilliseconds) {
      this.#generation = (this.#generation + 1) % 2;
      this.#madeAt = nowMilliseconds;
      const secret = new Uint8Array(32);
      this.#random(secret);
      this.#secrets[this.#generation] = secret;
    }
    return this.#compute(this.#generation, nonce, address, initiatorSpi);
  }

  /** Cookies of the present and of the previous secret are good. */
  isValid(cookie: Uint8Array, nonce: Uint8Array, address: IpAddress, initiatorSpi: bigint): boolean {
    const generation = cookie[0];
    if (generation === undefined || this.#secrets[generation] === undefined) return false;
    const expected = this.#compute(generation, nonce, address, initiatorSpi);
    return expected.length === cookie.length && timingSafeEqual(expected, cookie);
  }

  #compute(generation: number, nonce: Uint8Array, address: IpAddress, initiatorSpi: bigint): Uint8Array {
    const mac = createHmac('sha256', this.#secrets[generation]!)
      .update(nonce)
      .update(address.bytes)
      .update(uint64Bytes(initiatorSpi))
      .digest();
    return concatBytes([new Uint8Array([generation]), mac]);
  }
}
