// One vault that the service knows, while its file is within reach: what the file holds, which compartments are open and
// whose they are. All that touches the file happens one after the other.
import { OpenCompartment } from '../../keys/vault/compartment.ts';
import type { EntryKind } from '../../keys/vault/entries.ts';
import type { ProtectorSecret } from '../../keys/vault/protectors.ts';
import { openShare } from '../../keys/vault/protectors.ts';
import { idText, type Protector, type StoredCompartment } from '../../keys/vault/record.ts';
import { type VaultStorage, withVaultFile } from '../../keys/vault/storage.ts';
import {
  checkName,
  identityOf,
  type NewCompartment,
  parseVault,
  type VaultChange,
  type VaultContent,
  writeVault,
} from '../../keys/vault/vault.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import {
  checkAgainst,
  type EnrolledVault,
  type EnrolledVaults,
  highestGeneration,
  withContent,
} from './enrolled-vaults.ts';

export interface OpenedCompartment {
  readonly compartment: OpenCompartment;
  /** User id of whoever opened it. */
  readonly owner: number;
  /** Ids of the cards by which it was opened. */
  readonly cards: ReadonlySet<string>;
}

/** By which a compartment is opened. */
export interface UsedCard {
  readonly id: string;
  isIn(): boolean;
}

export interface SessionSurroundings {
  readonly memory: SecretMemory;
  readonly enrolled: EnrolledVaults;
  /** Compartments (ids) were opened, closed or changed. */
  changed(session: VaultSession): void;
}

export class VaultSession {
  readonly id: string;
  readonly #surroundings: SessionSurroundings;
  #path: string | undefined;
  #content: VaultContent | undefined;
  #problem: VaultError | undefined;
  #bytes: Uint8Array | undefined;
  readonly #open = new Map<string, OpenedCompartment>();
  /** Of compartments with the rule "all": what was given so far, by compartment and protector. */
  readonly #partial = new Map<string, Map<string, { share: Uint8Array; card: string | undefined }>>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(id: string, surroundings: SessionSurroundings) {
    this.id = id;
    this.#surroundings = surroundings;
  }

  get enrolled(): EnrolledVault {
    return this.#surroundings.enrolled.find(this.id)!;
  }
  get name(): string {
    return this.enrolled.name;
  }
  /** undefined: its medium is out. */
  get path(): string | undefined {
    return this.#path;
  }
  get content(): VaultContent | undefined {
    return this.#content;
  }
  /** Why the file cannot be used, or why what is open is not what the file holds. */
  get problem(): VaultError | undefined {
    return this.#problem;
  }
  get opened(): readonly OpenedCompartment[] {
    return [...this.#open.values()];
  }

  isOpen(compartment: string): OpenedCompartment | undefined {
    return this.#open.get(compartment);
  }

  /** The file is at that path from now on, or out of reach. Reads it; what is open follows. Never rejects. */
  locate(path: string | undefined, problem?: VaultError): Promise<void> {
    return this.#inTurn(async () => {
      this.#path = path;
      if (path === undefined) this.#lose(problem ?? new VaultError('missing', 'Its medium is out.'));
      else await this.#read();
    });
  }

  /** Reads the file again where it may have changed. Never rejects. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#read());
  }

  /** What has been noticed about it, though it is not lost. */
  complain(problem: VaultError | undefined): void {
    this.#problem = problem;
  }

  /**
   * Opens a compartment with a protector's secret, which stays the caller's. False: the rule is "all", and further
   * protectors are needed. Throws VaultError.
   */
  async unlock(
    stored: StoredCompartment,
    protector: Protector,
    secret: ProtectorSecret,
    owner: number,
    card?: UsedCard,
  ): Promise<boolean> {
    const { memory } = this.#surroundings;
    this.#checkPresent(stored);
    const place = { vaultId: Buffer.from(this.id, 'hex'), compartmentId: stored.id };
    // Not in turn: somebody may be typing, and a medium that is taken out meanwhile must be noticed.
    const share = await openShare(memory, place, protector, secret);
    return this.#inTurn(async () => {
      try {
        this.#checkPresent(stored);
        if (card?.isIn() === false) throw new VaultError('locked', 'The card was taken out meanwhile.');
      } catch (error) {
        memory.free(share);
        throw error;
      }
      return this.#give(stored, protector, { share, card: card?.id }, owner);
    });
  }

  /** Opens as soon as all that is needed was given. */
  async #give(
    stored: StoredCompartment,
    protector: Protector,
    gift: { share: Uint8Array; card: string | undefined },
    owner: number,
  ): Promise<boolean> {
    const { memory } = this.#surroundings;
    const compartment = idText(stored.id);
    const given = this.#partial.get(compartment) ?? new Map();
    this.#partial.set(compartment, given);
    const former = given.get(idText(protector.id));
    if (former !== undefined) memory.free(former.share);
    given.set(idText(protector.id), gift);
    if (stored.rule === 'all' && given.size < stored.protectors.length) return false;
    const shares = new Map([...given].map(([id, { share }]) => [id, share]));
    try {
      const opened = await OpenCompartment.open(memory, identityOf(this.#usable()), stored, shares);
      this.#open.get(compartment)?.compartment.close();
      const cards = new Set([...given.values()].flatMap(({ card }) => card ?? []));
      this.#open.set(compartment, { compartment: opened, owner, cards });
    } finally {
      this.#forgetPartial(compartment);
    }
    this.#remember();
    this.#surroundings.changed(this);
    return true;
  }

  /** The compartment is in the file as it was when somebody began to open it. */
  #checkPresent(stored: StoredCompartment): void {
    const present = this.#usable().compartments.find(({ id }) => idText(id) === idText(stored.id));
    if (present !== undefined && Buffer.compare(present.encoded, stored.encoded) === 0) return;
    throw new VaultError('changed', 'The vault has just changed.');
  }

  /** Closes what `which` says, wipes it, and forgets what was given towards opening. */
  lock(which: (opened: OpenedCompartment) => boolean = () => true): void {
    let closed = false;
    for (const [id, opened] of this.#open) {
      if (!which(opened)) continue;
      this.#open.delete(id);
      opened.compartment.close();
      closed = true;
    }
    for (const id of [...this.#partial.keys()]) this.#forgetPartial(id);
    if (closed) this.#surroundings.changed(this);
  }

  /** Changes an open compartment and writes the vault. Where that fails it stays as it was. Throws VaultError. */
  edit(compartment: string, change: (compartment: OpenCompartment) => Promise<void> | void): Promise<void> {
    return this.#inTurn(async () => {
      const opened = this.#open.get(compartment);
      if (opened === undefined) throw new VaultError('locked', 'The compartment is locked.');
      const stored = this.#usable().compartments.find(({ id }) => idText(id) === compartment);
      if (stored === undefined) throw new VaultError('changed', 'The vault has just changed.');
      const changed = await opened.compartment.reopen(stored);
      try {
        await change(changed);
        if (this.#open.get(compartment) !== opened) {
          throw new VaultError('locked', 'The compartment was locked meanwhile.');
        }
        await this.#write({ write: [changed] });
      } catch (error) {
        changed.close();
        throw error;
      }
      if (this.#open.get(compartment) !== opened) {
        changed.close();
        return;
      }
      this.#open.set(compartment, { ...opened, compartment: changed });
      opened.compartment.close();
      this.#remember();
      this.#surroundings.changed(this);
    });
  }

  /** A further compartment, which stays open for `owner`. */
  addCompartment(of: NewCompartment, owner: number): Promise<void> {
    return this.#inTurn(async () => {
      checkName(of.name);
      const content = this.#usable();
      if (content.compartments.some(({ name }) => name === of.name)) {
        throw new VaultError('exists', `The vault has a compartment "${of.name}" already.`);
      }
      const compartment = await OpenCompartment.create(this.#surroundings.memory, identityOf(content), of);
      try {
        await this.#write({ write: [compartment] });
      } catch (error) {
        compartment.close();
        throw error;
      }
      this.#open.set(idText(compartment.id), { compartment, owner, cards: new Set() });
      this.#remember();
      this.#surroundings.changed(this);
    });
  }

  /** Takes over a compartment that was just made with the vault. */
  adopt(compartment: OpenCompartment, owner: number): void {
    this.#open.set(idText(compartment.id), { compartment, owner, cards: new Set() });
    this.#remember();
    this.#surroundings.changed(this);
  }

  /** What the file holds counts as the youngest from now on, whatever was seen before. Throws VaultError. */
  accept(): Promise<void> {
    return this.#inTurn(async () => {
      const content = parseVault(await this.#readFile());
      this.lock();
      this.#surroundings.enrolled.put(withContent({ ...this.enrolled, compartments: {} }, content));
      await this.#read();
    });
  }

  /** Runs `work` on the whole file while nothing else touches it. */
  withFile<Result>(work: (bytes: Uint8Array) => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => work(await this.#readFile()));
  }

  /** Which protectors of a compartment with the rule "all" are still to be given. */
  missing({ id, protectors }: StoredCompartment): readonly Protector[] {
    const given = this.#partial.get(idText(id));
    return protectors.filter((protector) => given?.has(idText(protector.id)) !== true);
  }

  find(kind: EntryKind, name: string, usable: (opened: OpenedCompartment) => boolean) {
    for (const [id, opened] of this.#open) {
      if (!usable(opened)) continue;
      const entry = opened.compartment.find(kind, name);
      if (entry !== undefined) return { entry, compartment: id };
    }
    return undefined;
  }

  async #read(): Promise<void> {
    let bytes: Uint8Array;
    let content: VaultContent;
    try {
      bytes = await this.#readFile();
      if (this.#content !== undefined && this.#bytes !== undefined) {
        if (Buffer.compare(bytes, this.#bytes) === 0) return;
      }
      content = parseVault(bytes);
      if (content.id !== this.id) throw new VaultError('unsafe', 'Another vault lies in its place.');
      checkAgainst(this.enrolled, content);
    } catch (error) {
      this.#lose(error instanceof VaultError ? error : new VaultError('unreadable', String(error)));
      return;
    }
    this.#problem = undefined;
    await this.#takeOver(content, bytes);
  }

  /** What is open follows the file; a compartment that was given other keys is locked. */
  async #takeOver(content: VaultContent, bytes: Uint8Array): Promise<void> {
    const before = this.#content;
    this.#content = content;
    this.#bytes = bytes;
    for (const [id, opened] of this.#open) {
      const stored = content.compartments.find((compartment) => idText(compartment.id) === id);
      const former = before?.compartments.find((compartment) => idText(compartment.id) === id);
      if (stored !== undefined && former !== undefined) {
        if (Buffer.compare(stored.encoded, former.encoded) === 0) continue;
        try {
          const compartment = await opened.compartment.reopen(stored);
          if (this.#open.get(id) === opened) this.#open.set(id, { ...opened, compartment });
          else compartment.close();
          opened.compartment.close();
          continue;
        } catch (error) {
          if (!(error instanceof VaultError)) throw error;
        }
      }
      this.#open.delete(id);
      opened.compartment.close();
    }
    this.#surroundings.enrolled.put(withContent(this.enrolled, content));
    this.#remember();
    this.#surroundings.changed(this);
  }

  #lose(problem: VaultError): void {
    const news = this.#content !== undefined || this.#problem?.problem !== problem.problem;
    this.#problem = problem;
    this.#content = undefined;
    this.#bytes = undefined;
    const before = this.#open.size;
    this.lock();
    if (news && before === 0) this.#surroundings.changed(this);
  }

  async #write(change: VaultChange): Promise<void> {
    const content = this.#usable();
    const floor = highestGeneration(this.enrolled);
    const written = await this.#withStorage('write', async (storage) => {
      const now = await writeVault(storage, content, change, floor);
      return { content: now, bytes: await storage.read() };
    });
    this.#content = written.content;
    this.#bytes = written.bytes;
    this.#surroundings.enrolled.put(withContent(this.enrolled, written.content));
  }

  /** The names of what is open: later, while it is locked, they tell what would have to be opened. */
  #remember(): void {
    const known = this.enrolled;
    const compartments = { ...known.compartments };
    for (const [id, { compartment }] of this.#open) {
      const seen = compartments[id];
      if (seen === undefined) continue;
      const entries = compartment.entries.map(({ kind, name }) => `${kind}/${name}`).sort();
      compartments[id] = { ...seen, entries };
    }
    this.#surroundings.enrolled.put({ ...known, compartments });
  }

  #usable(): VaultContent {
    if (this.#content !== undefined) return this.#content;
    throw this.#problem ?? new VaultError('missing', 'Its file has not been read yet.');
  }

  #forgetPartial(compartment: string): void {
    for (const { share } of this.#partial.get(compartment)?.values() ?? []) {
      this.#surroundings.memory.free(share);
    }
    this.#partial.delete(compartment);
  }

  #readFile(): Promise<Uint8Array> {
    return this.#withStorage('read', (storage) => storage.read());
  }

  #withStorage<Result>(access: 'read' | 'write', use: (storage: VaultStorage) => Promise<Result>) {
    if (this.#path === undefined) throw this.#problem ?? new VaultError('missing', 'Its medium is out.');
    return withVaultFile(this.#path, access, use);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
