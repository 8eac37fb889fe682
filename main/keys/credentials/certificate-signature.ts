// Signatures of certificates: which algorithms count, and whether an issuer's key made one.
import { constants, verify } from 'node:crypto';
import { RSASSAPSSParams } from 'pkijs';
import type { ParsedCertificate } from './certificate.ts';

/** Whether the issuer's key signed the certificate. Never throws. */
export function checkSignature(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
  const algorithm = algorithmOf(certificate);
  const key = issuer.publicKey;
  if (!algorithm || !key || key.asymmetricKeyType !== algorithm.keyType) return false;
  const options = algorithm.pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.pss.saltLength }
    : {};
  try {
    return verify(algorithm.hash, certificate.toBeSigned, { key, ...options }, certificate.signature);
  } catch {
    return false;
  }
}

/** What is wrong with how the certificate was signed, to follow its name in a sentence. */
export function weakSignature(certificate: ParsedCertificate): string | undefined {
  if (algorithmOf(certificate)) return undefined;
  const name = weakAlgorithms.get(certificate.signatureAlgorithm.algorithmId);
  if (name !== undefined) return `is signed with ${name}, which is no longer safe`;
  return `is signed by an algorithm that is not accepted (${certificate.signatureAlgorithm.algorithmId})`;
}

/** What is wrong with the certificate's own key, to follow its name in a sentence. */
export function weakKey(certificate: ParsedCertificate): string | undefined {
  const key = certificate.publicKey;
  if (!key) return 'has a key that cannot be read';
  const { modulusLength = 0, namedCurve = '', publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if (modulusLength < 2048) return `has an RSA key of ${modulusLength} bits; at least 2048 are needed`;
      if (modulusLength > 16384) return `has an RSA key of ${modulusLength} bits; at most 16384 are accepted`;
      return publicExponent < 3n || publicExponent > 0xffffffffn
        ? 'has an RSA key with an odd exponent'
        : undefined;
    case 'ec':
      return acceptedCurves.has(namedCurve)
        ? undefined
        : `has a key on the curve ${namedCurve}, which is not accepted`;
    case 'ed25519':
    case 'ed448':
      return undefined;
    default:
      return `has a key of type ${key.asymmetricKeyType}, which is not accepted`;
  }
}

const acceptedCurves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

interface SignatureAlgorithm {
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ed448';
  /** For node:crypto; null where the algorithm brings its own. */
  readonly hash: string | null;
  readonly pss?: { readonly saltLength: number };
}

const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.113549.1.1.11', { keyType: 'rsa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { keyType: 'rsa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { keyType: 'rsa', hash: 'sha512' }],
  ['1.2.840.10045.4.3.2', { keyType: 'ec', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { keyType: 'ec', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { keyType: 'ec', hash: 'sha512' }],
  ['1.3.101.112', { keyType: 'ed25519', hash: null }],
  ['1.3.101.113', { keyType: 'ed448', hash: null }],
]);
const probabilisticRsa = '1.2.840.113549.1.1.10';
const maskGeneration1 = '1.2.840.113549.1.1.8';

const hashes: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

const weakAlgorithms: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.3.14.3.2.29', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
]);

function algorithmOf(certificate: ParsedCertificate): SignatureAlgorithm | undefined {
  const { algorithmId } = certificate.signatureAlgorithm;
  return algorithmId === probabilisticRsa ? probabilistic(certificate) : algorithms.get(algorithmId);
}

/** RSASSA-PSS (RFC 4055): MGF1 with the same hash, and never the default, SHA-1. */
function probabilistic(certificate: ParsedCertificate): SignatureAlgorithm | undefined {
  try {
    const parameters = new RSASSAPSSParams({ schema: certificate.signatureAlgorithm.algorithmParams });
    const hash = hashes.get(parameters.hashAlgorithm.algorithmId);
    const mask = parameters.maskGenAlgorithm;
    const maskHash: unknown = mask.algorithmParams?.valueBlock?.value?.[0]?.valueBlock?.toString();
    if (hash === undefined || mask.algorithmId !== maskGeneration1) return undefined;
    if (typeof maskHash !== 'string' || hashes.get(maskHash) !== hash) return undefined;
    return { keyType: 'rsa', hash, pss: { saltLength: parameters.saltLength } };
  } catch {
    return undefined;
  }
}
