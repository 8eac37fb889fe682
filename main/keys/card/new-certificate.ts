// A self-signed certificate (RFC 5280), or a request to an authority (PKCS #10, RFC 2986), for a key that only its card can
// sign with.
import { randomBytes } from 'node:crypto';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { encodeName } from '../credentials/distinguished-name.ts';
import type { CardKeyAlgorithm } from './contract.ts';

export interface NewCertificate {
  /** As text; throws from encodeName where it is none. */
  readonly subject: string;
  /** E-mail addresses and domain names. */
  readonly names: readonly string[];
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly algorithm: CardKeyAlgorithm;
  /** True for a key that is not to sign but to unwrap. */
  readonly forKeyManagement: boolean;
}

type Sign = (scheme: SignatureScheme, data: Uint8Array) => Promise<Uint8Array>;

/** DER of the certificate. `sign`: by the key itself. */
export async function selfSignedCertificate(
  wishes: NewCertificate,
  notBefore: Date,
  notAfter: Date,
  sign: Sign,
): Promise<Uint8Array> {
  const name = encodeName(wishes.subject);
  const { identifier, scheme } = signatureOf(wishes.algorithm);
  const serial = randomBytes(16);
  serial[0]! = (serial[0]! & 0x3f) | 0x40;
  const toBeSigned = sequence(
    element(0xa0, element(0x02, Uint8Array.of(2))),
    element(0x02, serial),
    identifier,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    wishes.publicKey,
    element(0xa3, extensions(wishes)),
  );
  return signed(toBeSigned, identifier, await sign(scheme, toBeSigned));
}

/** DER of the CertificationRequest. */
export async function certificateRequest(wishes: NewCertificate, sign: Sign): Promise<Uint8Array> {
  const { identifier, scheme } = signatureOf(wishes.algorithm);
  const extensionRequest = sequence(
    element(0x06, Buffer.from('2a864886f70d01090e', 'hex')),
    element(0x31, extensions(wishes)),
  );
  const toBeSigned = sequence(
    element(0x02, Uint8Array.of(0)),
    encodeName(wishes.subject),
    wishes.publicKey,
    element(0xa0, extensionRequest),
  );
  return signed(toBeSigned, identifier, await sign(scheme, toBeSigned));
}

function signed(toBeSigned: Uint8Array, identifier: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(toBeSigned, identifier, element(0x03, Uint8Array.of(0), signature));
}

/** keyUsage digitalSignature, or keyEncipherment with keyAgreement; client authentication; alternative names. */
function extensions({ names, forKeyManagement, algorithm }: NewCertificate): Uint8Array {
  const agreement = algorithm.startsWith('ecc') ? 0x08 : 0x20;
  const usage = forKeyManagement ? agreement : 0x80;
  const alternatives = names.map((name) => element(name.includes('@') ? 0x81 : 0x82, Buffer.from(name)));
  return sequence(
    extension('551d0f', true, element(0x03, Uint8Array.of(forKeyManagement ? 3 : 7, usage))),
    ...(forKeyManagement
      ? []
      : [extension('551d25', false, sequence(element(0x06, Buffer.from('2b06010505070302', 'hex'))))]),
    ...(alternatives.length === 0 ? [] : [extension('551d11', false, sequence(...alternatives))]),
  );
}

function extension(identifier: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [element(0x01, Uint8Array.of(0xff))] : [];
  return sequence(element(0x06, Buffer.from(identifier, 'hex')), ...flag, element(0x04, value));
}

function signatureOf(algorithm: CardKeyAlgorithm): { identifier: Uint8Array; scheme: SignatureScheme } {
  const oid = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
  switch (algorithm) {
    case 'ecc-p256':
      return { identifier: sequence(oid('2a8648ce3d040302')), scheme: { kind: 'ecdsa', hash: 'sha256' } };
    case 'ecc-p384':
      return { identifier: sequence(oid('2a8648ce3d040303')), scheme: { kind: 'ecdsa', hash: 'sha384' } };
    default:
      return {
        identifier: sequence(oid('2a864886f70d01010b'), element(0x05)),
        scheme: { kind: 'rsa-pkcs1', hash: 'sha256' },
      };
  }
}

function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const isShort = date.getUTCFullYear() < 2050;
  return element(isShort ? 0x17 : 0x18, Buffer.from(isShort ? text.slice(2) : text));
}

function sequence(...contents: readonly Uint8Array[]): Uint8Array {
  return element(0x30, ...contents);
}

function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Uint8Array.from(Buffer.concat([Uint8Array.from(header), content]));
}
