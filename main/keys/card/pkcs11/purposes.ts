// Which of a token's keys serves for what: PKCS#11 knows no slots, only what each key may do.
import { type KeyObject, X509Certificate } from 'node:crypto';
import {
  type CardKey,
  type CardKeyAlgorithm,
  type KeyPurpose,
  keyPurposes,
  type PinPolicy,
} from '../contract.ts';
import { algorithmOf } from '../piv-data.ts';
import type { KeyReport } from './messages.ts';

/** A key under the purpose that it serves, with the identifier (CKA_ID, hexadecimal) that the token knows it by. */
export interface TokenKey extends CardKey {
  readonly key: string;
}

/** The label of what SealNIC makes on a token; what has it goes before what others made. */
export function labelOf(purpose: KeyPurpose): string {
  return `SealNIC ${purpose}`;
}

interface Candidate {
  readonly report: KeyReport;
  readonly algorithm: CardKeyAlgorithm;
  readonly certificate: Uint8Array;
  readonly publicKey: KeyObject;
  readonly signs: boolean;
  readonly unwraps: boolean;
}

/** `loginRequired`: of the token. Certificates that cannot be read, and keys that we cannot use, are left out. */
export function keysByPurpose(
  reports: readonly KeyReport[],
  certificates: readonly Uint8Array[],
  loginRequired: boolean,
): readonly TokenKey[] {
  const candidates = reports.flatMap((report, index) => candidateOf(report, certificates[index]) ?? []);
  return keyPurposes.flatMap((purpose) => {
    const found = choose(candidates, purpose);
    if (found === undefined) return [];
    const { report, algorithm, certificate, publicKey } = found;
    const der = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
    const pinPolicy = policyOf(report, loginRequired);
    return [{ purpose, algorithm, certificate, publicKey: der, pinPolicy, key: report.key }];
  });
}

/**
 * authentication: the first that signs, of those that want the PIN only once where there is one. signature: one that
 * wants it each time. key-management: the first that derives or decrypts.
 */
function choose(candidates: readonly Candidate[], purpose: KeyPurpose): Candidate | undefined {
  const ours = candidates.find(({ report }) => report.label === labelOf(purpose));
  if (ours !== undefined) return ours;
  const others = candidates.filter(
    ({ report }) => !keyPurposes.some((other) => other !== purpose && labelOf(other) === report.label),
  );
  const wantsPinEachTime = ({ report }: Candidate) => report.alwaysAuthenticate === true;
  switch (purpose) {
    case 'authentication':
      return (
        others.find((each) => each.signs && !wantsPinEachTime(each)) ?? others.find(({ signs }) => signs)
      );
    case 'signature':
      return others.find((each) => each.signs && wantsPinEachTime(each));
    case 'key-management':
      return others.find(({ unwraps }) => unwraps);
    case 'card-authentication':
      return undefined;
  }
}

function candidateOf(report: KeyReport, bytes: Uint8Array | undefined): Candidate | undefined {
  if (bytes === undefined) return undefined;
  try {
    const certificate = Uint8Array.from(bytes);
    const parsed = new X509Certificate(certificate);
    // An authority's certificate lies there without a key.
    const { sign, derive, decrypt } = report;
    if (parsed.ca && sign === undefined && derive === undefined && decrypt === undefined) return undefined;
    const { publicKey } = parsed;
    const algorithm = algorithmOf(publicKey);
    if (algorithm === undefined) return undefined;
    const usage = keyUsageOf(certificate);
    const mayUnwrap = algorithm.startsWith('rsa') ? report.decrypt : report.derive;
    return {
      report,
      algorithm,
      certificate,
      publicKey,
      signs: report.sign !== false && (usage & (digitalSignature | nonRepudiation)) !== 0,
      unwraps: mayUnwrap !== false && (usage & (keyEncipherment | keyAgreement)) !== 0,
    };
  } catch {
    return undefined; // what cannot be read cannot be used
  }
}

function policyOf(report: KeyReport, loginRequired: boolean): PinPolicy {
  if (report.alwaysAuthenticate === true) return 'always';
  return loginRequired && !report.visible ? 'once' : loginRequired ? 'unknown' : 'never';
}

const digitalSignature = 0x80;
const nonRepudiation = 0x40;
const keyEncipherment = 0x20;
const keyAgreement = 0x08;
const everything = 0xff;

/** First byte of the certificate's key usage (RFC 5280 section 4.2.1.3); everything where it has none. */
function keyUsageOf(certificate: Uint8Array): number {
  const bytes = Buffer.from(certificate);
  const extension = Buffer.from('0603551d0f', 'hex');
  const at = bytes.indexOf(extension);
  if (at < 0) return everything;
  let offset = at + extension.length;
  if (bytes[offset] === 0x01) offset += 3;
  // OCTET STRING of a BIT STRING: two headers, the count of unused bits, the bits.
  return bytes[offset] === 0x04 && bytes[offset + 2] === 0x03 ? (bytes[offset + 5] ?? 0) : everything;
}
