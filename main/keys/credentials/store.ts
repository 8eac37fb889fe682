// Secrets, private keys, certificates and authorities in files that only the service can read, until the vault lands.
// DIRECTORY/KIND/NAME holds one credential; names are listed, what is secret never leaves but into locked memory.
import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { parseCertificate } from './certificate.ts';
import { CredentialError } from './credential-error.ts';
import { guardDirectory, readGuarded, writeGuarded } from './guarded-file.ts';
import { readCertificates } from './pem.ts';
import {
  exportPrivateKey,
  type PrivateKeyType,
  privateKeyType,
  readPrivateKey,
  signData,
} from './private-key.ts';
import { syncDirectory } from './replace-file.ts';

export const credentialKinds = ['psk', 'private-key', 'certificate', 'authority'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

export interface CredentialSummary {
  readonly kind: CredentialKind;
  readonly name: string;
  /** User id of whoever stored it; 0 where a file was put there by hand. */
  readonly owner: number;
  readonly storedAtMilliseconds: number;
}

/** Where secrets lie while they are used: zero-filled, locked; `free` wipes. */
export interface SecretMemory {
  allocate(length: number): Uint8Array;
  free(secret: Uint8Array): void;
}

/** Stands for the certificates that the operating system trusts, in a list of authorities. */
export const systemAuthorities = 'system';

const maximumSecretBytes = 64 * 1024;
const maximumCertificateBytes = 1024 * 1024;
const ownersFile = 'owners.json';

export interface PutOptions {
  /** User id; 0 by default. */
  readonly owner?: number;
  /** Opens an encrypted private key, which is stored without it. */
  readonly passphrase?: Uint8Array;
}

/** Opens the store and makes its directory, 0700, where it is missing. Throws CredentialError. */
export function openCredentialStore(directory: string, memory: SecretMemory): CredentialStore {
  return new CredentialStore(directory, memory);
}

export class CredentialStore {
  readonly #directory: string;
  readonly #memory: SecretMemory;
  #systemAuthorities: Uint8Array[] | undefined;

  constructor(directory: string, memory: SecretMemory) {
    this.#directory = directory;
    this.#memory = memory;
    guardDirectory(directory);
    for (const kind of credentialKinds) guardDirectory(join(directory, kind));
  }

  /** Names only, sorted by kind and name. */
  list(): CredentialSummary[] {
    const owners = this.#owners();
    return credentialKinds.flatMap((kind) =>
      readdirSync(join(this.#directory, kind))
        .filter(isName)
        .sort()
        .map((name) => ({
          kind,
          name,
          owner: owners.get(`${kind}/${name}`) ?? 0,
          storedAtMilliseconds: lstatSync(this.#path(kind, name)).mtimeMs,
        })),
    );
  }

  has(kind: CredentialKind, name: string): boolean {
    return isName(name) && readdirSync(join(this.#directory, kind)).includes(name);
  }

  /**
   * Checks and stores; replaces what has the kind and name. The caller wipes `bytes`. Throws CredentialError: for
   * an encrypted private key without or with the wrong passphrase by its own problem codes.
   */
  put(kind: CredentialKind, name: string, bytes: Uint8Array, options: PutOptions = {}): void {
    checkName(name);
    if (kind === 'psk') this.#putSecret(name, bytes);
    else if (kind === 'private-key') this.#putPrivateKey(name, bytes, options.passphrase);
    else this.#putCertificates(kind, name, bytes);
    this.#setOwner(kind, name, options.owner ?? 0);
  }

  /** Every kind of that name, or the one. False where there was none. */
  remove(name: string, kind?: CredentialKind): boolean {
    checkName(name);
    const kinds = kind === undefined ? credentialKinds : [kind];
    let removed = false;
    for (const each of kinds) {
      if (!this.has(each, name)) continue;
      unlinkSync(this.#path(each, name));
      syncDirectory(join(this.#directory, each));
      this.#setOwner(each, name, undefined);
      removed = true;
    }
    return removed;
  }

  /**
   * A pre-shared key in the store's locked memory, which the caller frees; undefined where there is none. A gateway
   * may hold one for each of its clients: the one stored as "NAME IDENTITY" goes before the one stored as "NAME".
   * Throws CredentialError.
   */
  preSharedKey(name: string, remoteIdentity?: string): Uint8Array | undefined {
    const own = remoteIdentity === undefined ? undefined : `${name} ${remoteIdentity}`;
    const secret = own !== undefined && isName(own) ? this.#read('psk', own) : undefined;
    return secret ?? this.#read('psk', name);
  }

  /** DER, the end entity's own first. Throws CredentialError where there is none. */
  certificateChain(name: string): Uint8Array[] {
    return this.#certificates('certificate', name);
  }

  /**
   * DER of all certificates of all names. "system" stands for those that the operating system trusts.
   * Throws CredentialError.
   */
  authorities(names: readonly string[]): Uint8Array[] {
    return names.flatMap((name) =>
      name === systemAuthorities ? this.#ofTheSystem() : this.#certificates('authority', name),
    );
  }

  /** Throws CredentialError where there is no such key, or it cannot be used. */
  privateKeyType(name: string): PrivateKeyType {
    return this.#withPrivateKey(name, (key) => privateKeyType(key));
  }

  /**
   * Signs `data` by the scheme; the hash is applied here. ECDSA: DER. The key is read from its file into locked memory
   * for this one signature, and both are given up at once; node:crypto can sign with a KeyObject only, whose memory is
   * wiped by OpenSSL when the garbage collector has found it. Keys on a card or in the vault do without.
   * Throws CredentialError.
   */
  async sign(name: string, scheme: SignatureScheme, data: Uint8Array): Promise<Uint8Array> {
    return await this.#withPrivateKey(name, (key) => signData(key, scheme, data));
  }

  #ofTheSystem(): readonly Uint8Array[] {
    this.#systemAuthorities ??= getCACertificates('system').flatMap((pem) =>
      readCertificates(Buffer.from(pem)),
    );
    return this.#systemAuthorities;
  }

  #withPrivateKey<Result>(name: string, use: (key: ReturnType<typeof readPrivateKey>) => Result): Result {
    const bytes = this.#read('private-key', name);
    if (!bytes) throw notFound('private-key', name);
    try {
      return use(readPrivateKey(bytes));
    } finally {
      this.#memory.free(bytes);
    }
  }

  #read(kind: 'psk' | 'private-key', name: string): Uint8Array | undefined {
    checkName(name);
    let secret: Uint8Array | undefined;
    const allocate = (length: number): Uint8Array => {
      secret = this.#memory.allocate(length);
      return secret;
    };
    try {
      return readGuarded(this.#path(kind, name), maximumSecretBytes, allocate)?.bytes;
    } catch (error) {
      if (secret) this.#memory.free(secret);
      throw error;
    }
  }

  #certificates(kind: 'certificate' | 'authority', name: string): Uint8Array[] {
    checkName(name);
    const read = readGuarded(
      this.#path(kind, name),
      maximumCertificateBytes,
      (length) => new Uint8Array(length),
    );
    if (!read) throw notFound(kind, name);
    return readCertificates(read.bytes);
  }

  #putSecret(name: string, bytes: Uint8Array): void {
    if (bytes.length === 0) throw new CredentialError('invalid', { code: 'secret-empty' });
    if (bytes.length > maximumSecretBytes) throw new CredentialError('invalid', { code: 'secret-too-long' });
    writeGuarded(this.#path('psk', name), bytes);
  }

  #putPrivateKey(name: string, bytes: Uint8Array, passphrase: Uint8Array | undefined): void {
    const der = exportPrivateKey(readPrivateKey(bytes, passphrase));
    try {
      writeGuarded(this.#path('private-key', name), der);
    } finally {
      der.fill(0);
    }
  }

  #putCertificates(kind: 'certificate' | 'authority', name: string, bytes: Uint8Array): void {
    if (kind === 'authority' && name === systemAuthorities) {
      throw new CredentialError('invalid', { code: 'authority-name-reserved' });
    }
    for (const [index, der] of readCertificates(bytes).entries()) {
      if (parseCertificate(der)) continue;
      throw new CredentialError('invalid', { code: 'certificate-unreadable', number: index + 1 });
    }
    writeGuarded(this.#path(kind, name), bytes);
  }

  #path(kind: CredentialKind, name: string): string {
    return join(this.#directory, kind, name);
  }

  #owners(): Map<string, number> {
    const path = join(this.#directory, ownersFile);
    const read = readGuarded(path, maximumCertificateBytes, (length) => new Uint8Array(length));
    if (!read) return new Map();
    try {
      const value: unknown = JSON.parse(Buffer.from(read.bytes).toString('utf8'));
      const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
      return new Map(entries.filter((entry): entry is [string, number] => Number.isInteger(entry[1])));
    } catch {
      throw new CredentialError('unreadable', { code: 'store-damaged', path });
    }
  }

  #setOwner(kind: CredentialKind, name: string, owner: number | undefined): void {
    const owners = this.#owners();
    if (owner === undefined) owners.delete(`${kind}/${name}`);
    else owners.set(`${kind}/${name}`, owner);
    const text = JSON.stringify(Object.fromEntries(owners), undefined, 2);
    writeGuarded(join(this.#directory, ownersFile), Buffer.from(`${text}\n`));
  }
}

/** File names on every platform; none begins with a dot, holds a separator or ends in the suffix of a half-written file. */
function isName(name: string): boolean {
  return (
    /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u.test(name) &&
    !name.endsWith('.new') &&
    Buffer.byteLength(name) <= 200
  );
}

function checkName(name: string): void {
  if (isName(name)) return;
  throw new CredentialError('invalid', { code: 'credential-name-invalid', text: name });
}

function notFound(kind: CredentialKind, name: string): CredentialError {
  return new CredentialError('not-found', { code: 'credential-not-found', name }, { kind, name });
}
