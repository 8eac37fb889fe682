// What lies in an open compartment: entries by kind and name. Secret ones live in locked memory, the others are public.
import type { LockedMemory } from './memory.ts';
import { damaged, OctetReader } from './octets.ts';
import { maximumBodyBytes } from './record.ts';
import { VaultError } from './vault-error.ts';

/** The byte of the file is the place in the list. */
export const entryKinds = [
  'psk',
  'password',
  'private-key',
  'certificate',
  'authority',
  'profile',
  'filter',
  'associations',
] as const;
export type EntryKind = (typeof entryKinds)[number];

const secretKinds: ReadonlySet<EntryKind> = new Set(['psk', 'password', 'private-key', 'associations']);

export interface Entry {
  readonly kind: EntryKind;
  readonly name: string;
  /** User id of whoever put it in. */
  readonly owner: number;
  readonly storedAtMilliseconds: number;
  /** In locked memory where the kind is a secret. */
  readonly value: Uint8Array;
}

const bodyVersion = 1;
const seedBytes = 32;
const maximumSecretBytes = 64 * 1024;
const maximumPublicBytes = 1024 * 1024;
const maximumEntries = 4096;

/** Throws VaultError invalid. */
export function checkEntry(kind: EntryKind, name: string, length: number): void {
  const maximum = secretKinds.has(kind) ? maximumSecretBytes : maximumPublicBytes;
  if (length === 0) throw new VaultError('invalid', `"${name}" is empty.`);
  if (length > maximum) throw new VaultError('invalid', `"${name}" is longer than ${maximum} bytes.`);
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u.test(name) || Buffer.byteLength(name) > 200) {
    throw new VaultError('invalid', `"${name}" is no name: letters, digits, spaces and . _ @ -`);
  }
}

/** Takes a copy: in locked memory where the kind is a secret. */
export function makeEntry(memory: LockedMemory, from: Entry): Entry {
  const value = secretKinds.has(from.kind)
    ? memory.allocate(from.value.length)
    : new Uint8Array(from.value.length);
  value.set(from.value);
  return { ...from, value };
}

export function freeEntry(memory: LockedMemory, entry: Entry): void {
  if (secretKinds.has(entry.kind)) memory.free(entry.value);
}

export function bodyLength(entries: readonly Entry[]): number {
  return entries.reduce(
    (sum, { name, value }) => sum + 1 + 1 + Buffer.byteLength(name) + 4 + 8 + 4 + value.length,
    1 + seedBytes + 2,
  );
}

/**
 * Writes the body into `output`, which is of `bodyLength`: version 1, seed of the signer 32, count 2; each entry: kind 1,
 * name (length 1), owner 4, stored at 8 (milliseconds since 1970), value (length 4).
 */
export function writeBody(output: Uint8Array, seed: Uint8Array, entries: readonly Entry[]): void {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  let offset = 0;
  const put = (bytes: Uint8Array) => {
    output.set(bytes, offset);
    offset += bytes.length;
  };
  output[offset++] = bodyVersion;
  put(seed);
  view.setUint16(offset, entries.length);
  offset += 2;
  for (const { kind, name, owner, storedAtMilliseconds, value } of entries) {
    output[offset++] = entryKinds.indexOf(kind);
    const text = Buffer.from(name, 'utf8');
    output[offset++] = text.length;
    put(text);
    view.setUint32(offset, owner);
    view.setBigUint64(offset + 4, BigInt(Math.floor(storedAtMilliseconds)));
    view.setUint32(offset + 12, value.length);
    offset += 16;
    put(value);
  }
}

/** Reads an opened body; seed and secrets are copied into locked memory of their own. Throws VaultError damaged. */
export function readBody(memory: LockedMemory, body: Uint8Array): { seed: Uint8Array; entries: Entry[] } {
  const entries: Entry[] = [];
  const seed = memory.allocate(seedBytes);
  try {
    const reader = new OctetReader(body);
    if (reader.number8() !== bodyVersion) {
      throw new VaultError('version', 'The compartment is of a later version of this program.');
    }
    seed.set(reader.octets(seedBytes));
    const count = reader.number16();
    if (count > maximumEntries) throw damaged('a compartment has too many entries');
    for (let index = 0; index < count; index++) {
      const kind = entryKinds[reader.number8()];
      const name = reader.text8(200);
      const owner = reader.number32();
      const storedAtMilliseconds = reader.number64();
      if (kind === undefined) throw new VaultError('version', `The kind of "${name}" is not known.`);
      const value = reader.octets32(maximumPublicBytes);
      checkEntry(kind, name, value.length);
      entries.push(makeEntry(memory, { kind, name, owner, storedAtMilliseconds, value }));
    }
    reader.end();
    return { seed, entries };
  } catch (error) {
    memory.free(seed);
    for (const entry of entries) freeEntry(memory, entry);
    throw error;
  }
}

/** Throws VaultError too-large. */
export function checkBody(entries: readonly Entry[]): void {
  if (entries.length <= maximumEntries && bodyLength(entries) <= maximumBodyBytes) return;
  throw new VaultError('too-large', 'The compartment is full: at most 4096 entries and 4 MiB.');
}
