// A certificate as path validation needs it (RFC 5280 section 4), read strictly: what is odd is not read at all.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { fromBER } from 'asn1js';
import * as pkijs from 'pkijs';
import { formatName } from './distinguished-name.ts';

export interface ParsedCertificate {
  readonly der: Uint8Array;
  /** The signed octets. */
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
  /** DER of the AlgorithmIdentifier, the same outside and inside. */
  readonly signatureAlgorithm: pkijs.AlgorithmIdentifier;
  /** DER of the names. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** undefined: of a kind that node:crypto does not know. */
  readonly publicKey: KeyObject | undefined;
  readonly version: number;
  /** Absent: no such extension. */
  readonly basicConstraints:
    | { readonly authority: boolean; readonly pathLength: number | undefined }
    | undefined;
  /** The first byte of the bits: digitalSignature 0x80, nonRepudiation 0x40, keyCertSign 0x04. */
  readonly keyUsage: number | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  /** Object identifiers of critical extensions that are not understood here. */
  readonly unknownCritical: readonly string[];
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
}

export type GeneralName =
  | { readonly type: 'dns' | 'email'; readonly value: string }
  /** 4 or 16 bytes; in name constraints an address and a mask, twice as long. */
  | { readonly type: 'address'; readonly value: Uint8Array }
  | { readonly type: 'directory'; readonly value: Uint8Array }
  /** Any other form, by its tag number (RFC 5280 section 4.2.1.6). */
  | { readonly type: 'other'; readonly tag: number };

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Larger than any certificate in use; what is larger is not looked at. */
export const maximumCertificateBytes = 32 * 1024;

/** undefined for anything that is no certificate in DER. Never throws, whatever the bytes. */
export function parseCertificate(der: Uint8Array): ParsedCertificate | undefined {
  if (der.length > maximumCertificateBytes || !isOneDerSequence(der)) return undefined;
  try {
    return read(Uint8Array.from(der));
  } catch {
    return undefined;
  }
}

/** What to call it in a message: its subject, or where that is empty its first name. */
export function describeCertificate(certificate: ParsedCertificate): string {
  const subject = formatName(certificate.subject);
  if (subject !== '') return `"${subject}"`;
  for (const name of certificate.subjectNames) {
    if (name.type === 'dns' || name.type === 'email') return `"${name.value}"`;
  }
  return 'a certificate without a subject';
}

const identifiers = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  /** Restricts anyPolicy, and no policy is asked for here. */
  inhibitAnyPolicy: '2.5.29.54',
} as const;
const understood: ReadonlySet<string> = new Set(Object.values(identifiers));

function read(der: Uint8Array): ParsedCertificate {
  const certificate = pkijs.Certificate.fromBER(der);
  const outer = new Uint8Array(certificate.signatureAlgorithm.toSchema().toBER());
  const inner = new Uint8Array(certificate.signature.toSchema().toBER());
  if (!Buffer.from(outer).equals(inner))
    throw new Error('the signature algorithm differs inside and outside');
  if (certificate.signatureValue.valueBlock.unusedBits !== 0) throw new Error('unused bits in the signature');
  const extensions = readExtensions(certificate);
  return {
    der,
    toBeSigned: certificate.tbsView,
    signature: Uint8Array.from(certificate.signatureValue.valueBlock.valueHexView),
    signatureAlgorithm: certificate.signatureAlgorithm,
    subject: new Uint8Array(certificate.subject.valueBeforeDecode),
    issuer: new Uint8Array(certificate.issuer.valueBeforeDecode),
    notBefore: readTime(certificate.notBefore),
    notAfter: readTime(certificate.notAfter),
    publicKey: readPublicKey(certificate),
    version: certificate.version,
    basicConstraints: readBasicConstraints(extensions.get(identifiers.basicConstraints)),
    keyUsage: readKeyUsage(extensions.get(identifiers.keyUsage)),
    extendedKeyUsage: value(extensions.get(identifiers.extendedKeyUsage), pkijs.ExtKeyUsage)?.keyPurposes,
    subjectNames: readSubjectNames(extensions.get(identifiers.subjectAlternativeName)),
    nameConstraints: readNameConstraints(extensions.get(identifiers.nameConstraints)),
    unknownCritical: [...extensions.values()]
      .filter((extension) => extension.critical && !understood.has(extension.extnID))
      .map((extension) => extension.extnID),
    subjectKeyIdentifier: readOctets(extensions.get(identifiers.subjectKeyIdentifier)),
    authorityKeyIdentifier: readAuthorityKeyIdentifier(extensions.get(identifiers.authorityKeyIdentifier)),
  };
}

/** The whole is one SEQUENCE of definite length: nothing may trail it. */
function isOneDerSequence(der: Uint8Array): boolean {
  if (der[0] !== 0x30 || der.length < 4) return false;
  const first = der[1]!;
  if (first < 0x80) return der.length === first + 2;
  const count = first & 0x7f;
  if (count === 0 || count > 3) return false;
  let length = 0;
  for (let index = 0; index < count; index += 1) length = length * 256 + (der[2 + index] ?? 0);
  return der.length === 2 + count + length;
}

function readExtensions(certificate: pkijs.Certificate): Map<string, pkijs.Extension> {
  const extensions = new Map<string, pkijs.Extension>();
  for (const extension of certificate.extensions ?? []) {
    if (extensions.has(extension.extnID)) throw new Error(`the extension ${extension.extnID} is there twice`);
    extensions.set(extension.extnID, extension);
  }
  return extensions;
}

/** The parsed extension; throws where it is there and cannot be read. */
function value<Type extends object>(
  extension: pkijs.Extension | undefined,
  type: new (parameters: { schema: unknown }) => Type,
): Type | undefined {
  if (!extension) return undefined;
  const { result, offset } = fromBER(extension.extnValue.valueBlock.valueHexView);
  if (offset !== extension.extnValue.valueBlock.valueHexView.length) throw new Error('a malformed extension');
  return new type({ schema: result });
}

function readBasicConstraints(extension: pkijs.Extension | undefined): ParsedCertificate['basicConstraints'] {
  const constraints = value(extension, pkijs.BasicConstraints);
  if (!constraints) return undefined;
  const { pathLenConstraint: length } = constraints;
  if (length === undefined) return { authority: constraints.cA, pathLength: undefined };
  const pathLength = typeof length === 'number' ? length : length.valueBlock.valueDec;
  if (!Number.isInteger(pathLength) || pathLength < 0) throw new Error('a malformed path length');
  return { authority: constraints.cA, pathLength };
}

function readKeyUsage(extension: pkijs.Extension | undefined): number | undefined {
  if (!extension) return undefined;
  const bytes = extension.extnValue.valueBlock.valueHexView;
  const contentLength = bytes[1] ?? 0;
  if (bytes[0] !== 3 || contentLength !== bytes.length - 2 || contentLength < 1 || contentLength > 3) {
    throw new Error('a malformed key usage');
  }
  return bytes[3] ?? 0;
}

function readOctets(extension: pkijs.Extension | undefined): Uint8Array | undefined {
  const bytes = extension?.extnValue.valueBlock.valueHexView;
  if (bytes?.[0] !== 4 || bytes[1] !== bytes.length - 2) return undefined;
  return bytes.slice(2);
}

function readAuthorityKeyIdentifier(extension: pkijs.Extension | undefined): Uint8Array | undefined {
  const identifier = value(extension, pkijs.AuthorityKeyIdentifier)?.keyIdentifier;
  return identifier && Uint8Array.from(identifier.valueBlock.valueHexView);
}

function readSubjectNames(extension: pkijs.Extension | undefined): GeneralName[] {
  const names = value(extension, pkijs.AltName)?.altNames.map(readGeneralName) ?? [];
  for (const name of names) {
    if (name.type === 'address' && name.value.length !== 4 && name.value.length !== 16) {
      throw new Error('an address of odd length');
    }
  }
  return names;
}

function readNameConstraints(extension: pkijs.Extension | undefined): NameConstraints | undefined {
  const constraints = value(extension, pkijs.NameConstraints);
  if (!constraints) return undefined;
  const subtrees = (list: pkijs.GeneralSubtree[] | undefined): GeneralName[] =>
    (list ?? []).map((subtree) => {
      const minimum =
        typeof subtree.minimum === 'number' ? subtree.minimum : subtree.minimum.valueBlock.valueDec;
      if (minimum !== 0 || subtree.maximum !== undefined) throw new Error('a name constraint with distances');
      return readGeneralName(subtree.base);
    });
  return {
    permitted: subtrees(constraints.permittedSubtrees),
    excluded: subtrees(constraints.excludedSubtrees),
  };
}

function readGeneralName(name: pkijs.GeneralName): GeneralName {
  const inner: unknown = name.value;
  switch (name.type) {
    case 1:
      if (typeof inner === 'string') return { type: 'email', value: inner };
      break;
    case 2:
      if (typeof inner === 'string') return { type: 'dns', value: inner };
      break;
    case 4:
      if (inner instanceof pkijs.RelativeDistinguishedNames) {
        return { type: 'directory', value: new Uint8Array(inner.toSchema().toBER()) };
      }
      break;
    case 7: {
      const octets = (inner as { valueBlock?: { valueHexView?: Uint8Array } }).valueBlock?.valueHexView;
      if (octets) return { type: 'address', value: Uint8Array.from(octets) };
      break;
    }
    default:
      return { type: 'other', tag: name.type };
  }
  throw new Error('a malformed name');
}

function readTime(time: pkijs.Time): Date {
  if (Number.isNaN(time.value.getTime())) throw new Error('a malformed time');
  return time.value;
}

function readPublicKey(certificate: pkijs.Certificate): KeyObject | undefined {
  const der = Buffer.from(certificate.subjectPublicKeyInfo.toSchema().toBER());
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
