// RFC 7427: which signature schemes there are, how AUTH names them (AlgorithmIdentifier), and which one we sign with.
import { bytesOf, concatBytes, sameBytes } from './bytes.ts';
import type { LocalAuthentication, SignatureScheme } from './contract.ts';
import { signatureHash } from './numbers.ts';

type HashName = 'sha256' | 'sha384' | 'sha512';

/** The hashes that we announce in SIGNATURE_HASH_ALGORITHMS, in our order. */
export const announcedHashes: readonly number[] = [
  signatureHash.sha256,
  signatureHash.sha384,
  signatureHash.sha512,
];

const hashNumbers: Readonly<Record<HashName, number>> = {
  sha256: signatureHash.sha256,
  sha384: signatureHash.sha384,
  sha512: signatureHash.sha512,
};

const hashesOfOthers = ['sha256', 'sha384', 'sha512'] as const;
const hashesOfP384 = ['sha384', 'sha512', 'sha256'] as const;

/**
 * What we sign with towards a peer that announced these hashes (RFC 7427 numbers); undefined where none is common.
 * RSA signs by PKCS #1, which every peer and every smart card knows; PSS is accepted from peers.
 */
export function chooseScheme(
  keyType: Extract<LocalAuthentication, { method: 'certificate' }>['keyType'],
  peerHashes: readonly number[],
): SignatureScheme | undefined {
  const order = keyType === 'ecdsa-p384' ? hashesOfP384 : hashesOfOthers;
  const hash = order.find((name) => peerHashes.includes(hashNumbers[name]));
  if (hash === undefined) return undefined;
  return { kind: keyType === 'rsa' ? 'rsa-pkcs1' : 'ecdsa', hash };
}

/** Length byte and AlgorithmIdentifier that go ahead of the signature in AUTH (RFC 7427 section 3). */
export function schemePrefix(scheme: SignatureScheme): Uint8Array {
  const row = algorithmRows.find(({ scheme: known }) => sameScheme(known, scheme));
  if (row === undefined) throw new RangeError(`no RFC 7427 name for ${scheme.kind} with ${scheme.hash}`);
  return concatBytes([new Uint8Array([row.identifier.length]), row.identifier]);
}

/** Splits the data of an AUTH payload of method 14; undefined where we do not know the algorithm. */
export function splitDigitalSignature(
  data: Uint8Array,
): { scheme: SignatureScheme; signature: Uint8Array } | undefined {
  const length = data[0] ?? 0;
  const identifier = data.subarray(1, 1 + length);
  if (identifier.length !== length) return undefined;
  const row = algorithmRows.find((candidate) => sameBytes(candidate.identifier, identifier));
  return row && { scheme: row.scheme, signature: data.slice(1 + length) };
}

/** Method 9 carries r and s of 32 bytes each; everything else DER (RFC 4754 section 7). */
export function rawToDerSignature(raw: Uint8Array): Uint8Array | undefined {
  if (raw.length !== 64) return undefined;
  return sequence(derInteger(raw.subarray(0, 32)), derInteger(raw.subarray(32)));
}

/** Undefined where the bytes are no Ecdsa-Sig-Value of P-256. */
export function derToRawSignature(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const raw = new Uint8Array(64);
  let position = 2;
  for (const end of [32, 64]) {
    const length = der[position + 1] ?? 0;
    if (der[position] !== 2 || length === 0 || position + 2 + length > der.length) return undefined;
    let value = der.subarray(position + 2, position + 2 + length);
    while (value.length > 1 && value[0] === 0) value = value.subarray(1);
    if (value.length > 32) return undefined;
    raw.set(value, end - value.length);
    position += 2 + length;
  }
  return position === der.length ? raw : undefined;
}

interface AlgorithmRow {
  readonly scheme: SignatureScheme;
  readonly identifier: Uint8Array;
}

function sameScheme(left: SignatureScheme, right: SignatureScheme): boolean {
  return left.kind === right.kind && left.hash === right.hash;
}

function derElement(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(content);
  if (body.length > 127) throw new RangeError('long DER length is not needed here');
  return concatBytes([new Uint8Array([tag, body.length]), body]);
}

function sequence(...content: readonly Uint8Array[]): Uint8Array {
  return derElement(0x30, ...content);
}

function derInteger(value: Uint8Array): Uint8Array {
  let digits = value;
  while (digits.length > 1 && digits[0] === 0) digits = digits.subarray(1);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return derElement(2, new Uint8Array(sign), digits);
}

function objectIdentifier(hex: string): Uint8Array {
  const digits = hex.match(/../g) ?? [];
  return derElement(6, bytesOf(String.fromCharCode(...digits.map((pair) => Number.parseInt(pair, 16)))));
}

const nothing = new Uint8Array(0);
const nullParameter = new Uint8Array([5, 0]);
const pkcs1 = '2a864886f70d0101';
const ecdsaWithSha2 = '2a8648ce3d0403';
const sha2 = '608648016503040200';
const hashRows: readonly { hash: HashName; pkcs1: string; ecdsa: string; oid: string; length: number }[] = [
  { hash: 'sha256', pkcs1: '0b', ecdsa: '02', oid: '01', length: 32 },
  { hash: 'sha384', pkcs1: '0c', ecdsa: '03', oid: '02', length: 48 },
  { hash: 'sha512', pkcs1: '0d', ecdsa: '04', oid: '03', length: 64 },
];

/** RSASSA-PSS-params (RFC 4055): hash, MGF1 with the same hash, salt as long as the hash. */
function pssIdentifier(oid: string, length: number, parameter: Uint8Array): Uint8Array {
  const hash = sequence(objectIdentifier(sha2.slice(0, -2) + oid), parameter);
  const maskGenerator = sequence(objectIdentifier(`${pkcs1}08`), hash);
  return sequence(
    objectIdentifier(`${pkcs1}0a`),
    sequence(
      derElement(0xa0, hash),
      derElement(0xa1, maskGenerator),
      derElement(0xa2, derInteger(new Uint8Array([length]))),
    ),
  );
}

/** Peers differ in whether they write the NULL parameter; the first row of a scheme is the one that we write. */
const algorithmRows: readonly AlgorithmRow[] = hashRows.flatMap((row) => [
  {
    scheme: { kind: 'rsa-pkcs1', hash: row.hash },
    identifier: sequence(objectIdentifier(pkcs1 + row.pkcs1), nullParameter),
  },
  {
    scheme: { kind: 'rsa-pss', hash: row.hash },
    identifier: pssIdentifier(row.oid, row.length, nullParameter),
  },
  {
    scheme: { kind: 'rsa-pss', hash: row.hash },
    identifier: pssIdentifier(row.oid, row.length, nothing),
  },
  {
    scheme: { kind: 'ecdsa', hash: row.hash },
    identifier: sequence(objectIdentifier(ecdsaWithSha2 + row.ecdsa)),
  },
]);
