// A public key as a module tells it: identifier, then modulus and exponent, or the curve and the point.
import { createPublicKey } from 'node:crypto';
import { CardError, type CardKeyAlgorithm } from '../contract.ts';
import { algorithmOf, pointKey } from '../piv-data.ts';

export interface NewKey {
  /** CKA_ID in hexadecimal. */
  readonly key: string;
  readonly algorithm: CardKeyAlgorithm;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

const curves: Readonly<Record<string, 'ecc-p256' | 'ecc-p384'>> = {
  '06082a8648ce3d030107': 'ecc-p256',
  '06052b81040022': 'ecc-p384',
};

/** undefined where there are no parts. Throws CardError bad-answer. */
export function readNewKey([id, first, second]: Uint8Array[]): NewKey | undefined {
  if (id === undefined) return undefined;
  try {
    const curve = curves[Buffer.from(first!).toString('hex')];
    const key =
      curve === undefined
        ? createPublicKey({ key: { kty: 'RSA', n: base64(first!), e: base64(second!) }, format: 'jwk' })
        : pointKey(pointOf(second!), curve);
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) throw new Error('another kind of key');
    const publicKey = Uint8Array.from(key.export({ type: 'spki', format: 'der' }));
    return { key: Buffer.from(id).toString('hex'), algorithm, publicKey };
  } catch {
    throw new CardError('bad-answer', 'the module told a public key that cannot be read');
  }
}

/** The standard has an OCTET STRING around the point; some modules leave it away. */
function pointOf(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 4 && bytes[1] === bytes.length - 2 ? bytes.subarray(2) : bytes;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
