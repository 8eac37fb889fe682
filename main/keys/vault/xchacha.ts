// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) on locked memory: the key's copies and what is being sealed never lie in
// the JavaScript heap, where a copy may stay behind after it was wiped.
import { hchacha } from '@noble/ciphers/chacha.js';
import { addressOf } from '../../../native/libc-memory.ts';
import { AeadDecryption, AeadEncryption } from '../../../native/openssl.ts';
import type { LockedMemory } from './memory.ts';

const cipher = 'ChaCha20-Poly1305';
const keyBytes = 32;
const tagBytes = 16;
/** "expand 32-byte k" */
const sigma = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/** `box`: the plaintext and 16 bytes of room, in locked memory; afterwards the ciphertext and its tag. */
export function encryptInPlace(
  memory: LockedMemory,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  box: Uint8Array,
): void {
  withSubkey(memory, key, nonce, additional, (subkey, iv, additionalAddress) => {
    const encryption = new AeadEncryption(cipher, subkey);
    try {
      const address = memory.addressOf(box);
      const length = box.length - tagBytes;
      encryption.begin(iv, additionalAddress, additional.length);
      encryption.update(address, length, address);
      encryption.finish(address + length);
    } finally {
      encryption.free();
    }
  });
}

/** The other way; false where the tag does not fit: what lies in the box then is worthless. */
export function decryptInPlace(
  memory: LockedMemory,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  box: Uint8Array,
): boolean {
  return withSubkey(memory, key, nonce, additional, (subkey, iv, additionalAddress) => {
    const decryption = new AeadDecryption(cipher, subkey);
    try {
      const address = memory.addressOf(box);
      const length = box.length - tagBytes;
      const tag = address + length;
      return decryption.open(iv, additionalAddress, additional.length, address, length, address, tag);
    } finally {
      decryption.free();
    }
  });
}

/** HChaCha20 of the key and the nonce's first 16 bytes; the other 8 end the 12 bytes of the inner nonce. */
function withSubkey<Result>(
  memory: LockedMemory,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  use: (subkeyAddress: number, ivAddress: number, additionalAddress: number) => Result,
): Result {
  if (key.length !== keyBytes) throw new RangeError(`a key of ${key.length} bytes`);
  const subkey = memory.allocate(keyBytes);
  const head = new Uint32Array(4);
  new Uint8Array(head.buffer).set(nonce.subarray(0, 16));
  // Memory of their own, which does not move.
  const iv = new Uint8Array(new ArrayBuffer(12));
  iv.set(nonce.subarray(16), 4);
  const authenticated = new Uint8Array(new ArrayBuffer(Math.max(1, additional.length)));
  authenticated.set(additional);
  try {
    hchacha(sigma, words(key), head, words(subkey));
    return use(memory.addressOf(subkey), addressOf(iv), addressOf(authenticated));
  } finally {
    memory.free(subkey);
    // Referenced until here: native code knew them by address only.
    iv.fill(0);
    authenticated.fill(0);
  }
}

/** A secret's place in locked memory is aligned. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
