// Making, enrolling, moving and forgetting vaults, and turning what a client sent into protectors.

import { randomBytes } from 'node:crypto';
import { ControlError } from '../../control/failure.ts';
import type { NewProtectorValue } from '../../control/key-methods.ts';
import type { NewProtector, ProtectorSecret } from '../../keys/vault/protectors.ts';
import { idText } from '../../keys/vault/record.ts';
import { createVaultFile, removeVaultFile, withVaultFile } from '../../keys/vault/storage.ts';
import { createVault, type NewCompartment, parseVault } from '../../keys/vault/vault.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import { type EnrolledVault, type VaultPlace, withContent } from './enrolled-vaults.ts';
import type { Keyring } from './keyring.ts';
import { mediumOf, readMedia } from './media.ts';
import type { VaultSession } from './vault-session.ts';

/** What a client may send with a call; wiped by whoever serves it. */
export interface GivenSecrets {
  readonly passphrase: Buffer | undefined;
  readonly wrappingKey: Buffer | undefined;
  readonly recoverySecret: Buffer | undefined;
}

/** Copies in locked memory of what a client sent; the originals are wiped. */
export class LockedSecrets {
  readonly #keyring: Keyring;
  readonly #secrets: { [Name in keyof GivenSecrets]: Uint8Array | undefined };

  constructor(keyring: Keyring, given: GivenSecrets) {
    const { memory } = keyring.unlocking;
    const take = (bytes: Buffer | undefined) => {
      if (bytes === undefined) return undefined;
      const kept = memory.allocate(bytes.length);
      kept.set(bytes);
      bytes.fill(0);
      return kept;
    };
    this.#keyring = keyring;
    this.#secrets = {
      passphrase: take(given.passphrase),
      wrappingKey: take(given.wrappingKey),
      recoverySecret: take(given.recoverySecret),
    };
  }

  /** Throws ControlError. Files of "system" protectors that were made in vain are taken away by `discard`. */
  protectors(wanted: readonly NewProtectorValue[]): { protectors: NewProtector[]; discard: () => void } {
    const { systemKeys, cards } = this.#keyring.unlocking;
    const made: string[] = [];
    const types = new Set(wanted.map(({ type }) => type));
    if (types.size < wanted.length)
      refuse('one protector of each type at a time; add further ones afterwards');
    const protectors = wanted.map(({ type, label, id, card }): NewProtector => {
      switch (type) {
        case 'passphrase':
          return { type, label, passphrase: this.#needed('passphrase') };
        case 'recovery':
          return { type, label, secret: this.#needed('recoverySecret', 20) };
        case 'keychain': {
          if (id === undefined) return refuse('a keychain protector needs the id that its key is kept by');
          return { type, label, key: this.#needed('wrappingKey', 32), id: Buffer.from(id, 'hex') };
        }
        case 'system': {
          const chosen = randomBytes(16);
          made.push(idText(chosen));
          const key = systemKeys.make(idText(chosen));
          this.#owned.push(key);
          return { type, label, key, id: chosen };
        }
        case 'card':
          break;
      }
      if (cards === undefined) return refuse('this service has no cards');
      return { type: 'card', label, card: cards.parametersOf(card) };
    });
    return {
      protectors,
      discard: () => {
        for (const id of made) systemKeys.forget(id);
      },
    };
  }

  /** What was given to open a protector with; undefined: nothing was. */
  opening(): { secret: ProtectorSecret; types: readonly string[] } | undefined {
    const { passphrase, wrappingKey, recoverySecret } = this.#secrets;
    if (passphrase !== undefined)
      return { secret: { type: 'passphrase', passphrase }, types: ['passphrase'] };
    if (wrappingKey !== undefined) return { secret: { type: 'key', key: wrappingKey }, types: ['keychain'] };
    if (recoverySecret === undefined) return undefined;
    return { secret: { type: 'key', key: recoverySecret }, types: ['recovery'] };
  }

  wipe(): void {
    const { memory } = this.#keyring.unlocking;
    for (const secret of [...Object.values(this.#secrets), ...this.#owned]) {
      if (secret !== undefined) memory.free(secret);
    }
  }

  readonly #owned: Uint8Array[] = [];

  #needed(name: keyof GivenSecrets, length?: number): Uint8Array {
    const secret = this.#secrets[name];
    if (secret === undefined || secret.length === 0) return refuse(`${name} is missing`);
    if (length !== undefined && secret.length !== length) return refuse(`${name} is of ${length} bytes`);
    return secret;
  }
}

/** Makes a vault and enrols it; its compartment is open for `owner`. Throws VaultError. */
export async function createEnrolled(
  keyring: Keyring,
  { name, path, removable, owner }: { name: string; path: string; removable: boolean; owner: number },
  first: NewCompartment,
): Promise<VaultSession> {
  if (keyring.enrolled.all.some((vault) => vault.name === name)) {
    throw new VaultError('exists', `There is a vault "${name}" already.`);
  }
  const place = placeOf(path, removable);
  const { memory } = keyring.unlocking;
  const { content, compartment } = await createVaultFile(path, (storage) =>
    createVault(memory, storage, name, first),
  );
  const vault: EnrolledVault = { id: content.id, name, place, owner, compartments: {} };
  keyring.enrolled.put(withContent(vault, content));
  const session = keyring.add(content.id);
  await session.locate(path);
  session.adopt(compartment, owner);
  return session;
}

/** Throws VaultError. */
export async function enrol(
  keyring: Keyring,
  path: string,
  removable: boolean,
  owner: number,
): Promise<VaultSession> {
  const content = await withVaultFile(path, 'read', async (storage) => parseVault(await storage.read()));
  if (keyring.enrolled.find(content.id) !== undefined) {
    throw new VaultError('exists', `The vault "${content.name}" is enrolled already.`);
  }
  if (keyring.enrolled.all.some(({ name }) => name === content.name)) {
    throw new VaultError('exists', `Another vault is called "${content.name}" already.`);
  }
  const place = placeOf(path, removable);
  const vault = { id: content.id, name: content.name, place, owner, compartments: {} };
  keyring.enrolled.put(withContent(vault, content));
  const session = keyring.add(content.id);
  await session.locate(path);
  return session;
}

/** Copies, checks the copy, enrols it, and removes the old file last. Gives the new path. Throws VaultError. */
export async function moveVault(
  keyring: Keyring,
  session: VaultSession,
  to: string | undefined,
  removable: boolean,
): Promise<string> {
  const path = to ?? keyring.newPath();
  const place = placeOf(path, removable);
  const from = session.path;
  await session.withFile(async (bytes) => {
    const expected = parseVault(bytes);
    await createVaultFile(path, async (storage) => {
      await storage.write(0, bytes);
      await storage.sync();
      const copied = parseVault(await storage.read());
      if (copied.id === expected.id && copied.generation === expected.generation) return;
      throw new VaultError('unreadable', 'The copy is not what was written.');
    });
    keyring.enrolled.put({ ...session.enrolled, place });
  });
  await session.locate(path);
  if (from !== undefined) await removeVaultFile(from);
  return path;
}

/** Forgets a vault; `erase` removes its file and the system's keys for it. Throws VaultError. */
export async function forgetVault(keyring: Keyring, session: VaultSession, erase: boolean): Promise<void> {
  if (erase) {
    if (session.path === undefined)
      throw new VaultError('missing', 'Its medium is out: it cannot be erased.');
    for (const { protectors } of session.content?.compartments ?? []) {
      for (const { id, type } of protectors) {
        if (type === 'system') keyring.unlocking.systemKeys.forget(idText(id));
      }
    }
    session.lock();
    await removeVaultFile(session.path);
  }
  keyring.forget(session.id);
}

function placeOf(path: string, removable: boolean): VaultPlace {
  if (!removable) return { type: 'path', path };
  const found = mediumOf(readMedia(), path);
  if (found !== undefined) return { type: 'medium', file: found.file };
  throw new VaultError('invalid', `${path} lies on no medium that could be taken out.`);
}

function refuse(detail: string): never {
  throw new ControlError({ code: 'invalid-request', method: 'protectors', detail });
}
