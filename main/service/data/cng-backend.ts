// The second AEAD backend on Windows: the system's own CNG, working on the packet memory by address.
import { CngKey } from '../../../native/bcrypt.ts';
import { moveMemory } from '../../../native/kernel32.ts';
import { addressOf } from '../../../native/libc-memory.ts';
import type { AeadBackend, AeadOpener, AeadSealer } from '../../engine/esp/aead-backend.ts';
import type { EspAlgorithm } from '../../engine/sa/parameters.ts';

/** `memory.address` must be set. Throws CngError where this Windows lacks the algorithm. */
export const cngBackend: AeadBackend = {
  name: 'Windows CNG',
  createSealer(memory, algorithm, key): AeadSealer {
    return new Sealer(memory.address, keyFor(algorithm, key));
  },
  createOpener(memory, algorithm, key): AeadOpener {
    const { address } = memory;
    const opener = keyFor(algorithm, key);
    return {
      open(nonceOffset, additionalOffset, additionalLength, inputOffset, length, outputOffset, icvOffset) {
        return opener.open(
          address + nonceOffset,
          address + additionalOffset,
          additionalLength,
          address + inputOffset,
          length,
          address + outputOffset,
          address + icvOffset,
        );
      },
      destroy() {
        opener.destroy();
      },
    };
  },
};

function keyFor(algorithm: EspAlgorithm, key: Uint8Array): CngKey {
  const cipher = algorithm === 'chacha20-poly1305' ? 'CHACHA20_POLY1305' : 'AES-GCM';
  return new CngKey(cipher, addressOf(key), key.length);
}

/** CNG takes parts of whole blocks only: they are put together where the output shall be, and sealed there at the end. */
class Sealer implements AeadSealer {
  readonly #base: number;
  readonly #key: CngKey;
  #nonce = 0;
  #additional = 0;
  #additionalLength = 0;
  #output = -1;
  #length = 0;

  constructor(base: number, key: CngKey) {
    this.#base = base;
    this.#key = key;
  }

  begin(nonceOffset: number, additionalOffset: number, additionalLength: number): void {
    this.#nonce = this.#base + nonceOffset;
    this.#additional = this.#base + additionalOffset;
    this.#additionalLength = additionalLength;
    this.#output = -1;
    this.#length = 0;
  }

  update(inputOffset: number, length: number, outputOffset: number): void {
    if (this.#output < 0) this.#output = this.#base + outputOffset;
    if (inputOffset !== outputOffset) {
      moveMemory(this.#base + outputOffset, this.#base + inputOffset, length);
    }
    this.#length += length;
  }

  finish(icvOffset: number): void {
    const tag = this.#base + icvOffset;
    const output = this.#output < 0 ? tag : this.#output;
    this.#key.seal(this.#nonce, this.#additional, this.#additionalLength, output, this.#length, output, tag);
  }

  destroy(): void {
    this.#key.destroy();
  }
}
