// The AEAD that ESP needs, passed in: OpenSSL's EVP through koffi for the data plane, pure JavaScript elsewhere.
import type { PacketMemory } from '../packet/batch.ts';
import type { EspAlgorithm } from '../sa/parameters.ts';

/** Both transforms have a 16-byte ICV, an 8-byte IV and a 4-byte salt. */
export interface AeadBackend {
  readonly name: string;
  /** `key` without the salt; it is read before this returns and not kept as such. */
  createSealer(memory: PacketMemory, algorithm: EspAlgorithm, key: Uint8Array): AeadSealer;
  createOpener(memory: PacketMemory, algorithm: EspAlgorithm, key: Uint8Array): AeadOpener;
}

/** All positions are byte offsets in the packet memory. Nothing is allocated per packet. */
export interface AeadSealer {
  /** Starts a packet: 12-byte nonce, then the additional data. */
  begin(nonceOffset: number, additionalOffset: number, additionalLength: number): void;
  /** Encrypts a part; parts follow each other in the output. In place is allowed. */
  update(inputOffset: number, length: number, outputOffset: number): void;
  /** Writes the 16-byte ICV. */
  finish(icvOffset: number): void;
  /** Wipes and frees the key. */
  destroy(): void;
}

export interface AeadOpener {
  /**
   * Decrypts `length` bytes (without the ICV) and checks the ICV in constant time. On false the output is worthless
   * and must not be used.
   */
  open(
    nonceOffset: number,
    additionalOffset: number,
    additionalLength: number,
    inputOffset: number,
    length: number,
    outputOffset: number,
    icvOffset: number,
  ): boolean;
  destroy(): void;
}
