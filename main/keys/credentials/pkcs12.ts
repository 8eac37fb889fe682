// PKCS#12 files (RFC 7292): a private key with its certificates, protected by a passphrase.
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  pbkdf2,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { OctetString } from 'asn1js';
import * as pkijs from 'pkijs';
import { parseCertificate } from './certificate.ts';
import { CredentialError } from './credential-error.ts';
import { equalNames } from './distinguished-name.ts';
import { exportPrivateKey, readPrivateKey } from './private-key.ts';

export interface Pkcs12Contents {
  /** DER in PKCS#8. Whoever gets it wipes it. */
  readonly privateKey: Uint8Array;
  /** DER: the key's own certificate first, then the intermediates that lead away from it. */
  readonly certificates: readonly Uint8Array[];
  /** DER: self-signed authorities. */
  readonly authorities: readonly Uint8Array[];
}

/**
 * Opens a file of one key. `passphrase` is UTF-8; without one, an empty one is tried. Modern files (PBES2 with PBKDF2
 * and AES-CBC, HMAC over SHA-1 or SHA-2) are read; what is protected with RC2 or 3DES is refused with the way to
 * convert it. Throws CredentialError.
 */
export async function openPkcs12(bytes: Uint8Array, passphrase?: Uint8Array): Promise<Pkcs12Contents> {
  const opening: Opening = {
    passphrase: passphrase ?? new Uint8Array(),
    given: passphrase !== undefined,
  };
  const contents: Contents = { keys: [], certificates: [] };
  const { safe, mac } = readOuter(bytes);
  checkIntegrity(safe, mac, opening);
  for (const content of readAuthenticatedSafe(safe)) {
    await readContent(content, opening, contents);
  }
  return arrange(contents);
}

interface Opening {
  readonly passphrase: Uint8Array;
  /** Otherwise it is the empty one that is tried. */
  readonly given: boolean;
}

interface Contents {
  readonly keys: KeyObject[];
  readonly certificates: Uint8Array[];
}

const maximumBytes = 1024 * 1024;
const maximumEntries = 256;
/** What an import may cost: about a second each. */
const maximumMacIterations = 1_000_000;
const maximumKeyIterations = 5_000_000;

const types = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  passwordBased2: '1.2.840.113549.1.5.13',
  keyDerivation2: '1.2.840.113549.1.5.12',
  passwordBasedMac1: '1.2.840.113549.1.5.14',
} as const;

const hashes: ReadonlyMap<string, string> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
const pseudoRandomFunctions: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);
const ciphers: ReadonlyMap<string, { name: string; keyBytes: number }> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyBytes: 32 }],
]);
const oldProtections: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.12.1.1', 'RC4'],
  ['1.2.840.113549.1.12.1.2', 'RC4'],
  ['1.2.840.113549.1.12.1.3', '3DES'],
  ['1.2.840.113549.1.12.1.4', '3DES'],
  ['1.2.840.113549.1.12.1.5', 'RC2'],
  ['1.2.840.113549.1.12.1.6', 'RC2'],
  ['1.2.840.113549.3.7', '3DES'],
  ['1.2.840.113549.3.2', 'RC2'],
]);

function readOuter(bytes: Uint8Array): { safe: Uint8Array; mac: pkijs.MacData | undefined } {
  if (bytes.length > maximumBytes) throw malformed();
  return reading(() => {
    const outer = pkijs.PFX.fromBER(Uint8Array.from(bytes));
    if (outer.authSafe.contentType !== types.data || !(outer.authSafe.content instanceof OctetString)) {
      throw new CredentialError('invalid', { code: 'pkcs12-signed' });
    }
    return { safe: new Uint8Array(outer.authSafe.content.getValue()), mac: outer.macData };
  });
}

/** RFC 7292 section 4: the only check that tells a wrong passphrase from a right one. */
function checkIntegrity(safe: Uint8Array, mac: pkijs.MacData | undefined, opening: Opening): void {
  if (!mac) throw new CredentialError('invalid', { code: 'pkcs12-without-check' });
  const algorithm = mac.mac.digestAlgorithm.algorithmId;
  const hash = hashes.get(algorithm);
  if (hash === undefined) {
    const what = algorithm === types.passwordBasedMac1 ? 'PBMAC1' : algorithm;
    throw new CredentialError('invalid', { code: 'pkcs12-check-unsupported', algorithm: what });
  }
  const iterations = mac.iterations ?? 1;
  if (!(iterations >= 1 && iterations <= maximumMacIterations)) throw malformed();
  const salt = mac.macSalt.valueBlock.valueHexView;
  const digest = mac.mac.digest.valueBlock.valueHexView;
  const key = deriveMacKey(hash, asUtf16(opening.passphrase), salt, iterations);
  const computed = createHmac(hash, key).update(safe).digest();
  key.fill(0);
  if (computed.length !== digest.length || !timingSafeEqual(computed, digest)) throw wrongPassphrase(opening);
}

function readAuthenticatedSafe(safe: Uint8Array): pkijs.ContentInfo[] {
  const contents = reading(() => pkijs.AuthenticatedSafe.fromBER(safe).safeContents);
  if (contents.length > maximumEntries) throw malformed();
  return contents;
}

async function readContent(content: pkijs.ContentInfo, opening: Opening, contents: Contents): Promise<void> {
  if (content.contentType === types.data) {
    const plain = reading(() => new Uint8Array((content.content as OctetString).getValue()));
    await readBags(plain, opening, contents);
  } else if (content.contentType === types.encryptedData) {
    const { algorithm, data } = reading(() => {
      const { encryptedContentInfo } = new pkijs.EncryptedData({ schema: content.content });
      return {
        algorithm: encryptedContentInfo.contentEncryptionAlgorithm,
        data: new Uint8Array(encryptedContentInfo.getEncryptedContent()),
      };
    });
    await readBags(await decrypt(algorithm, data, opening), opening, contents);
  } else {
    throw new CredentialError('invalid', { code: 'pkcs12-for-certificate' });
  }
}

async function readBags(plain: Uint8Array, opening: Opening, contents: Contents): Promise<void> {
  const bags = reading(() => pkijs.SafeContents.fromBER(plain).safeBags);
  if (bags.length + contents.certificates.length > maximumEntries) throw malformed();
  for (const { bagValue } of bags) {
    if (bagValue instanceof pkijs.CertBag) {
      contents.certificates.push(reading(() => readCertificate(bagValue)));
    } else if (bagValue instanceof pkijs.PKCS8ShroudedKeyBag) {
      const data = Uint8Array.from(bagValue.encryptedData.valueBlock.valueHexView);
      const der = await decrypt(bagValue.encryptionAlgorithm, data, opening);
      contents.keys.push(readPrivateKey(der));
      der.fill(0);
    } else if (bagValue instanceof pkijs.PrivateKeyInfo) {
      const der = new Uint8Array(bagValue.toSchema().toBER());
      contents.keys.push(readPrivateKey(der));
      der.fill(0);
    }
  }
}

function readCertificate(bag: pkijs.CertBag): Uint8Array {
  const { certValue } = bag;
  if (certValue instanceof OctetString) return new Uint8Array(certValue.getValue());
  return new Uint8Array(certValue.toSchema().toBER());
}

/** PBES2 with PBKDF2 and AES-CBC (RFC 8018 section 6.2). */
async function decrypt(
  algorithm: pkijs.AlgorithmIdentifier,
  data: Uint8Array,
  opening: Opening,
): Promise<Uint8Array> {
  if (algorithm.algorithmId !== types.passwordBased2) throw unsupported(algorithm.algorithmId);
  const { scheme, vector, derivation } = reading(() => {
    const parameters = new pkijs.PBES2Params({ schema: algorithm.algorithmParams });
    if (parameters.keyDerivationFunc.algorithmId !== types.keyDerivation2) {
      throw unsupported(parameters.keyDerivationFunc.algorithmId);
    }
    return {
      scheme: parameters.encryptionScheme.algorithmId,
      vector: Uint8Array.from(
        (parameters.encryptionScheme.algorithmParams as OctetString).valueBlock.valueHexView,
      ),
      derivation: new pkijs.PBKDF2Params({ schema: parameters.keyDerivationFunc.algorithmParams }),
    };
  });
  const cipher = ciphers.get(scheme);
  if (!cipher) throw unsupported(scheme);
  const { iterationCount } = derivation;
  const hash = derivation.prf ? pseudoRandomFunctions.get(derivation.prf.algorithmId) : 'sha1';
  if (hash === undefined) throw unsupported(derivation.prf?.algorithmId ?? '');
  if (!(iterationCount >= 1 && iterationCount <= maximumKeyIterations)) throw malformed();
  const salt = Uint8Array.from((derivation.salt as OctetString).valueBlock.valueHexView);
  const key = await promisify(pbkdf2)(opening.passphrase, salt, iterationCount, cipher.keyBytes, hash);
  try {
    const decipher = createDecipheriv(cipher.name, key, vector);
    return new Uint8Array(Buffer.concat([decipher.update(data), decipher.final()]));
  } catch {
    throw wrongPassphrase(opening);
  } finally {
    key.fill(0);
  }
}

function arrange(contents: Contents): Pkcs12Contents {
  const [key, ...others] = contents.keys;
  if (!key) throw new CredentialError('invalid', { code: 'pkcs12-without-key' });
  if (others.length > 0) {
    throw new CredentialError('invalid', { code: 'pkcs12-keys-too-many', count: contents.keys.length });
  }
  const publicKey = createPublicKey(key);
  const certificates = contents.certificates.map(parseCertificate).filter((each) => each !== undefined);
  const selfSigned = certificates.filter((each) => equalNames(each.subject, each.issuer));
  let next = certificates.find((each) => each.publicKey?.equals(publicKey));
  if (!next) throw new CredentialError('invalid', { code: 'pkcs12-key-without-certificate' });
  const chain: Uint8Array[] = [];
  while (next && chain.length < certificates.length) {
    chain.push(next.der);
    const { issuer }: { issuer: Uint8Array } = next;
    next = certificates.find(
      (each) => equalNames(each.subject, issuer) && !selfSigned.includes(each) && !chain.includes(each.der),
    );
  }
  return {
    privateKey: exportPrivateKey(key),
    certificates: chain,
    authorities: selfSigned.map(({ der }) => der).filter((der) => !chain.includes(der)),
  };
}

/** RFC 7292 appendix B.2 with identifier 3 (integrity key); the key is as long as the hash. */
function deriveMacKey(hash: string, passphrase: Uint8Array, salt: Uint8Array, iterations: number): Buffer {
  const blockBytes = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const filled = (bytes: Uint8Array): Buffer =>
    Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes.length === 0 ? undefined : bytes);
  const secret = filled(passphrase);
  let digest = createHash(hash)
    .update(Buffer.alloc(blockBytes, 3))
    .update(filled(salt))
    .update(secret)
    .digest();
  for (let round = 1; round < iterations; round += 1) digest = createHash(hash).update(digest).digest();
  secret.fill(0);
  return digest;
}

/** BMPString with its closing zero. */
function asUtf16(passphrase: Uint8Array): Buffer {
  const text = Buffer.from(passphrase).toString('utf8');
  return Buffer.from(`${text}\0`, 'utf16le').swap16();
}

function reading<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof CredentialError) throw error;
    throw malformed();
  }
}

function malformed(): CredentialError {
  return new CredentialError('invalid', { code: 'pkcs12-unreadable' });
}

function wrongPassphrase({ given }: Opening): CredentialError {
  return given
    ? new CredentialError('passphrase-wrong', { code: 'passphrase-is-wrong' })
    : new CredentialError('passphrase-needed', { code: 'passphrase-is-needed' });
}

function unsupported(algorithm: string): CredentialError {
  const old = oldProtections.get(algorithm);
  const command = 'openssl pkcs12 -legacy -in OLD.p12 -nodes | openssl pkcs12 -export -out NEW.p12';
  return new CredentialError(
    'invalid',
    old === undefined
      ? { code: 'pkcs12-protection-unsupported', algorithm }
      : { code: 'pkcs12-protection-old', algorithm: old, command },
  );
}
