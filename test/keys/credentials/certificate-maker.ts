// Makes certificates for the tests, good ones and every kind of bad one, from raw DER.
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { encodeName } from '../../../main/keys/credentials/distinguished-name.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export type SigningAlgorithm = 'sha256' | 'sha384' | 'sha512' | 'sha1' | 'md5' | 'pss-sha256' | 'pss-sha1';

export interface Extension {
  readonly id: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

export interface CertificateOptions {
  readonly subject?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly keys?: KeyPair;
  /** CA:true and keyCertSign. */
  readonly authority?: boolean;
  readonly pathLength?: number;
  /** The basicConstraints extension as it is; "none" leaves it out. */
  readonly basicConstraints?: Uint8Array | 'none';
  /** First byte of the bits; "none" leaves the extension out. */
  readonly keyUsage?: number | 'none';
  readonly purposes?: readonly string[];
  readonly names?: readonly Uint8Array[];
  readonly extensions?: readonly Extension[];
  readonly algorithm?: SigningAlgorithm;
  readonly version?: 1 | 3;
  /** The algorithm as the signed part states it, where it shall differ. */
  readonly innerAlgorithm?: SigningAlgorithm;
}

export interface Issued extends KeyPair {
  readonly certificate: Uint8Array;
  readonly subject: string;
  /** Signs another certificate with this one's key and name. */
  issue(options?: CertificateOptions): Issued;
}

export const defaultNotBefore = new Date('2026-01-01T00:00:00Z');
export const defaultNotAfter = new Date('2036-01-01T00:00:00Z');
export const duringValidity = new Date('2030-06-01T00:00:00Z');

export function ecKeys(namedCurve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

const rsaKeysBySize = new Map<number, KeyPair>();

/** Made once a size: RSA keys take their time. */
export function rsaKeys(modulusLength = 2048): KeyPair {
  const keys = rsaKeysBySize.get(modulusLength) ?? generateKeyPairSync('rsa', { modulusLength });
  rsaKeysBySize.set(modulusLength, keys);
  return keys;
}

/** A self-signed authority, unless the options say otherwise. */
export function makeAuthority(options: CertificateOptions = {}): Issued {
  const complete = { subject: 'C=CH, O=Example, CN=Root', authority: true, keys: ecKeys(), ...options };
  return make(complete, complete.keys, complete.subject);
}

/** A certificate that names any issuer and is signed with any key. */
export function make(options: CertificateOptions, signer: KeyPair, issuer: string): Issued {
  const { subject = 'C=CH, O=Example, CN=vpn.example.org', keys = ecKeys() } = options;
  const algorithm = options.algorithm ?? 'sha256';
  const toBeSigned = sequence(
    ...((options.version ?? 3) === 3 ? [tagged(0, integer(2))] : []),
    integer(0x1234),
    algorithmIdentifier(options.innerAlgorithm ?? algorithm, signer.privateKey),
    encodeName(issuer),
    sequence(time(options.notBefore ?? defaultNotBefore), time(options.notAfter ?? defaultNotAfter)),
    subject === '' ? sequence() : encodeName(subject),
    new Uint8Array(keys.publicKey.export({ type: 'spki', format: 'der' })),
    ...((options.version ?? 3) === 3 ? [tagged(3, sequence(...extensionsOf(options).map(extension)))] : []),
  );
  const certificate = sequence(
    toBeSigned,
    algorithmIdentifier(algorithm, signer.privateKey),
    tlv(3, Uint8Array.of(0), signature(algorithm, toBeSigned, signer.privateKey)),
  );
  return {
    ...keys,
    certificate,
    subject,
    issue: (issueOptions = {}) => make(issueOptions, keys, subject),
  };
}

export const dnsName = (name: string): Uint8Array => tlv(0x82, Buffer.from(name));
export const emailName = (name: string): Uint8Array => tlv(0x81, Buffer.from(name));
export const uriName = (name: string): Uint8Array => tlv(0x86, Buffer.from(name));
export const addressName = (...bytes: number[]): Uint8Array => tlv(0x87, Uint8Array.from(bytes));
export const directoryName = (name: string): Uint8Array => tlv(0xa4, encodeName(name));

export function nameConstraints(
  permitted: readonly Uint8Array[],
  excluded: readonly Uint8Array[],
): Extension {
  const subtrees = (tag: number, names: readonly Uint8Array[]): Uint8Array[] =>
    names.length === 0 ? [] : [tlv(tag, ...names.map((name) => sequence(name)))];
  return {
    id: '2.5.29.30',
    critical: true,
    value: sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded)),
  };
}

function extensionsOf(options: CertificateOptions): Extension[] {
  const extensions: Extension[] = [];
  const { authority = false, basicConstraints, keyUsage, purposes, names } = options;
  if (basicConstraints !== 'none' && (basicConstraints || authority)) {
    const length = options.pathLength === undefined ? [] : [integer(options.pathLength)];
    const value = basicConstraints ?? sequence(tlv(1, Uint8Array.of(0xff)), ...length);
    extensions.push({ id: '2.5.29.19', critical: true, value });
  }
  if (keyUsage !== 'none') {
    const bits = keyUsage ?? (authority ? 0x06 : 0x80);
    extensions.push({ id: '2.5.29.15', critical: true, value: tlv(3, Uint8Array.of(0, bits)) });
  }
  if (purposes) extensions.push({ id: '2.5.29.37', value: sequence(...purposes.map(objectIdentifier)) });
  if (names) extensions.push({ id: '2.5.29.17', value: sequence(...names) });
  return [...extensions, ...(options.extensions ?? [])];
}

function extension({ id, critical = false, value }: Extension): Uint8Array {
  return sequence(objectIdentifier(id), ...(critical ? [tlv(1, Uint8Array.of(0xff))] : []), tlv(4, value));
}

const hashIdentifiers = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' } as const;

function algorithmIdentifier(algorithm: SigningAlgorithm, key: KeyObject): Uint8Array {
  if (algorithm === 'pss-sha256' || algorithm === 'pss-sha1') {
    const hash = sequence(
      objectIdentifier(hashIdentifiers[algorithm === 'pss-sha1' ? 'sha1' : 'sha256']),
      tlv(5),
    );
    return sequence(
      objectIdentifier('1.2.840.113549.1.1.10'),
      sequence(
        tagged(0, hash),
        tagged(1, sequence(objectIdentifier('1.2.840.113549.1.1.8'), hash)),
        tagged(2, integer(algorithm === 'pss-sha1' ? 20 : 32)),
      ),
    );
  }
  if (key.asymmetricKeyType === 'rsa') {
    const last = { md5: 4, sha1: 5, sha256: 11, sha384: 12, sha512: 13 }[algorithm];
    return sequence(objectIdentifier(`1.2.840.113549.1.1.${last}`), tlv(5));
  }
  const last = { md5: '1', sha1: '1', sha256: '3.2', sha384: '3.3', sha512: '3.4' }[algorithm];
  return sequence(objectIdentifier(`1.2.840.10045.4.${last}`));
}

function signature(algorithm: SigningAlgorithm, data: Uint8Array, key: KeyObject): Uint8Array {
  if (!algorithm.startsWith('pss-')) return new Uint8Array(sign(algorithm, data, key));
  const hash = algorithm.slice(4);
  const saltLength = hash === 'sha1' ? 20 : 32;
  return new Uint8Array(sign(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }));
}

function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
}

export function sequence(...contents: Uint8Array[]): Uint8Array {
  return tlv(0x30, ...contents);
}

function tagged(number: number, content: Uint8Array): Uint8Array {
  return tlv(0xa0 + number, content);
}

export function integer(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.unshift(rest & 0xff);
    rest >>= 8;
  } while (rest > 0);
  if (bytes[0]! >= 0x80) bytes.unshift(0);
  return tlv(2, Uint8Array.from(bytes));
}

export function objectIdentifier(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc % 128];
    for (let value = Math.floor(arc / 128); value > 0; value = Math.floor(value / 128)) {
      groups.unshift((value % 128) + 128);
    }
    bytes.push(...groups);
  }
  return tlv(6, Uint8Array.from(bytes));
}

export function tlv(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return new Uint8Array(Buffer.concat([Buffer.from(header), content]));
}
