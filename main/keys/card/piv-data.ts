// The words of PIV (NIST SP 800-73-4, SP 800-78-5): slots, algorithms, data objects, and how a public key is written.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { CardError, type CardKeyAlgorithm, type CardObjectName, type KeyPurpose } from './contract.ts';
import { findTlv, readTlvs, writeTlv } from './tlv.ts';

export const pivApplication = Uint8Array.of(0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0);

export const keyReference: Readonly<Record<KeyPurpose, number>> = {
  authentication: 0x9a,
  signature: 0x9c,
  'key-management': 0x9d,
  'card-authentication': 0x9e,
};
export const managementKeyReference = 0x9b;

export const certificateObject: Readonly<Record<KeyPurpose, number>> = {
  authentication: 0x5fc105,
  signature: 0x5fc10a,
  'key-management': 0x5fc10b,
  'card-authentication': 0x5fc101,
};
export const holderObject = 0x5fc102;
export const discoveryObject = 0x7e;

/**
 * Where our own objects lie: in the range that cards leave to applications, or, where a card takes only what the
 * standard names, in the last place for a retired key's certificate (20).
 */
export const objectTags: Readonly<Record<CardObjectName, readonly number[]>> = {
  'channel-information': [0x5fff53, 0x5fc120],
};

/** Algorithm identifiers; 0x05 is SP 800-78-5, 0x16 the common extension of vendors. */
export const algorithmIdentifier: Readonly<Record<CardKeyAlgorithm, number>> = {
  'rsa-2048': 0x07,
  'rsa-3072': 0x05,
  'rsa-4096': 0x16,
  'ecc-p256': 0x11,
  'ecc-p384': 0x14,
};

/** Modulus, or one coordinate, in bytes. */
export const keySize: Readonly<Record<CardKeyAlgorithm, number>> = {
  'rsa-2048': 256,
  'rsa-3072': 384,
  'rsa-4096': 512,
  'ecc-p256': 32,
  'ecc-p384': 48,
};

export function isRsa(algorithm: CardKeyAlgorithm): boolean {
  return algorithm.startsWith('rsa-');
}

/** undefined for a key that PIV does not know. */
export function algorithmOf(key: KeyObject): CardKeyAlgorithm | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    const bits = modulusLength ?? 0;
    if (bits === 2048) return 'rsa-2048';
    if (bits === 3072) return 'rsa-3072';
    return bits === 4096 ? 'rsa-4096' : undefined;
  }
  if (key.asymmetricKeyType !== 'ec') return undefined;
  if (namedCurve === 'prime256v1') return 'ecc-p256';
  return namedCurve === 'secp384r1' ? 'ecc-p384' : undefined;
}

const curveNames = { 'ecc-p256': 'P-256', 'ecc-p384': 'P-384' } as const;

/** DER of a SubjectPublicKeyInfo from what the card says of a new key: tags 81, 82 (RSA) or 86 (point). */
export function publicKeyFromCard(template: Uint8Array, algorithm: CardKeyAlgorithm): Uint8Array {
  try {
    const key =
      algorithm === 'ecc-p256' || algorithm === 'ecc-p384'
        ? pointKey(needed(template, 0x86), algorithm)
        : createPublicKey({
            key: { kty: 'RSA', n: base64(needed(template, 0x81)), e: base64(needed(template, 0x82)) },
            format: 'jwk',
          });
    if (algorithmOf(key) !== algorithm) throw new Error('another kind of key');
    return Uint8Array.from(key.export({ type: 'spki', format: 'der' }));
  } catch {
    throw new CardError('bad-answer', 'the card told a public key that cannot be read');
  }
}

/** A key of that curve from 0x04 and both coordinates; throws where the point does not lie on it. */
export function pointKey(point: Uint8Array, algorithm: 'ecc-p256' | 'ecc-p384'): KeyObject {
  const size = keySize[algorithm];
  if (point.length !== 1 + 2 * size || point[0] !== 4) throw new Error('no uncompressed point');
  return createPublicKey({
    key: {
      kty: 'EC',
      crv: curveNames[algorithm],
      x: base64(point.subarray(1, 1 + size)),
      y: base64(point.subarray(1 + size)),
    },
    format: 'jwk',
  });
}

const certificateMaximum = 32 * 1024;

/** DER of the certificate in a certificate object's content (70, 71, FE); undefined where it is empty. */
export function certificateOf(content: Uint8Array): Uint8Array | undefined {
  const elements = readTlvs(content);
  const value = elements.find(({ tag }) => tag === 0x70)?.value;
  if (value === undefined || value.length === 0) return undefined;
  const packed = ((elements.find(({ tag }) => tag === 0x71)?.value[0] ?? 0) & 0x03) === 1;
  if (!packed) return value.slice();
  try {
    return Uint8Array.from(gunzipSync(value, { maxOutputLength: certificateMaximum }));
  } catch {
    throw new CardError('bad-answer', 'a certificate on the card is damaged');
  }
}

export function certificateContent(certificate: Uint8Array): Uint8Array {
  return Uint8Array.from(
    Buffer.concat([
      writeTlv(0x70, certificate),
      writeTlv(0x71, Uint8Array.of(0)),
      writeTlv(0xfe, new Uint8Array(0)),
    ]),
  );
}

/** The card's own identifier (GUID of the CHUID), where it is one. */
export function identifierOf(holder: Uint8Array): string | undefined {
  const value = findTlv(holder, 0x34);
  if (value === undefined || value.length !== 16 || value.every((byte) => byte === 0)) return undefined;
  return Buffer.from(value).toString('hex');
}

/** Which PIN the card's keys want: the application's own (0x80), or that of the whole card (0x00). */
export function pinReferenceOf(discovery: Uint8Array): number {
  const policy = findTlv(discovery, 0x5f2f);
  const globalIsPrimary =
    policy !== undefined && policy.length >= 2 && ((policy[0] ?? 0) & 0x20) !== 0 && policy[1] === 0x20;
  return globalIsPrimary ? 0x00 : 0x80;
}

function needed(template: Uint8Array, tag: number): Uint8Array {
  const value = findTlv(template, tag);
  if (value === undefined) throw new Error('missing');
  return value;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
