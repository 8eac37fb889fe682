// From a peer's certificate to an authority that the profile trusts: path building and validation (RFC 5280 section 6),
// and whether an end entity may speak IKE (RFC 4945 section 5.1.3). Revocation is not looked at.
import type { CertificateProblem } from '../../engine/ike/contract.ts';
import { describeCertificate, type ParsedCertificate, parseCertificate } from './certificate.ts';
import { checkSignature, weakKey, weakSignature } from './certificate-signature.ts';
import { equalNames, formatName } from './distinguished-name.ts';
import { maximumIntermediates, mayIssue } from './issuers.ts';
import { forbiddenName } from './name-constraints.ts';

export type PathResult =
  | { readonly valid: true; readonly leaf: ParsedCertificate; readonly path: readonly ParsedCertificate[] }
  | { readonly valid: false; readonly problem: CertificateProblem; readonly detail: string };

/** What the peer is to us; decides which extended key usage it may have. */
export type PeerRole = 'gateway' | 'client';

/** A peer may send no more certificates than this. */
const maximumCertificates = 16;
/** Signature checks for one peer: what an attacker may make us compute. */
const maximumSignatureChecks = 48;

/**
 * Finds a valid path from the first of `certificates` (DER; the others, in any order, are intermediates) to one of
 * `authorities` (DER) at `now`. The authorities' own validity counts, too. An end entity
 * that is itself among the authorities needs no issuer. Never throws.
 */
export function validatePath(
  certificates: readonly Uint8Array[],
  authorities: readonly Uint8Array[],
  now: Date,
  role: PeerRole = 'gateway',
): PathResult {
  if (certificates.length > maximumCertificates) {
    return invalid(
      'malformed',
      `the peer sent ${certificates.length} certificates; ${maximumCertificates} at most`,
    );
  }
  const [first, ...others] = certificates;
  const leaf = first && parseCertificate(first);
  if (!leaf) {
    return invalid(
      'malformed',
      first ? "the peer's certificate cannot be read" : 'the peer sent no certificate',
    );
  }
  const search = new PathSearch(leaf, others, authorities, now, role);
  return search.find();
}

/** The same bytes are asked again at every connection, and an operating system trusts some hundred authorities. */
const parsedAuthorities = new WeakMap<Uint8Array, ParsedCertificate | undefined>();

type Problem = Extract<PathResult, { valid: false }>;

class PathSearch {
  readonly #leaf: ParsedCertificate;
  readonly #intermediates: readonly ParsedCertificate[];
  readonly #authorities: readonly Uint8Array[];
  readonly #now: Date;
  readonly #role: PeerRole;
  #signatureChecks = 0;
  /** Of the first complete path, else of the first one that broke off. */
  #problem: Problem | undefined;
  #brokenOff: Problem | undefined;

  constructor(
    leaf: ParsedCertificate,
    others: readonly Uint8Array[],
    authorities: readonly Uint8Array[],
    now: Date,
    role: PeerRole,
  ) {
    this.#leaf = leaf;
    this.#intermediates = others.map(parseCertificate).filter((each) => each !== undefined);
    this.#authorities = authorities;
    this.#now = now;
    this.#role = role;
  }

  find(): PathResult {
    const leafDer = Buffer.from(this.#leaf.der);
    const pinned = this.#authorities.some((der) => leafDer.equals(der));
    const path = pinned ? this.#complete([this.#leaf]) : this.#extend([this.#leaf]);
    if (path) return { valid: true, leaf: this.#leaf, path };
    return this.#problem ?? this.#brokenOff ?? this.#noIssuer(this.#leaf);
  }

  /** `path`: end entity first. Depth first, authorities ahead of what the peer sent. */
  #extend(path: readonly ParsedCertificate[]): readonly ParsedCertificate[] | undefined {
    const last = path.at(-1)!;
    for (const authority of this.#issuersAmongAuthorities(last)) {
      if (!this.#signed(last, authority)) continue;
      const complete = this.#complete([...path, authority]);
      if (complete) return complete;
    }
    if (path.length <= maximumIntermediates) {
      for (const intermediate of this.#intermediates) {
        if (path.includes(intermediate) || !mayIssue(intermediate, last)) continue;
        if (!this.#signed(last, intermediate)) continue;
        const complete = this.#extend([...path, intermediate]);
        if (complete) return complete;
      }
    }
    this.#brokenOff ??= this.#noIssuer(last);
    return undefined;
  }

  *#issuersAmongAuthorities(certificate: ParsedCertificate): Iterable<ParsedCertificate> {
    for (const der of this.#authorities) {
      if (!parsedAuthorities.has(der)) parsedAuthorities.set(der, parseCertificate(der));
      const authority = parsedAuthorities.get(der);
      if (authority && mayIssue(authority, certificate)) yield authority;
    }
  }

  #signed(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
    const weakness = weakSignature(certificate);
    if (weakness) {
      this.#brokenOff ??= invalid('untrusted', `${describeCertificate(certificate)} ${weakness}`);
      return false;
    }
    if (this.#signatureChecks >= maximumSignatureChecks) {
      this.#brokenOff ??= invalid('untrusted', "the peer's certificates lead to too many possible paths");
      return false;
    }
    this.#signatureChecks += 1;
    if (checkSignature(certificate, issuer)) return true;
    this.#brokenOff ??= invalid(
      'untrusted',
      `${describeCertificate(certificate)} names ${describeCertificate(issuer)} as its issuer but was not signed with that key`,
    );
    return false;
  }

  /** The path if it is valid. */
  #complete(path: readonly ParsedCertificate[]): readonly ParsedCertificate[] | undefined {
    const problem = checkPath(path, this.#now, this.#role);
    if (!problem) return path;
    this.#problem ??= problem;
    return undefined;
  }

  #noIssuer(last: ParsedCertificate): Problem {
    if (equalNames(last.issuer, last.subject)) {
      return invalid(
        'untrusted',
        `${describeCertificate(last)} is self-signed and none of the profile's authorities`,
      );
    }
    return invalid(
      'untrusted',
      `the issuer of ${describeCertificate(last)}, "${formatName(last.issuer)}", is none of the profile's authorities and its certificate was not sent`,
    );
  }
}

function invalid(problem: CertificateProblem, detail: string): Problem {
  return { valid: false, problem, detail };
}

/** End entity first, authority last. The signatures were checked while the path was built. */
function checkPath(path: readonly ParsedCertificate[], now: Date, role: PeerRole): Problem | undefined {
  for (const [index, certificate] of path.entries()) {
    const problem =
      checkValidity(certificate, now) ??
      checkItself(certificate) ??
      (index === 0 ? checkEndEntity(certificate, role) : checkAuthority(certificate, path, index));
    if (problem) return problem;
  }
  return undefined;
}

function checkValidity(certificate: ParsedCertificate, now: Date): Problem | undefined {
  const name = describeCertificate(certificate);
  if (now > certificate.notAfter) {
    return invalid('expired', `${name} was valid until ${day(certificate.notAfter)}`);
  }
  if (now < certificate.notBefore) {
    const hint = 'if that is past, the clock of this computer is wrong';
    return invalid('not-yet-valid', `${name} is valid from ${day(certificate.notBefore)}; ${hint}`);
  }
  return undefined;
}

function day(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function checkItself(certificate: ParsedCertificate): Problem | undefined {
  const name = describeCertificate(certificate);
  if (certificate.unknownCritical.length > 0) {
    const list = certificate.unknownCritical.join(', ');
    return invalid('untrusted', `${name} has critical extensions that are not understood: ${list}`);
  }
  const weakness = weakKey(certificate);
  return weakness === undefined ? undefined : invalid('untrusted', `${name} ${weakness}`);
}

const digitalSignature = 0x80;
const nonRepudiation = 0x40;
const certificateSigning = 0x04;

/** ikeIntermediate, ipsecIKE, any; with them serverAuth for a gateway and clientAuth for its clients. */
const ikePurposes = ['1.3.6.1.5.5.8.2.2', '1.3.6.1.5.5.7.3.17', '2.5.29.37.0'];
const acceptedPurposes: Readonly<Record<PeerRole, ReadonlySet<string>>> = {
  gateway: new Set([...ikePurposes, '1.3.6.1.5.5.7.3.1']),
  client: new Set([...ikePurposes, '1.3.6.1.5.5.7.3.2']),
};

function checkEndEntity(certificate: ParsedCertificate, role: PeerRole): Problem | undefined {
  const name = describeCertificate(certificate);
  const { keyUsage, extendedKeyUsage } = certificate;
  if (keyUsage !== undefined && (keyUsage & (digitalSignature | nonRepudiation)) === 0) {
    return invalid('key-usage', `the key usage of ${name} does not allow signatures`);
  }
  if (
    extendedKeyUsage !== undefined &&
    !extendedKeyUsage.some((purpose) => acceptedPurposes[role].has(purpose))
  ) {
    return invalid('key-usage', `the extended key usage of ${name} does not allow it to be an IKE ${role}`);
  }
  return undefined;
}

function checkAuthority(
  certificate: ParsedCertificate,
  path: readonly ParsedCertificate[],
  index: number,
): Problem | undefined {
  const name = describeCertificate(certificate);
  const isAnchor = index === path.length - 1;
  const { basicConstraints, keyUsage, nameConstraints } = certificate;
  const oldAnchor = isAnchor && certificate.version === 0;
  if (!oldAnchor && !basicConstraints?.authority) {
    return invalid('key-usage', `${name} is no authority (CA) and cannot vouch for others`);
  }
  if (keyUsage !== undefined && (keyUsage & certificateSigning) === 0) {
    return invalid('key-usage', `the key usage of ${name} does not allow it to sign certificates`);
  }
  const below = path.slice(1, index).filter((each) => !equalNames(each.subject, each.issuer)).length;
  const allowed = basicConstraints?.pathLength;
  if (allowed !== undefined && below > allowed) {
    return invalid('untrusted', `${name} allows ${allowed} authorities below it, and there are ${below}`);
  }
  if (!nameConstraints) return undefined;
  for (const [position, subordinate] of path.slice(0, index).entries()) {
    if (position > 0 && equalNames(subordinate.subject, subordinate.issuer)) continue;
    const forbidden = forbiddenName(subordinate, nameConstraints);
    if (forbidden !== undefined) {
      return invalid('untrusted', `${name} may not vouch for ${forbidden} (name constraints)`);
    }
  }
  return undefined;
}
