// `vault …` and `keys …`: what clients may do with vaults and with what lies in them.
import { X509Certificate } from 'node:crypto';
import { ControlError } from '../../control/failure.ts';
import type { keyMethods } from '../../control/key-methods.ts';
import type { Caller, ServiceMethods } from '../../control/service-api.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import type { CredentialStore } from '../../keys/credentials/store.ts';
import { type EntryKind, entryKinds } from '../../keys/vault/entries.ts';
import { idText } from '../../keys/vault/record.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import { told } from '../cards/card-problem.ts';
import { InvalidFileError } from '../configuration/problem.ts';
import { checkedValue } from '../keyring/entry-values.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { toldOf } from '../keyring/keyring-error.ts';
import { unlockByAsking } from '../keyring/unlocking.ts';
import {
  createEnrolled,
  enrol,
  forgetVault,
  type GivenSecrets,
  LockedSecrets,
  moveVault,
} from '../keyring/vault-management.ts';
import type { VaultSession } from '../keyring/vault-session.ts';
import type { Profile } from '../profile/contract.ts';
import { isOwn, keySummaries, vaultSummaries } from './vault-summaries.ts';

type KeyMethods = Pick<ServiceMethods, keyof typeof keyMethods>;

export interface KeyParts {
  readonly keyring: Keyring;
  readonly store: CredentialStore;
  validProfiles(): readonly Profile[];
}

/** What only administrators put into a vault: it decides whom to trust and what is protected. */
const policyKinds: ReadonlySet<EntryKind> = new Set(['authority', 'profile', 'filter']);

export function keyHandlers({ keyring, store, validProfiles }: KeyParts): KeyMethods {
  const create = async (
    { name, compartment, makeDefault }: Parameters<KeyMethods['vault.create']>[0],
    place: { path: string; removable: boolean },
    caller: Caller,
    given: GivenSecrets,
  ) => {
    const secrets = new LockedSecrets(keyring, given);
    try {
      requireForSystem(caller, compartment.protectors, 'vault.create');
      const { protectors, discard } = secrets.protectors(compartment.protectors);
      return await toldOf(name, async () => {
        const of = { name, ...place, owner: caller.uid };
        const session = await undoing(discard, () =>
          createEnrolled(keyring, of, { ...compartment, protectors }),
        );
        if (makeDefault && caller.administrator) keyring.enrolled.setDefault(session.id);
        return { vault: session.id };
      });
    } finally {
      secrets.wipe();
    }
  };
  return {
    'vault.list': (_parameters, caller) => ({ vaults: vaultSummaries(keyring, caller) }),
    'vault.create': (parameters, caller, given) =>
      create(parameters, { path: keyring.newPath(), removable: false }, caller, given),
    'vault.create-at': ({ path, removable, ...parameters }, caller, given) =>
      create(parameters, { path, removable }, caller, given),
    'vault.enrol': async ({ path, removable }, { uid }) => {
      const session = await toldOf(path, () => enrol(keyring, path, removable, uid));
      return { vault: session.id };
    },
    'vault.forget': async ({ vault, erase }) => {
      const session = find(keyring, vault);
      await toldOf(vault, () => forgetVault(keyring, session, erase));
      return {};
    },
    'vault.open': async ({ vault, compartment, protector }, caller, given) => {
      const session = findOwn(keyring, vault, caller, 'vault.open');
      const secrets = new LockedSecrets(keyring, given);
      try {
        return await toldOf(vault, () => open(keyring, session, { compartment, protector }, caller, secrets));
      } finally {
        secrets.wipe();
      }
    },
    'vault.close': ({ vault }, caller) => {
      const session = findOwn(keyring, vault, caller, 'vault.close');
      const foreign = session.opened.find(({ owner }) => owner !== caller.uid);
      if (foreign !== undefined && !caller.administrator) refuse('vault.close', foreign.owner);
      session.lock();
      return {};
    },
    'vault.move': async ({ vault, path, removable }) => {
      const session = find(keyring, vault);
      return { path: await toldOf(vault, () => moveVault(keyring, session, path, removable)) };
    },
    'vault.verify': async ({ vault }, caller) => {
      const session = findOwn(keyring, vault, caller, 'vault.verify');
      await session.refresh();
      if (session.problem !== undefined) await toldOf(vault, () => Promise.reject(session.problem));
      const { generation = 0, compartments = [] } = session.content ?? {};
      return {
        generation,
        compartments: compartments.map((stored) => {
          const entries = session.isOpen(idText(stored.id))?.compartment.entries.length;
          return {
            name: stored.name,
            generation: stored.generation,
            ...(entries !== undefined && { entries }),
          };
        }),
      };
    },
    'vault.rotate': async ({ vault, compartment }, caller) => {
      await edit(keyring, vault, compartment, caller, 'vault.rotate', (opened) => opened.rotate());
      return {};
    },
    'vault.accept': async ({ vault }) => {
      const session = find(keyring, vault);
      await toldOf(vault, () => session.accept());
      return {};
    },
    'vault.make-default': ({ vault }) => {
      keyring.enrolled.setDefault(vault === undefined ? undefined : find(keyring, vault).id);
      keyring.changed();
      return {};
    },

    'keys.list': (_parameters, caller) => ({ keys: keySummaries(keyring, caller, validProfiles()) }),
    'keys.add': async ({ name, kind, vault, compartment }, caller, { secret }) => {
      try {
        if (policyKinds.has(kind) && !caller.administrator) refuse('keys.add', undefined);
        const session = vault === undefined ? theDefault(keyring) : find(keyring, vault);
        const chosen = chooseCompartment(session, compartment);
        refuseShadowing(store, kind, name);
        const value = checked(kind, name, secret);
        try {
          const entry = { kind, name, owner: caller.uid, storedAtMilliseconds: Date.now(), value };
          await edit(keyring, session.name, chosen, caller, 'keys.add', (opened) => opened.put(entry));
        } finally {
          value.fill(0);
        }
        return { vault: session.name, compartment: chosen };
      } finally {
        secret.fill(0);
      }
    },
    'keys.certificate': ({ name }, { uid }) => ({ pem: certificatePem(keyring, name, uid) }),
    'keys.remove': async ({ name, vault, kind }, caller) => {
      const sessions =
        vault === undefined
          ? keyring.sessions.filter((session) => isOwn(session, caller))
          : [findOwn(keyring, vault, caller, 'keys.remove')];
      const kinds = kind === undefined ? entryKinds : [kind];
      let removed = false;
      for (const session of sessions) {
        for (const { compartment } of session.opened) {
          const present = kinds.filter((each) => compartment.find(each, name) !== undefined);
          if (present.length === 0) continue;
          await edit(keyring, session.name, compartment.name, caller, 'keys.remove', (opened) => {
            for (const each of present) opened.remove(each, name);
          });
          removed = true;
        }
      }
      if (!removed) {
        for (const session of sessions) refuseLocked(session, kinds, name);
        throw new ControlError({ code: 'secret-not-found', name });
      }
      return {};
    },
    'keys.add-compartment': async ({ vault, compartment }, caller, given) => {
      const session = findOwn(keyring, vault, caller, 'keys.add-compartment');
      const secrets = new LockedSecrets(keyring, given);
      try {
        requireForSystem(caller, compartment.protectors, 'keys.add-compartment');
        const { protectors, discard } = secrets.protectors(compartment.protectors);
        await undoing(discard, () =>
          toldOf(vault, () => session.addCompartment({ ...compartment, protectors }, caller.uid)),
        );
        return {};
      } finally {
        secrets.wipe();
      }
    },
    'keys.add-protector': async ({ vault, compartment, protector, replaces }, caller, given) => {
      const secrets = new LockedSecrets(keyring, given);
      try {
        requireForSystem(caller, [protector], 'keys.add-protector');
        const { protectors, discard } = secrets.protectors([protector]);
        const [from] = protectors;
        let id = new Uint8Array();
        await undoing(discard, () =>
          edit(keyring, vault, compartment, caller, 'keys.add-protector', async (opened) => {
            id = Uint8Array.from(
              replaces === undefined
                ? await opened.addProtector(from!)
                : await opened.replaceProtector(Buffer.from(replaces, 'hex'), from!),
            );
          }),
        );
        if (replaces !== undefined) keyring.unlocking.systemKeys.forget(replaces);
        return { id: idText(id) };
      } finally {
        secrets.wipe();
      }
    },
    'keys.remove-protector': async ({ vault, compartment, id }, caller) => {
      await edit(keyring, vault, compartment, caller, 'keys.remove-protector', (opened) =>
        opened.removeProtector(Buffer.from(id, 'hex')),
      );
      // Where it was one of the system's, nothing is left that opens an older copy.
      keyring.unlocking.systemKeys.forget(id);
      return {};
    },
  };
}

/** Takes back what was made for it where it fails. */
async function undoing<Result>(discard: () => void, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    discard();
    throw error;
  }
}

function certificatePem(keyring: Keyring, name: string, owner: number): string {
  const read = (work: () => Uint8Array[]) => {
    try {
      return work();
    } catch (error) {
      if (error instanceof CredentialError) return [];
      throw error;
    }
  };
  const chain = read(() => keyring.certificateChain(name, owner));
  const found = chain.length > 0 ? chain : read(() => keyring.authorities([name], owner));
  if (found.length === 0) throw new ControlError({ code: 'secret-not-found', name });
  return found.map((der) => new X509Certificate(der).toString()).join('');
}

async function open(
  keyring: Keyring,
  session: VaultSession,
  { compartment, protector }: { compartment?: string | undefined; protector?: string | undefined },
  caller: Caller,
  secrets: LockedSecrets,
): Promise<{ opened: string[]; missing: string[] }> {
  await session.refresh();
  if (session.content === undefined) throw session.problem ?? new VaultError('missing', 'It is not there.');
  const all = session.content.compartments;
  const chosen = compartment === undefined ? all : all.filter(({ name }) => name === compartment);
  if (chosen.length === 0 && compartment !== undefined) noCompartment(session, compartment);
  const opening = secrets.opening();
  const opened: string[] = [];
  const missing: string[] = [];
  let failure: unknown;
  for (const stored of chosen) {
    if (session.isOpen(idText(stored.id)) !== undefined) continue;
    try {
      if (opening === undefined) {
        const asking = { owner: caller.uid, vault: session.name };
        await told(() => unlockByAsking(keyring.unlocking, session, stored, asking));
      } else {
        const fitting = stored.protectors.filter(
          ({ id, type }) => opening.types.includes(type) && (protector ?? idText(id)) === idText(id),
        );
        if (fitting.length === 0)
          failure ??= new VaultError('wrong-secret', `"${stored.name}" is not opened by that.`);
        for (const each of fitting) {
          try {
            await session.unlock(stored, each, opening.secret, caller.uid);
            failure = undefined;
            break;
          } catch (error) {
            failure = error;
          }
        }
      }
    } catch (error) {
      failure = error;
    }
    if (session.isOpen(idText(stored.id)) !== undefined) opened.push(stored.name);
    else if (failure === undefined) {
      missing.push(...session.missing(stored).map(({ label, type }) => `${label} (${type})`));
    }
  }
  if (opened.length === 0 && failure !== undefined) throw failure;
  return { opened, missing };
}

async function edit(
  keyring: Keyring,
  vault: string,
  compartment: string,
  caller: Caller,
  method: string,
  change: Parameters<VaultSession['edit']>[1],
): Promise<void> {
  const session = find(keyring, vault);
  const opened = session.opened.find((each) => each.compartment.name === compartment);
  if (opened === undefined) {
    const known = session.content?.compartments.some(({ name }) => name === compartment);
    if (session.content !== undefined && known !== true) noCompartment(session, compartment);
    throw new ControlError({ code: 'vault-locked', vault, compartment });
  }
  if (opened.owner !== caller.uid && !caller.administrator) refuse(method, opened.owner);
  await toldOf(vault, () => session.edit(idText(opened.compartment.id), change));
}

/** What is known to lie in a locked compartment cannot be taken out of it. */
function refuseLocked(session: VaultSession, kinds: readonly EntryKind[], name: string): void {
  for (const [id, { name: compartment, entries }] of Object.entries(session.enrolled.compartments)) {
    if (session.isOpen(id) !== undefined) continue;
    if (!kinds.some((kind) => entries?.includes(`${kind}/${name}`))) continue;
    throw new ControlError({ code: 'vault-locked', vault: session.name, compartment });
  }
}

function chooseCompartment(session: VaultSession, name: string | undefined): string {
  if (name !== undefined) return name;
  const [only, other] = session.opened;
  if (only !== undefined && other === undefined) return only.compartment.name;
  const [first] = session.content?.compartments ?? [];
  if (only === undefined) {
    throw new ControlError({ code: 'vault-locked', vault: session.name, compartment: first?.name ?? '' });
  }
  throw new ControlError({
    code: 'invalid-request',
    method: 'keys.add',
    detail: `several compartments are open: ${session.opened.map((each) => each.compartment.name).join(', ')}`,
  });
}

function checked(kind: EntryKind, name: string, secret: Uint8Array): Uint8Array {
  try {
    return Uint8Array.from(checkedValue(kind, name, secret));
  } catch (error) {
    if (error instanceof CredentialError) {
      throw new ControlError({ code: 'secret-invalid', name, problem: error.detail });
    }
    if (!(error instanceof InvalidFileError)) throw error;
    const problems = [...error.problems];
    throw new ControlError({ code: 'profile-invalid', name, problems });
  }
}

/** Two of one name would leave it open which one serves. */
function refuseShadowing(store: CredentialStore, kind: EntryKind, name: string): void {
  if (!store.list().some((entry) => entry.kind === kind && entry.name === name)) return;
  throw new ControlError({ code: 'secret-invalid', name, problem: { code: 'secret-in-files', name } });
}

function find(keyring: Keyring, name: string): VaultSession {
  const session = keyring.sessions.find((candidate) => candidate.name === name);
  if (session !== undefined) return session;
  const known = keyring.sessions.map((candidate) => candidate.name);
  throw new ControlError({ code: 'vault-not-found', vault: name, known });
}

function findOwn(keyring: Keyring, name: string, caller: Caller, method: string): VaultSession {
  const session = find(keyring, name);
  if (!isOwn(session, caller)) refuse(method, session.enrolled.owner);
  return session;
}

function theDefault(keyring: Keyring): VaultSession {
  const session = keyring.sessions.find(({ id }) => id === keyring.enrolled.defaultVault);
  if (session !== undefined) return session;
  const known = keyring.sessions.map(({ name }) => name);
  throw new ControlError({ code: 'vault-not-found', vault: '', known });
}

/** A vault that opens by itself at boot serves everybody: that is for administrators to decide. */
function requireForSystem(caller: Caller, protectors: readonly { type: string }[], method: string): void {
  if (!caller.administrator && protectors.some(({ type }) => type === 'system')) refuse(method, undefined);
}

function noCompartment(session: VaultSession, compartment: string): never {
  const known = session.content?.compartments.map(({ name }) => name) ?? [];
  throw new ControlError({ code: 'compartment-not-found', vault: session.name, compartment, known });
}

function refuse(method: string, owner: number | undefined): never {
  throw new ControlError({
    code: 'refused',
    method,
    right: 'administer',
    ...(owner !== undefined && { owner }),
  });
}
