// All vaults that the service knows, and the secrets that connections need from them: looked up in the store of files
// first, then in what is open, for whoever may use it.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Failure } from '../../control/failure.ts';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { CardError, type Cards } from '../../keys/card/contract.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { guardDirectory } from '../../keys/credentials/guarded-file.ts';
import { readCertificates } from '../../keys/credentials/pem.ts';
import {
  type PrivateKeyType,
  privateKeyType,
  readPrivateKey,
  signData,
} from '../../keys/credentials/private-key.ts';
import {
  type CredentialStore,
  type CredentialSummary,
  systemAuthorities,
} from '../../keys/credentials/store.ts';
import { readCardParameters } from '../../keys/vault/card-protector.ts';
import type { Entry, EntryKind } from '../../keys/vault/entries.ts';
import { idText } from '../../keys/vault/record.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import type { Credentials } from '../agreement/credentials.ts';
import { connectionProblemOf } from '../cards/card-problem.ts';
import { ConnectionProblem } from '../connection/problem.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Log } from '../log.ts';
import type { Profile } from '../profile/contract.ts';
import type { Prompts } from '../prompts/prompts.ts';
import { type Asking, CardUnlocker } from './card-unlocker.ts';
import { EnrolledVaults } from './enrolled-vaults.ts';
import { textOf } from './entry-values.ts';
import { KeptAssociations } from './kept-associations.ts';
import { controlFailureOf } from './keyring-error.ts';
import type { Medium } from './media.ts';
import { MediumWatch } from './medium-watch.ts';
import { failureOf, type Holder, isStoreKind, mayAsk, mayUse, type Need, needsOf } from './needs.ts';
import { SystemKeys } from './system-keys.ts';
import { isRefusedPrompt, type UnlockingParts, unlockByAsking, unlockBySystem } from './unlocking.ts';
import { type OpenedCompartment, VaultSession } from './vault-session.ts';

export interface KeyringSurroundings {
  readonly memory: SecretMemory;
  readonly store: CredentialStore;
  /** The service's own: vault files, what was seen of them, the keys of "system" protectors. */
  readonly directory: string;
  readonly prompts: Prompts;
  readonly cards?: readonly Cards[];
  readonly log: Log;
  /** For tests; the system's table of mounts by default. */
  readonly media?: () => readonly Medium[];
}

/** Where the client that keeps a wrapping key has time to hand it in before somebody is asked. */
const keychainMilliseconds = 3000;

export class Keyring implements Credentials {
  readonly enrolled: EnrolledVaults;
  /** IKE SAs, while the service restarts. */
  readonly kept: KeptAssociations;
  readonly unlocking: UnlockingParts;
  readonly #surroundings: KeyringSurroundings;
  readonly #sessions = new Map<string, VaultSession>();
  readonly #listeners = new Set<() => void>();
  readonly #arrivals = new Set<() => void>();
  readonly #wanted = new Map<string, number>();
  readonly #watch: MediumWatch;
  readonly #cardWatch: { close(): void } | undefined;

  constructor(surroundings: KeyringSurroundings) {
    const { memory, directory, prompts, cards } = surroundings;
    this.#surroundings = surroundings;
    guardDirectory(directory);
    this.enrolled = new EnrolledVaults(directory);
    const systemKeys = new SystemKeys(join(directory, 'system-keys'), memory);
    const unlocker = cards && new CardUnlocker(cards, prompts, memory);
    this.unlocking = { memory, prompts, systemKeys, cards: unlocker };
    this.kept = new KeptAssociations({
      memory,
      sessions: () => this.sessions,
      isCardIn: (card) => unlocker?.isIn(card) === true,
    });
    this.#watch = new MediumWatch({
      sessions: () => this.sessions,
      arrived: (session) => this.#arrived(session),
      ...(surroundings.media && { media: surroundings.media }),
    });
    this.#cardWatch = unlocker?.watch({
      inserted: () => this.#came(),
      removed: (card) => this.#cardRemoved(card),
    });
    for (const { id } of this.enrolled.all) this.#addSession(id);
  }

  get sessions(): readonly VaultSession[] {
    return [...this.#sessions.values()];
  }

  get directory(): string {
    return this.#surroundings.directory;
  }

  /** Finds the vaults, opens what the system's own keys open, and follows media from now on. */
  async start(): Promise<void> {
    await this.look();
    this.#watch.start();
  }

  /** Looks for media and changed files now. */
  look(): Promise<void> {
    return this.#watch.look();
  }

  /** Locks everything; nothing is looked for any more. */
  close(): void {
    this.#watch.close();
    this.#cardWatch?.close();
    for (const session of this.sessions) session.lock();
  }

  onChange(changed: () => void): { close(): void } {
    this.#listeners.add(changed);
    return { close: () => this.#listeners.delete(changed) };
  }

  /** A card or a medium came: an act of the user, after which he may be asked for what opens a vault. */
  onArrival(came: () => void): { close(): void } {
    this.#arrivals.add(came);
    return { close: () => this.#arrivals.delete(came) };
  }

  /** The session of a vault that was just enrolled. */
  add(id: string): VaultSession {
    return this.#sessions.get(id) ?? this.#addSession(id);
  }

  forget(id: string): void {
    this.#sessions.get(id)?.lock();
    this.#sessions.delete(id);
    this.enrolled.remove(id);
    this.changed();
  }

  /** A file name in the service's own folder that no vault has. */
  newPath(): string {
    return join(this.directory, `${randomBytes(8).toString('hex')}.vault`);
  }

  isWanted(session: VaultSession): boolean {
    return (this.#wanted.get(session.id) ?? 0) > 0;
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  // What connections need.

  preSharedKey(name: string, remoteIdentity?: string, owner = 0): Uint8Array | undefined {
    const stored = this.#surroundings.store.preSharedKey(name, remoteIdentity);
    if (stored !== undefined) return stored;
    const own = remoteIdentity === undefined ? undefined : `${name} ${remoteIdentity}`;
    const entry = (own && this.#find('psk', own, owner)) || this.#find('psk', name, owner);
    return entry && this.#copy(entry.value);
  }

  password(name: string, owner = 0): Uint8Array | undefined {
    const entry = this.#find('password', name, owner) ?? this.#find('psk', name, owner);
    return entry && this.#copy(entry.value);
  }

  list(): CredentialSummary[] {
    return this.#surroundings.store.list();
  }

  put(...[kind, name, bytes, options]: Parameters<CredentialStore['put']>): void {
    this.#surroundings.store.put(kind, name, bytes, options);
  }

  certificateChain(name: string, owner = 0): Uint8Array[] {
    const { store } = this.#surroundings;
    const entry = store.has('certificate', name) ? undefined : this.#find('certificate', name, owner);
    return entry ? readCertificates(entry.value) : store.certificateChain(name);
  }

  authorities(names: readonly string[], owner = 0): Uint8Array[] {
    const { store } = this.#surroundings;
    return names.flatMap((name) => {
      const known = name === systemAuthorities || store.has('authority', name);
      const entry = known ? undefined : this.#find('authority', name, owner);
      return entry ? readCertificates(entry.value) : store.authorities([name]);
    });
  }

  privateKeyType(name: string, owner = 0): PrivateKeyType {
    const { store } = this.#surroundings;
    const entry = store.has('private-key', name) ? undefined : this.#find('private-key', name, owner);
    return entry ? privateKeyType(readPrivateKey(entry.value)) : store.privateKeyType(name);
  }

  async sign(name: string, scheme: SignatureScheme, data: Uint8Array, owner = 0): Promise<Uint8Array> {
    const { store } = this.#surroundings;
    const entry = store.has('private-key', name) ? undefined : this.#find('private-key', name, owner);
    if (entry === undefined) return store.sign(name, scheme, data);
    return signData(readPrivateKey(entry.value), scheme, data);
  }

  /** Profiles in open vaults, by name, as they were written. */
  profiles(): ReadonlyMap<string, string> {
    return new Map(this.#entries('profile').map(({ name, value }) => [name, textOf(value)]));
  }

  /** Filter rows in open vaults: the texts, each with the name of its vault. */
  filters(): readonly { readonly vault: string; readonly text: string }[] {
    return this.sessions.flatMap((session) =>
      session.opened.flatMap(({ compartment }) =>
        compartment.entries
          .filter(({ kind }) => kind === 'filter')
          .map(({ value }) => ({ vault: session.name, text: textOf(value) })),
      ),
    );
  }

  /** Why a connection of the profile cannot have what it needs from a vault; undefined: it can, or no vault has it. */
  lacking(profile: Profile, owner: number): Failure | undefined {
    return this.#lacks(profile, owner)[0]?.failure;
  }

  /** What the profile lacks lies in a vault that is within reach, locked, and opened by a card that is in. */
  opensByCard(profile: Profile, owner: number): boolean {
    const { cards } = this.unlocking;
    if (cards === undefined) return false;
    return this.#lacks(profile, owner).some(({ holder }) => {
      const compartments = holder?.session.content?.compartments ?? [];
      const protectors = compartments.find(({ id }) => idText(id) === holder?.compartment)?.protectors ?? [];
      return protectors.some(
        ({ type, parameters }) => type === 'card' && cards.isIn(readCardParameters(parameters).card),
      );
    });
  }

  /** Has opened, by asking the owner where that is possible, what the profile needs. Throws ConnectionProblem. */
  async ready(profile: Profile, owner: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const [lack] = this.#lacks(profile, owner);
      if (lack === undefined) return;
      const { holder, failure } = lack;
      if (holder === undefined) throw new ConnectionProblem(failure);
      await this.#open(holder, { owner, profile: profile.name, signal });
      const [again] = this.#lacks(profile, owner);
      if (again?.holder?.compartment === holder.compartment) throw new ConnectionProblem(again.failure);
    }
  }

  /** `holder`: what would have to be opened; undefined: no vault that is known. */
  #lacks(profile: Profile, owner: number): readonly { holder?: Holder; failure: Failure }[] {
    const locked = needsOf(profile).flatMap((need) => this.#lockedHolder(need, owner) ?? []);
    const { keepIn } = profile.ike;
    const place = keepIn === undefined ? undefined : this.kept.place(keepIn, owner);
    if (place?.problem === 'unknown-vault') {
      const failure = { code: 'medium-removed', vault: keepIn!.vault } as const;
      return [...locked.map((holder) => ({ holder, failure: failureOf(holder) })), { failure }];
    }
    const holders = place?.problem === 'locked' ? [...locked, place.holder] : locked;
    return holders.map((holder) => ({ holder, failure: failureOf(holder) }));
  }

  async #open(holder: Holder, whom: Omit<Asking, 'vault'>): Promise<void> {
    const { session } = holder;
    const stored = session.content?.compartments.find(({ id }) => idText(id) === holder.compartment);
    if (stored === undefined) throw new ConnectionProblem(failureOf(holder));
    const asking = { ...whom, vault: session.name };
    try {
      const byClient =
        stored.kind === 'ordinary' && stored.protectors.some(({ type }) => type === 'keychain');
      if (byClient) await this.#waitForClient(holder, whom.signal);
      if (session.isOpen(holder.compartment) !== undefined) return;
      await unlockByAsking(this.unlocking, session, stored, asking);
    } catch (error) {
      if (isRefusedPrompt(error)) throw new ConnectionProblem(error.failure as Failure);
      if (error instanceof CardError) {
        // Taken out while it was asked for: the vault is locked, and opening it brings the connection back.
        const isOut = error.problem === 'card-removed' || error.problem === 'no-card';
        throw isOut ? new ConnectionProblem(failureOf(holder)) : connectionProblemOf(error);
      }
      if (!(error instanceof VaultError)) throw error;
      const locked = error.problem === 'locked' || error.problem === 'missing';
      throw new ConnectionProblem(locked ? failureOf(holder) : controlFailureOf(session.name, error));
    }
  }

  /** The app or the command may have the key in the user's keychain: it sees that the vault is wanted. */
  async #waitForClient({ session, compartment }: Holder, signal: AbortSignal | undefined): Promise<void> {
    this.#wanted.set(session.id, (this.#wanted.get(session.id) ?? 0) + 1);
    this.changed();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, keychainMilliseconds);
    const watch = this.onChange(() => {
      if (session.isOpen(compartment) !== undefined) resolve();
    });
    signal?.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    watch.close();
    this.#wanted.set(session.id, this.#wanted.get(session.id)! - 1);
    this.changed();
  }

  /** The compartment that had what is needed when it was open last, where it is locked and nothing else has it. */
  #lockedHolder(need: Need, owner: number): Holder | undefined {
    const { store } = this.#surroundings;
    for (const { kind, name } of need) {
      if (isStoreKind(kind) && (name === systemAuthorities || store.has(kind, name))) return undefined;
      if (this.#find(kind, name, owner) !== undefined) return undefined;
    }
    for (const session of this.sessions) {
      if (!mayAsk(session, owner)) continue;
      for (const [compartment, { name, entries }] of Object.entries(session.enrolled.compartments)) {
        if (!need.some((each) => entries?.includes(`${each.kind}/${each.name}`))) continue;
        return { session, compartment, name };
      }
    }
    return undefined;
  }

  #find(kind: EntryKind, name: string, owner: number): Entry | undefined {
    for (const session of this.sessions) {
      const found = session.find(kind, name, (opened) => mayUse(opened, owner));
      if (found !== undefined) return found.entry;
    }
    return undefined;
  }

  #entries(kind: EntryKind): readonly Entry[] {
    return this.sessions.flatMap(({ opened }) =>
      opened.flatMap(({ compartment }) => compartment.entries.filter((entry) => entry.kind === kind)),
    );
  }

  #copy(value: Uint8Array): Uint8Array {
    const copy = this.#surroundings.memory.allocate(value.length);
    copy.set(value);
    return copy;
  }

  #addSession(id: string): VaultSession {
    const { memory } = this.#surroundings;
    const session = new VaultSession(id, { memory, enrolled: this.enrolled, changed: () => this.changed() });
    this.#sessions.set(id, session);
    return session;
  }

  async #arrived(session: VaultSession): Promise<void> {
    try {
      await unlockBySystem(this.unlocking, session);
    } catch (error) {
      if (!(error instanceof VaultError) && !(error instanceof CredentialError)) throw error;
      this.#surroundings.log(
        'warning',
        `the vault ${session.name} does not open by itself: ${error.message}`,
      );
    }
    this.#came();
  }

  #came(): void {
    for (const listener of [...this.#arrivals]) listener();
  }

  #cardRemoved(card: string): void {
    for (const session of this.sessions) {
      session.lock(({ cards, compartment }) => cards.has(card) || belongsTo(card, compartment));
    }
  }
}

/** A pulled card locks a compartment of its kind, by whatever it was opened: it may just have been made. */
function belongsTo(card: string, { kind, protectors }: OpenedCompartment['compartment']): boolean {
  if (kind !== 'card') return false;
  return protectors.some(
    ({ type, parameters }) => type === 'card' && readCardParameters(parameters).card === card,
  );
}
