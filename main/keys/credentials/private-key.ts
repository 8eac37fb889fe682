// Private keys in files: which ones are taken, and signing with them (RFC 7296 section 2.15, RFC 7427).
import { constants, createPrivateKey, type KeyObject, sign as signWith } from 'node:crypto';
import { promisify } from 'node:util';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { CredentialError } from './credential-error.ts';

export type PrivateKeyType = 'rsa' | 'ecdsa-p256';

const signAsync = promisify(
  (hash: string, data: Uint8Array, key: SigningKey, done: (error: Error | null, signature: Buffer) => void) =>
    signWith(hash, data, key, done),
);
type SigningKey = Exclude<Parameters<typeof signWith>[2], string>;

/**
 * Reads a key: PEM (PKCS#8, also encrypted; PKCS#1; SEC1) or DER. RSA of at least 2048 bits and ECDSA on P-256 are
 * taken. Throws CredentialError.
 */
export function readPrivateKey(bytes: Uint8Array, passphrase?: Uint8Array): KeyObject {
  const key = parsePrivateKey(asBuffer(bytes), passphrase && asBuffer(passphrase));
  privateKeyType(key);
  return key;
}

/** Throws CredentialError for a key of another type or size. */
export function privateKeyType(key: KeyObject): PrivateKeyType {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    if (bits >= 2048) return 'rsa';
    throw new CredentialError('invalid', { code: 'key-too-short', bits, minimum: 2048 });
  }
  if (key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1') return 'ecdsa-p256';
  const kind = [key.asymmetricKeyType, details?.namedCurve].filter(Boolean).join(' ');
  throw new CredentialError('invalid', {
    code: 'key-type-unsupported',
    type: kind,
    supported: 'RSA, ECDSA P-256',
  });
}

/** DER in PKCS#8, unencrypted: how the store keeps it. Whoever gets it wipes it. */
export function exportPrivateKey(key: KeyObject): Uint8Array {
  return key.export({ type: 'pkcs8', format: 'der' });
}

/**
 * Signs the octets; the hash is applied here. RSA-PSS: the salt is as long as the hash (RFC 7427 section A.4). ECDSA:
 * DER of r and s. Throws CredentialError where the scheme does not fit the key.
 */
export async function signData(
  key: KeyObject,
  scheme: SignatureScheme,
  data: Uint8Array,
): Promise<Uint8Array> {
  const type = privateKeyType(key);
  if ((scheme.kind === 'ecdsa') !== (type === 'ecdsa-p256')) {
    throw new CredentialError('invalid', { code: 'key-cannot-sign', scheme: scheme.kind });
  }
  return new Uint8Array(await signAsync(scheme.hash, data, { key, ...signingOptions(scheme) }));
}

function signingOptions(scheme: SignatureScheme) {
  switch (scheme.kind) {
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING };
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    case 'ecdsa':
      return { dsaEncoding: 'der' as const };
  }
}

function parsePrivateKey(bytes: Buffer, passphrase: Buffer | undefined): KeyObject {
  const protection = passphrase === undefined ? {} : { passphrase };
  if (bytes.includes('-----BEGIN ')) {
    const encrypted = bytes.includes('ENCRYPTED');
    if (encrypted && passphrase === undefined) throw passphraseNeeded();
    try {
      return createPrivateKey({ key: bytes, format: 'pem', ...protection });
    } catch {
      if (encrypted) throw passphraseWrong();
      throw new CredentialError('invalid', { code: 'key-unreadable' });
    }
  }
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return createPrivateKey({ key: bytes, format: 'der', type, ...protection });
    } catch {
      // another encoding, perhaps
    }
  }
  throw new CredentialError('invalid', { code: 'key-unreadable' });
}

function passphraseNeeded(): CredentialError {
  return new CredentialError('passphrase-needed', { code: 'passphrase-is-needed' });
}

function passphraseWrong(): CredentialError {
  return new CredentialError('passphrase-wrong', { code: 'passphrase-is-wrong' });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
