// What a token is given to sign, and what becomes of its bare signature: PKCS#11 leaves the hash to us and gives ECDSA as
// the two numbers side by side (PKCS#11 2.40 mechanisms, section 2.3.1).
import { createHash } from 'node:crypto';
import type { SignatureScheme } from '../../../engine/ike/contract.ts';
import { CardError } from '../contract.ts';
import { digestInfo } from '../padding.ts';

export function mechanismOf({ kind }: SignatureScheme): 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss' {
  return kind;
}

/** For ECDSA the hash's leftmost bits, for PKCS#1 its DigestInfo, for PSS the hash. `size`: of the key, in bytes. */
export function dataToSign({ kind, hash }: SignatureScheme, data: Uint8Array, size: number): Uint8Array {
  const digest = createHash(hash).update(data).digest();
  switch (kind) {
    case 'ecdsa':
      return digest.subarray(0, size);
    case 'rsa-pkcs1':
      return Buffer.concat([Buffer.from(digestInfo[hash], 'hex'), digest]);
    case 'rsa-pss':
      return digest;
  }
}

/** DER of r and s. Throws CardError bad-answer. */
export function ecdsaDer(signature: Uint8Array, size: number): Uint8Array {
  if (signature.length !== 2 * size) throw new CardError('bad-answer', 'that is no signature of ECDSA');
  const numbers = Buffer.concat([numberOf(signature.subarray(0, size)), numberOf(signature.subarray(size))]);
  return Uint8Array.from([0x30, numbers.length, ...numbers]);
}

function numberOf(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Uint8Array.from([0x02, sign.length + digits.length, ...sign, ...digits]);
}
