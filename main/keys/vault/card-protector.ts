// What the vault asks of a card, and how a share is sealed to it: ECDH with a fresh key (P-256, P-384) or RSA-OAEP. The
// card only agrees or decrypts; what the outcome opens is decided here.
import { constants, createECDH, createPublicKey, ECDH, type KeyObject, publicEncrypt } from 'node:crypto';
import { damaged, OctetReader, OctetWriter } from './octets.ts';
import { VaultError } from './vault-error.ts';

/** A card's key for key management (slot 9D). Both operations give their result in locked memory; the caller frees it. */
export interface CardOpener {
  /** ECDH with a point (0x04, both coordinates) that is known to lie on the curve: the shared x coordinate. */
  agree(point: Uint8Array): Promise<Uint8Array>;
  /** RSA with OAEP, SHA-256, and this label. */
  decrypt(ciphertext: Uint8Array, label: Uint8Array): Promise<Uint8Array>;
}

/** What a protector of type "card" remembers of its card. */
export interface CardParameters {
  /** By which the card is known: CardDescription.id. */
  readonly card: string;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

/** card id text8, SubjectPublicKeyInfo with its length in two bytes. */
export function encodeCardParameters({ card, publicKey }: CardParameters): Uint8Array {
  return new OctetWriter().text8(card).octets16(publicKey).finish();
}

/** Throws VaultError. */
export function readCardParameters(parameters: Uint8Array): CardParameters {
  const reader = new OctetReader(parameters);
  const card = reader.text8(128);
  const publicKey = reader.octets16(800);
  reader.end();
  return { card, publicKey };
}

const curves = {
  prime256v1: { pointBytes: 65, secretBytes: 32 },
  secp384r1: { pointBytes: 97, secretBytes: 48 },
} as const;
type CurveName = keyof typeof curves;

export type CardKeyKind =
  | {
      readonly type: 'curve';
      readonly curve: CurveName;
      readonly point: Uint8Array;
      readonly pointBytes: number;
    }
  | { readonly type: 'rsa'; readonly key: KeyObject; readonly modulusBytes: number };

/** What kind of key a card has, checked: a point on its curve, a modulus of 2048 to 4096 bits. Throws VaultError. */
export function cardKeyKind(publicKey: Uint8Array): CardKeyKind {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  } catch {
    throw damaged('a card’s public key cannot be read');
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec' && (namedCurve === 'prime256v1' || namedCurve === 'secp384r1')) {
    const { pointBytes } = curves[namedCurve];
    const der = key.export({ format: 'der', type: 'spki' });
    const point = checkedPoint(namedCurve, der.subarray(der.length - pointBytes));
    return { type: 'curve', curve: namedCurve, point, pointBytes };
  }
  if (key.asymmetricKeyType === 'rsa' && modulusLength !== undefined) {
    if (modulusLength >= 2048 && modulusLength <= 4096) {
      return { type: 'rsa', key, modulusBytes: modulusLength / 8 };
    }
  }
  throw new VaultError(
    'invalid',
    'The card’s key cannot protect a vault: P-256, P-384 or RSA of 2048 to 4096 bits.',
  );
}

/** A fresh key's point and its secret with the card's; the caller wipes the secret. */
export function ephemeralAgreement(
  curve: CurveName,
  cardPoint: Uint8Array,
): { point: Uint8Array; secret: Buffer } {
  const ephemeral = createECDH(curve);
  const point = ephemeral.generateKeys();
  return { point, secret: ephemeral.computeSecret(cardPoint) };
}

/** The same octets where they are a point on the curve. Throws VaultError damaged. */
export function checkedPoint(curve: CurveName, point: Uint8Array): Uint8Array {
  try {
    const converted = ECDH.convertKey(Buffer.from(point), curve, undefined, undefined, 'uncompressed');
    if (point[0] === 4 && Buffer.compare(converted as Buffer, point) === 0) return point;
  } catch {
    // Not on the curve.
  }
  throw damaged('a point does not lie on its curve');
}

export function encryptToCard(key: KeyObject, share: Uint8Array, label: Uint8Array): Uint8Array {
  const { RSA_PKCS1_OAEP_PADDING: padding } = constants;
  return publicEncrypt({ key, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(label) }, share);
}
