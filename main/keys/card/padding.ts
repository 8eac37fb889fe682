// What a card's bare RSA and ECDSA leave to us: hashes, PKCS#1 v1.5 and PSS blocks, OAEP, DER of signatures
// (RFC 8017, SEC 1 appendix C.8).
import { createHash, randomBytes } from 'node:crypto';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { CardError } from './contract.ts';

type Hash = SignatureScheme['hash'];

/** DER of DigestInfo up to the hash, in hexadecimal. */
export const digestInfo: Readonly<Record<Hash, string>> = {
  sha1: '3021300906052b0e03021a05000414',
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

/** EMSA-PKCS1-v1_5: `size` bytes, those of the modulus. */
export function pkcs1Block(hash: Hash, data: Uint8Array, size: number): Uint8Array {
  const digest = Buffer.concat([Buffer.from(digestInfo[hash], 'hex'), digestOf(hash, data)]);
  if (size < digest.length + 11) throw new CardError('key-unsuitable', 'the key is too small for the hash');
  const block = new Uint8Array(size).fill(0xff);
  block[0] = 0;
  block[1] = 1;
  block[size - digest.length - 1] = 0;
  block.set(digest, size - digest.length);
  return block;
}

/** EMSA-PSS with a salt as long as the hash and MGF1 of the same; the modulus has 8 × `size` bits. */
export function pssBlock(
  hash: Hash,
  data: Uint8Array,
  size: number,
  salt: Uint8Array = randomBytes(digestOf(hash, new Uint8Array(0)).length),
): Uint8Array {
  const digest = digestOf(hash, data);
  const maskedSize = size - digest.length - 1;
  if (maskedSize < salt.length + 2)
    throw new CardError('key-unsuitable', 'the key is too small for the hash');
  const h = digestOf(hash, Buffer.concat([new Uint8Array(8), digest, salt]));
  const block = new Uint8Array(size);
  block[maskedSize - salt.length - 1] = 1;
  block.set(salt, maskedSize - salt.length);
  xorMask(hash, h, block.subarray(0, maskedSize));
  block[0]! &= 0x7f;
  block.set(h, maskedSize);
  block[size - 1] = 0xbc;
  return block;
}

/** The octets that ECDSA of that size signs: the hash's leftmost bits, padded in front. */
export function ecdsaInput(hash: Hash, data: Uint8Array, size: number): Uint8Array {
  const digest = digestOf(hash, data);
  const input = new Uint8Array(size);
  if (digest.length >= size) input.set(digest.subarray(0, size));
  else input.set(digest, size - digest.length);
  return input;
}

/**
 * EME-OAEP of RFC 8017 section 7.1.2 with SHA-256, in place: `block` is what RSA gave. Gives the message as a view of
 * it, undefined where the block is none; all checks are made before the one decision.
 */
export function openOaep(block: Uint8Array, label: Uint8Array): Uint8Array | undefined {
  const hashSize = 32;
  const seed = block.subarray(1, 1 + hashSize);
  const rest = block.subarray(1 + hashSize);
  xorMask('sha256', rest, seed);
  xorMask('sha256', seed, rest);
  const labelHash = digestOf('sha256', label);
  let wrong = block[0]!;
  for (let index = 0; index < hashSize; index++) wrong |= rest[index]! ^ labelHash[index]!;
  let start = 0;
  let looking = 1;
  for (let index = hashSize; index < rest.length; index++) {
    const byte = rest[index]!;
    const isOne = Number(byte === 1);
    const isZero = Number(byte === 0);
    start += looking * isOne * (index + 1);
    wrong |= looking * (1 - isOne) * (1 - isZero);
    looking *= 1 - isOne;
  }
  return wrong !== 0 || looking !== 0 ? undefined : rest.subarray(start);
}

/** True for DER of two positive numbers of at most `size` bytes each. */
export function isEcdsaSignature(bytes: Uint8Array, size: number): boolean {
  const numbers = readDerNumbers(bytes);
  return numbers?.every((number) => number.length > 0 && number.length <= size + 1) === true;
}

function readDerNumbers(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes[0] !== 0x30 || bytes.length < 8 || bytes[1] !== bytes.length - 2) return undefined;
  const numbers: Uint8Array[] = [];
  let offset = 2;
  while (offset < bytes.length) {
    const length = bytes[offset + 1] ?? 0;
    if (bytes[offset] !== 2 || length === 0 || offset + 2 + length > bytes.length) return undefined;
    numbers.push(bytes.subarray(offset + 2, offset + 2 + length));
    offset += 2 + length;
  }
  return numbers.length === 2 ? numbers : undefined;
}

/** Masks `target` with MGF1 of the seed. */
function xorMask(hash: Hash, seed: Uint8Array, target: Uint8Array): void {
  const counter = new Uint8Array(4);
  for (let offset = 0, round = 0; offset < target.length; round++) {
    new DataView(counter.buffer).setUint32(0, round);
    const mask = createHash(hash).update(seed).update(counter).digest();
    for (let index = 0; index < mask.length && offset < target.length; index++, offset++) {
      target[offset]! ^= mask[index]!;
    }
    mask.fill(0);
  }
}

function digestOf(hash: Hash, data: Uint8Array): Uint8Array {
  return createHash(hash).update(data).digest();
}
