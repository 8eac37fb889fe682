// The AEAD backend in plain JavaScript: for tests, and where no native one can be had. Twenty times slower than EVP.
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { PacketMemory } from '../packet/batch.ts';
import type { EspAlgorithm } from '../sa/parameters.ts';
import type { AeadBackend, AeadOpener, AeadSealer } from './aead-backend.ts';

export const nobleBackend: AeadBackend = {
  name: '@noble/ciphers',
  createSealer: (memory, algorithm, key) => new NobleSealer(memory, algorithm, key),
  createOpener: (memory, algorithm, key) => new NobleOpener(memory, algorithm, key),
};

const icvLength = 16;

class NobleSealer implements AeadSealer {
  readonly #bytes: Uint8Array;
  readonly #algorithm: EspAlgorithm;
  readonly #key: Uint8Array;
  #nonce = 0;
  #additional = 0;
  #additionalLength = 0;
  #start = -1;
  #length = 0;

  constructor(memory: PacketMemory, algorithm: EspAlgorithm, key: Uint8Array) {
    this.#bytes = memory.bytes;
    this.#algorithm = algorithm;
    this.#key = key.slice();
  }

  begin(nonceOffset: number, additionalOffset: number, additionalLength: number): void {
    this.#nonce = nonceOffset;
    this.#additional = additionalOffset;
    this.#additionalLength = additionalLength;
    this.#start = -1;
    this.#length = 0;
  }

  update(inputOffset: number, length: number, outputOffset: number): void {
    if (this.#start < 0) this.#start = outputOffset;
    if (inputOffset !== outputOffset) {
      this.#bytes.copyWithin(outputOffset, inputOffset, inputOffset + length);
    }
    this.#length += length;
  }

  finish(icvOffset: number): void {
    const bytes = this.#bytes;
    const start = Math.max(this.#start, 0);
    const cipher = createCipher(
      this.#algorithm,
      this.#key,
      bytes.slice(this.#nonce, this.#nonce + 12),
      bytes.slice(this.#additional, this.#additional + this.#additionalLength),
    );
    const sealed = cipher.encrypt(bytes.slice(start, start + this.#length));
    bytes.set(sealed.subarray(0, this.#length), start);
    bytes.set(sealed.subarray(this.#length), icvOffset);
  }

  destroy(): void {
    this.#key.fill(0);
  }
}

class NobleOpener implements AeadOpener {
  readonly #bytes: Uint8Array;
  readonly #algorithm: EspAlgorithm;
  readonly #key: Uint8Array;

  constructor(memory: PacketMemory, algorithm: EspAlgorithm, key: Uint8Array) {
    this.#bytes = memory.bytes;
    this.#algorithm = algorithm;
    this.#key = key.slice();
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
    const bytes = this.#bytes;
    const cipher = createCipher(
      this.#algorithm,
      this.#key,
      bytes.slice(nonceOffset, nonceOffset + 12),
      bytes.slice(additionalOffset, additionalOffset + additionalLength),
    );
    const sealed = new Uint8Array(length + icvLength);
    sealed.set(bytes.subarray(inputOffset, inputOffset + length));
    sealed.set(bytes.subarray(icvOffset, icvOffset + icvLength), length);
    try {
      bytes.set(cipher.decrypt(sealed), outputOffset);
      return true;
    } catch {
      // The library's only way to say that the tag does not match.
      return false;
    }
  }

  destroy(): void {
    this.#key.fill(0);
  }
}

function createCipher(algorithm: EspAlgorithm, key: Uint8Array, nonce: Uint8Array, additional: Uint8Array) {
  return algorithm === 'chacha20-poly1305'
    ? chacha20poly1305(key, nonce, additional)
    : gcm(key, nonce, additional);
}
