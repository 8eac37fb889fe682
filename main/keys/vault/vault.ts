// A vault as a whole: read from its file, written back a generation further, never in place of what is valid.
import { randomBytes } from 'node:crypto';
import { OpenCompartment, type VaultIdentity } from './compartment.ts';
import type { LockedMemory } from './memory.ts';
import { damaged } from './octets.ts';
import type { NewProtector } from './protectors.ts';
import {
  type CompartmentKind,
  encodeRecord,
  idBytes,
  idText,
  maximumCompartments,
  type ProtectorRule,
  parseRecord,
  type StoredCompartment,
  type VaultRecord,
} from './record.ts';
import { encodeHeader, findLiveSlot, headerSpacing, type LiveSlot, placeFor, sha256 } from './slots.ts';
import type { VaultStorage } from './storage.ts';
import { VaultError } from './vault-error.ts';

/** What a vault's file holds, checked as far as that is possible while it is locked. */
export interface VaultContent {
  /** Hexadecimal. */
  readonly id: string;
  readonly name: string;
  readonly generation: number;
  readonly compartments: readonly StoredCompartment[];
}

/** Throws VaultError. */
export function parseVault(file: Uint8Array): VaultContent {
  const live = findLiveSlot(file);
  return contentOf(live, parseRecord(live.vaultId, live.record));
}

export function identityOf({ id, name }: VaultContent): VaultIdentity {
  return { vaultId: Buffer.from(id, 'hex'), vaultName: name };
}

export interface NewCompartment {
  readonly name: string;
  readonly kind: CompartmentKind;
  readonly rule: ProtectorRule;
  readonly protectors: readonly NewProtector[];
}

/** Writes a new vault into an empty file; its first compartment comes back open. */
export async function createVault(
  memory: LockedMemory,
  storage: VaultStorage,
  name: string,
  first: NewCompartment,
): Promise<{ content: VaultContent; compartment: OpenCompartment }> {
  checkName(name);
  checkName(first.name);
  const identity = { vaultId: randomBytes(idBytes), vaultName: name };
  const compartment = await OpenCompartment.create(memory, identity, first);
  try {
    await writeGeneration(storage, identity, undefined, [compartment.seal(1)], 1);
    return { content: parseVault(await storage.read()), compartment };
  } catch (error) {
    compartment.close();
    throw error;
  }
}

/** What is to be different in the next generation. */
export interface VaultChange {
  /** Sealed anew; those that the vault does not have yet are added. */
  readonly write: readonly OpenCompartment[];
  /** Ids in hexadecimal. */
  readonly remove?: readonly string[];
}

/**
 * Writes the next generation, above `floor` too, and gives what the file holds now. Throws VaultError: "changed" where
 * the file is no longer what `expected` says; where it fails the file holds what it held.
 */
export async function writeVault(
  storage: VaultStorage,
  expected: VaultContent,
  change: VaultChange,
  floor = 0,
): Promise<VaultContent> {
  const live = findLiveSlot(await storage.read());
  if (live.generation !== expected.generation || idText(live.vaultId) !== expected.id) {
    throw new VaultError('changed', 'The vault was changed by another program meanwhile.');
  }
  const generation = Math.max(live.generation, floor) + 1;
  if (!Number.isSafeInteger(generation)) throw damaged('its generations are used up');
  const written = new Map(change.write.map((compartment) => [idText(compartment.id), compartment]));
  const removed = new Set(change.remove);
  const kept = parseRecord(live.vaultId, live.record).compartments.filter(
    ({ id }) => !removed.has(idText(id)),
  );
  const encoded = kept.map((stored) => {
    const compartment = written.get(idText(stored.id));
    written.delete(idText(stored.id));
    return compartment?.seal(generation) ?? stored.encoded;
  });
  for (const compartment of written.values()) encoded.push(compartment.seal(generation));
  if (encoded.length > maximumCompartments) {
    throw new VaultError('invalid', `A vault has at most ${maximumCompartments} compartments.`);
  }
  await writeGeneration(storage, identityOf(expected), live, encoded, generation);
  return parseVault(await storage.read());
}

/** Throws VaultError invalid. */
export function checkName(name: string): void {
  if (/^[\p{L}\p{N}][\p{L}\p{N} ._@-]*$/u.test(name) && Buffer.byteLength(name) <= 64) return;
  throw new VaultError(
    'invalid',
    `"${name}" is no name: letters, digits, spaces and . _ @ -, 64 bytes at most`,
  );
}

/** The record first, where nothing valid lies; then the header of the slot that is not live. */
async function writeGeneration(
  storage: VaultStorage,
  { vaultId, vaultName }: VaultIdentity,
  live: LiveSlot | undefined,
  compartments: readonly Uint8Array[],
  generation: number,
): Promise<void> {
  const record = encodeRecord(vaultName, compartments);
  const recordOffset = placeFor(record.length, live);
  const index = live === undefined || live.index === 1 ? 0 : 1;
  await storage.write(recordOffset, record);
  await storage.sync();
  const header = encodeHeader({
    vaultId,
    generation,
    recordOffset,
    recordLength: record.length,
    recordHash: sha256(record),
  });
  await storage.write(index * headerSpacing, header);
  await storage.sync();
}

function contentOf(live: LiveSlot, record: VaultRecord): VaultContent {
  const latest = Math.max(0, ...record.compartments.map(({ generation }) => generation));
  if (latest > live.generation)
    throw new VaultError('damaged', 'The vault is damaged: its generations disagree.');
  return {
    id: idText(live.vaultId),
    name: record.name,
    generation: live.generation,
    compartments: record.compartments,
  };
}
