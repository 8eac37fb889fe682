// Vaults for tests: locked memory, a medium in memory that records what is written, and cheap passphrases.

import type { OpenCompartment } from '../../../main/keys/vault/compartment.ts';
import { findLiveSlot } from '../../../main/keys/vault/slots.ts';
import type { VaultStorage } from '../../../main/keys/vault/storage.ts';
import { createVault, type NewCompartment, type VaultContent } from '../../../main/keys/vault/vault.ts';
import { VaultError, type VaultProblem } from '../../../main/keys/vault/vault-error.ts';
import type { SecretMemory } from '../../../main/service/keying/secret-memory.ts';

export const cheapCosts = { memoryKibibytes: 64, passes: 1, lanes: 1 } as const;

export type StorageStep =
  | { readonly type: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'sync' };

/** A file in memory; every write and sync is recorded. */
export class RecordingStorage implements VaultStorage {
  bytes: Uint8Array;
  readonly steps: StorageStep[] = [];

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  async read(): Promise<Uint8Array> {
    return Uint8Array.from(this.bytes);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.steps.push({ type: 'write', offset, bytes: Uint8Array.from(bytes) });
    this.bytes = applied(this.bytes, offset, bytes);
  }

  async sync(): Promise<void> {
    this.steps.push({ type: 'sync' });
  }
}

/** The file after a write; what lies between its end and the place is zero. */
export function applied(file: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  const after = new Uint8Array(Math.max(file.length, offset + bytes.length));
  after.set(file);
  after.set(bytes, offset);
  return after;
}

export function text(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}

export function secret(memory: SecretMemory, value: string): Uint8Array {
  const bytes = memory.allocate(Buffer.byteLength(value));
  bytes.set(text(value));
  return bytes;
}

export function passphraseProtector(memory: SecretMemory, passphrase: string, label = 'a passphrase') {
  return {
    type: 'passphrase' as const,
    label,
    passphrase: secret(memory, passphrase),
    costs: cheapCosts,
  };
}

/** A vault with one ordinary compartment "secrets", opened by the passphrase "correct horse". */
export async function makeVault(
  memory: SecretMemory,
  storage: VaultStorage,
  first: Partial<NewCompartment> = {},
): Promise<{ content: VaultContent; compartment: OpenCompartment }> {
  return createVault(memory, storage, 'Travel', {
    name: 'secrets',
    kind: 'ordinary',
    rule: 'any',
    protectors: [passphraseProtector(memory, 'correct horse')],
    ...first,
  });
}

export function putPsk(compartment: OpenCompartment, name: string, value: string): void {
  compartment.put({
    kind: 'psk',
    name,
    owner: 0,
    storedAtMilliseconds: 1_700_000_000_000,
    value: text(value),
  });
}

export function hasProblem(...problems: VaultProblem[]): (error: unknown) => true {
  return (error) => {
    if (error instanceof VaultError && problems.includes(error.problem)) return true;
    throw error;
  };
}

export function liveIndex(file: Uint8Array): number {
  return findLiveSlot(file).index;
}
