// Is the peer who it says it is? The path to an authority, the name in the certificate, and the signature over the
// octets of IKE_AUTH (RFC 7296 section 2.15, RFC 7427, RFC 4945 section 3.1).
import { constants, type KeyObject, verify } from 'node:crypto';
import type { CertificateProblem, Identity, SignatureScheme } from '../../engine/ike/contract.ts';
import { describeCertificate, type ParsedCertificate } from './certificate.ts';
import { equalNames, formatName } from './distinguished-name.ts';
import { type PeerRole, validatePath } from './path-validation.ts';

/** The fields of the engine's verify-peer effect. */
export interface PeerProof {
  /** DER; the peer's own first. */
  readonly certificates: readonly Uint8Array[];
  readonly identity: Identity;
  readonly scheme: SignatureScheme;
  readonly data: Uint8Array;
  /** ECDSA: DER. */
  readonly signature: Uint8Array;
}

export interface PeerVerification {
  readonly valid: boolean;
  readonly problem?: CertificateProblem;
  /** For a person. */
  readonly detail?: string;
}

/** `authorities`: DER. `role`: what the peer is to us. Never throws, whatever the peer sent. */
export function verifyPeer(
  proof: PeerProof,
  authorities: readonly Uint8Array[],
  now: Date,
  role: PeerRole = 'gateway',
): PeerVerification {
  const result = validatePath(proof.certificates, authorities, now, role);
  if (!result.valid) return result;
  if (!certifies(result.leaf, proof.identity)) {
    return {
      valid: false,
      problem: 'name-mismatch',
      detail: `the certificate is for ${describeNames(result.leaf)}, not for ${describeIdentity(proof.identity)}`,
    };
  }
  return checkProof(result.leaf, proof);
}

/**
 * Does the certificate carry the identity? Domain names and e-mail addresses among the alternative names, in full (a
 * wildcard names nobody, and neither does a common name), addresses there too, a distinguished name as its subject.
 */
export function certifies(certificate: ParsedCertificate, identity: Identity): boolean {
  switch (identity.type) {
    case 'fqdn':
      return (
        !identity.value.includes('*') &&
        certificate.subjectNames.some(
          (name) => name.type === 'dns' && name.value.toLowerCase() === identity.value.toLowerCase(),
        )
      );
    case 'email':
      return certificate.subjectNames.some(
        (name) => name.type === 'email' && normalMailbox(name.value) === normalMailbox(identity.value),
      );
    case 'address':
      return certificate.subjectNames.some(
        (name) => name.type === 'address' && Buffer.from(name.value).equals(identity.value.bytes),
      );
    case 'distinguished-name':
      return equalNames(certificate.subject, identity.value);
    case 'key-id':
      return false;
  }
}

function checkProof(leaf: ParsedCertificate, proof: PeerProof): PeerVerification {
  const { scheme } = proof;
  const refuse = (detail: string): PeerVerification => ({ valid: false, problem: 'bad-signature', detail });
  if (scheme.hash === 'sha1') {
    return refuse('the peer signed with SHA-1, which is no longer safe; it needs to support RFC 7427');
  }
  const key = leaf.publicKey;
  const wantedKey = scheme.kind === 'ecdsa' ? 'ec' : 'rsa';
  if (!key || key.asymmetricKeyType !== wantedKey) {
    return refuse(`the peer signed by ${scheme.kind}, which its certificate's key is not for`);
  }
  return isSignedBy(key, proof)
    ? { valid: true }
    : refuse(`the signature was not made with the key of ${describeCertificate(leaf)}`);
}

function isSignedBy(key: KeyObject, { scheme, data, signature }: PeerProof): boolean {
  try {
    return verify(scheme.hash, data, { key, ...verifyOptions(scheme) }, signature);
  } catch {
    return false;
  }
}

function verifyOptions(scheme: SignatureScheme) {
  switch (scheme.kind) {
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING };
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    case 'ecdsa':
      return { dsaEncoding: 'der' as const };
  }
}

function normalMailbox(text: string): string {
  const at = text.lastIndexOf('@');
  return `${text.slice(0, at)}${text.slice(at).toLowerCase()}`;
}

const mostNamesShown = 6;

function describeNames(certificate: ParsedCertificate): string {
  const names = certificate.subjectNames.flatMap((name) => {
    if (name.type === 'dns' || name.type === 'email') return [name.value];
    return name.type === 'address' ? [describeAddress(name.value)] : [];
  });
  const shown = names.slice(0, mostNamesShown);
  if (names.length > shown.length) shown.push('…');
  return [...shown, describeCertificate(certificate)].join(', ');
}

function describeIdentity(identity: Identity): string {
  switch (identity.type) {
    case 'fqdn':
    case 'email':
      return `"${identity.value}"`;
    case 'address':
      return describeAddress(identity.value.bytes);
    case 'distinguished-name':
      return `"${formatName(identity.value)}"`;
    case 'key-id':
      return `the key id ${Buffer.from(identity.value).toString('hex')}, which no certificate carries`;
  }
}

function describeAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');
}
