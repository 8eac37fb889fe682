// Who may have issued a certificate, and what lies between our own and an authority that a peer knows.
import { type ParsedCertificate, parseCertificate } from './certificate.ts';
import { checkSignature } from './certificate-signature.ts';
import { equalNames } from './distinguished-name.ts';

/** Certificates between an end entity and the authority at the other end. */
export const maximumIntermediates = 7;

/** By names and key identifiers; the signature decides. */
export function mayIssue(issuer: ParsedCertificate, certificate: ParsedCertificate): boolean {
  if (!equalNames(issuer.subject, certificate.issuer)) return false;
  const [wanted, has] = [certificate.authorityKeyIdentifier, issuer.subjectKeyIdentifier];
  return !wanted || !has || Buffer.from(wanted).equals(has);
}

/**
 * What to send a peer that may know the root alone: the certificates among `known` (DER) that lead away from
 * `certificate` (DER), its issuer first, without the root. Never throws.
 */
export function intermediatesOf(certificate: Uint8Array, known: readonly Uint8Array[]): Uint8Array[] {
  const candidates = known
    .map(parseCertificate)
    .filter((each) => each !== undefined)
    .filter(({ subject, issuer }) => !equalNames(subject, issuer));
  const found: ParsedCertificate[] = [];
  let last = parseCertificate(certificate);
  while (last !== undefined && found.length < maximumIntermediates) {
    const below: ParsedCertificate = last;
    last = candidates.find(
      (each) => !found.includes(each) && mayIssue(each, below) && checkSignature(below, each),
    );
    if (last !== undefined) found.push(last);
  }
  return found.map(({ der }) => der);
}
