// The data plane's AEAD: OpenSSL through koffi, one context for each SA, working on the packet memory by address.
import { addressOf } from '../../../native/libc-memory.ts';
import { type AeadCipherName, AeadDecryption, AeadEncryption } from '../../../native/openssl.ts';
import type { AeadBackend, AeadOpener, AeadSealer } from '../../engine/esp/aead-backend.ts';
import type { EspAlgorithm } from '../../engine/sa/parameters.ts';

/** `memory.address` must be set. Throws where this OpenSSL lacks the algorithm. */
export const opensslBackend: AeadBackend = {
  name: 'OpenSSL EVP',
  createSealer(memory, algorithm, key): AeadSealer {
    return new Sealer(memory.address, new AeadEncryption(cipherNames[algorithm], addressOf(key)));
  },
  createOpener(memory, algorithm, key): AeadOpener {
    return new Opener(memory.address, new AeadDecryption(cipherNames[algorithm], addressOf(key)));
  },
};

const cipherNames: Readonly<Record<EspAlgorithm, AeadCipherName>> = {
  'aes-128-gcm-16': 'AES-128-GCM',
  'aes-256-gcm-16': 'AES-256-GCM',
  'chacha20-poly1305': 'ChaCha20-Poly1305',
};

class Sealer implements AeadSealer {
  readonly #base: number;
  readonly #cipher: AeadEncryption;

  constructor(base: number, cipher: AeadEncryption) {
    this.#base = base;
    this.#cipher = cipher;
  }

  begin(nonceOffset: number, additionalOffset: number, additionalLength: number): void {
    this.#cipher.begin(this.#base + nonceOffset, this.#base + additionalOffset, additionalLength);
  }

  update(inputOffset: number, length: number, outputOffset: number): void {
    this.#cipher.update(this.#base + inputOffset, length, this.#base + outputOffset);
  }

  finish(icvOffset: number): void {
    this.#cipher.finish(this.#base + icvOffset);
  }

  destroy(): void {
    this.#cipher.free();
  }
}

class Opener implements AeadOpener {
  readonly #base: number;
  readonly #cipher: AeadDecryption;

  constructor(base: number, cipher: AeadDecryption) {
    this.#base = base;
    this.#cipher = cipher;
  }

  open(
    nonceOffset: number,
    additionalOffset: number,
    additionalLength: number,
    inputOffset: number,
    length: number,
    outputOffset: number,
    icvOffset: number,
  ): boolean {
    const base = this.#base;
    return this.#cipher.open(
      base + nonceOffset,
      base + additionalOffset,
      additionalLength,
      base + inputOffset,
      length,
      base + outputOffset,
      base + icvOffset,
    );
  }

  destroy(): void {
    this.#cipher.free();
  }
}
