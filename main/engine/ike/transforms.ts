// The table of transforms: our names, IANA's numbers and the sizes that key derivation needs. One row adds one.
import type { EspAlgorithm } from '../sa/parameters.ts';
import type { IkeEncryption, IkeGroup, IkeIntegrity, IkePrf } from './contract.ts';

export const transformType = {
  encryption: 1,
  prf: 2,
  integrity: 3,
  keyExchange: 4,
  extendedSequence: 5,
} as const;

export interface EncryptionRow {
  readonly id: number;
  /** The key length attribute; undefined where the transform has a fixed key. */
  readonly keyBits: number | undefined;
  readonly keyLength: number;
  /** Salt that follows the key in the key stream; 0: none. */
  readonly saltLength: number;
  /** An AEAD has no integrity transform of its own. */
  readonly aead: boolean;
  /** Name in node:crypto; only for the IKE SA's own encryption. */
  readonly cipher?: 'aes-128-gcm' | 'aes-256-gcm' | 'aes-128-cbc' | 'aes-256-cbc';
}

export const ikeEncryptions: Readonly<Record<IkeEncryption, EncryptionRow>> = {
  'aes-128-gcm-16': { id: 20, keyBits: 128, keyLength: 16, saltLength: 4, aead: true },
  'aes-256-gcm-16': { id: 20, keyBits: 256, keyLength: 32, saltLength: 4, aead: true },
  'aes-128-cbc': { id: 12, keyBits: 128, keyLength: 16, saltLength: 0, aead: false },
  'aes-256-cbc': { id: 12, keyBits: 256, keyLength: 32, saltLength: 0, aead: false },
};

export const espEncryptions: Readonly<Record<EspAlgorithm, EncryptionRow>> = {
  'aes-128-gcm-16': { id: 20, keyBits: 128, keyLength: 16, saltLength: 4, aead: true },
  'aes-256-gcm-16': { id: 20, keyBits: 256, keyLength: 32, saltLength: 4, aead: true },
  'chacha20-poly1305': { id: 28, keyBits: undefined, keyLength: 32, saltLength: 4, aead: true },
};

export interface PrfRow {
  readonly id: number;
  readonly hash: 'sha256' | 'sha384';
  /** Preferred key and output length, bytes. */
  readonly length: number;
}

export const prfs: Readonly<Record<IkePrf, PrfRow>> = {
  'hmac-sha2-256': { id: 5, hash: 'sha256', length: 32 },
  'hmac-sha2-384': { id: 6, hash: 'sha384', length: 48 },
};

export interface IntegrityRow {
  readonly id: number;
  readonly hash: 'sha256';
  readonly keyLength: number;
  /** Bytes of the truncated checksum. */
  readonly checksumLength: number;
}

export const integrities: Readonly<Record<Exclude<IkeIntegrity, 'none'>, IntegrityRow>> = {
  'hmac-sha2-256-128': { id: 12, hash: 'sha256', keyLength: 32, checksumLength: 16 },
};

export const groups: readonly IkeGroup[] = [14, 19, 31];

export function isGroup(group: number): group is IkeGroup {
  return groups.some((known) => known === group);
}
