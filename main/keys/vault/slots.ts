// The vault file's outer layer: two slot headers at fixed places, each pointing to a record. A record is written where
// the live one does not lie, made durable, and only then named by the other header (docs/VAULT.md).
import { createHash } from 'node:crypto';
import { damaged, OctetReader, OctetWriter } from './octets.ts';
import { VaultError } from './vault-error.ts';

export const maximumVaultBytes = 16 * 1024 * 1024;
export const headerSpacing = 4096;
export const firstRecordOffset = 2 * headerSpacing;
/** A third of the file: beside the live record, wherever it lies, there is always room for the next. */
export const maximumRecordBytes = Math.floor((maximumVaultBytes - firstRecordOffset) / 3) - headerSpacing;

const magic = Buffer.from('SealNICv', 'latin1');
const formatVersion = 1;
const hashBytes = 32;
const hashedHeaderBytes = 76;
export const headerBytes = hashedHeaderBytes + hashBytes;

export interface Slot {
  readonly vaultId: Uint8Array;
  /** Counts up with every write, from 1. */
  readonly generation: number;
  readonly recordOffset: number;
  readonly recordLength: number;
  readonly recordHash: Uint8Array;
}

export interface LiveSlot extends Slot {
  readonly index: 0 | 1;
  readonly record: Uint8Array;
}

/** Bytes of a header: magic 8, version 2, zero 2, vault id 16, generation 8, offset 4, length 4, hashes 32 and 32. */
export function encodeHeader(slot: Slot): Uint8Array {
  const hashed = new OctetWriter()
    .octets(magic)
    .number16(formatVersion)
    .number16(0)
    .octets(slot.vaultId)
    .number64(slot.generation)
    .number32(slot.recordOffset)
    .number32(slot.recordLength)
    .octets(slot.recordHash)
    .finish();
  return new OctetWriter().octets(hashed).octets(sha256(hashed)).finish();
}

/**
 * The slot of the highest generation that is whole. Throws VaultError: not-a-vault, version, too-large, or damaged where
 * neither is whole.
 */
export function findLiveSlot(file: Uint8Array): LiveSlot {
  if (file.length > maximumVaultBytes) throw new VaultError('too-large', 'The file is larger than 16 MiB.');
  const slots = ([0, 1] as const).map((index) => readSlot(file, index));
  const whole = slots.filter(
    (slot): slot is LiveSlot => slot !== undefined && slot instanceof VaultError === false,
  );
  const live = whole.sort((a, b) => b.generation - a.generation)[0];
  if (live !== undefined) return live;
  const version = slots.find((slot) => slot instanceof VaultError);
  if (version instanceof VaultError) throw version;
  const begun = [0, headerSpacing].some((offset) => hasMagic(file, offset));
  if (begun) throw damaged('neither of its two copies is whole');
  throw new VaultError('not-a-vault', 'The file is no vault, or its beginning is missing.');
}

/** Where a record of that length may be written beside the live one. Throws VaultError too-large. */
export function placeFor(length: number, live: Slot | undefined): number {
  if (length > maximumRecordBytes)
    throw new VaultError('too-large', 'The vault would be larger than 16 MiB.');
  if (live === undefined || live.recordOffset >= firstRecordOffset + length) return firstRecordOffset;
  const end = live.recordOffset + live.recordLength;
  const after = Math.ceil(end / headerSpacing) * headerSpacing;
  if (after + length > maximumVaultBytes)
    throw new VaultError('too-large', 'The vault would be larger than 16 MiB.');
  return after;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function readSlot(file: Uint8Array, index: 0 | 1): LiveSlot | VaultError | undefined {
  const offset = index * headerSpacing;
  if (!hasMagic(file, offset) || file.length < offset + headerBytes) return undefined;
  const header = file.subarray(offset, offset + headerBytes);
  if (!equal(sha256(header.subarray(0, hashedHeaderBytes)), header.subarray(hashedHeaderBytes)))
    return undefined;
  const reader = new OctetReader(header);
  reader.octets(magic.length);
  const version = reader.number16();
  if (version !== formatVersion) {
    return new VaultError('version', `The vault is of format ${version}, which this program does not know.`);
  }
  reader.number16();
  const vaultId = Uint8Array.from(reader.octets(16));
  const generation = reader.number32() * 2 ** 32 + reader.number32();
  const recordOffset = reader.number32();
  const recordLength = reader.number32();
  const recordHash = Uint8Array.from(reader.octets(hashBytes));
  const fits =
    Number.isSafeInteger(generation) &&
    generation > 0 &&
    recordOffset >= firstRecordOffset &&
    recordLength <= maximumRecordBytes &&
    recordOffset + recordLength <= file.length;
  if (!fits) return undefined;
  const record = file.subarray(recordOffset, recordOffset + recordLength);
  if (!equal(sha256(record), recordHash)) return undefined;
  return { index, vaultId, generation, recordOffset, recordLength, recordHash, record };
}

function hasMagic(file: Uint8Array, offset: number): boolean {
  return magic.every((byte, index) => file[offset + index] === byte);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
