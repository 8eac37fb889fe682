// One compartment with its key: opened from the shares of its protectors, sealed again with every change.
import { randomBytes, randomFillSync } from 'node:crypto';
import { ed25519PublicKey, ed25519Sign } from '../../../native/openssl-keys.ts';
import {
  bodyLength,
  checkBody,
  checkEntry,
  type Entry,
  type EntryKind,
  freeEntry,
  makeEntry,
  readBody,
  writeBody,
} from './entries.ts';
import { keep, type LockedMemory, withSecret } from './memory.ts';
import { OctetWriter } from './octets.ts';
import { makeProtector, type NewProtector, type ProtectorDescription, sealShare } from './protectors.ts';
import {
  bodyContext,
  type CompartmentKind,
  checkProtectors,
  encodeHead,
  idBytes,
  idText,
  nonceBytes,
  type Protector,
  type ProtectorRule,
  type StoredCompartment,
  signedOctets,
} from './record.ts';
import { open, seal, shareBytes, withDerivedKey } from './sealing.ts';
import { VaultError } from './vault-error.ts';

/** A protector's share, by the protector's id in hexadecimal. */
export type Shares = ReadonlyMap<string, Uint8Array>;

export interface VaultIdentity {
  readonly vaultId: Uint8Array;
  readonly vaultName: string;
}

/** Every secret of it lies in locked memory; `close` wipes them. */
export class OpenCompartment {
  readonly id: Uint8Array;
  readonly name: string;
  readonly kind: CompartmentKind;
  readonly rule: ProtectorRule;
  readonly #memory: LockedMemory;
  readonly #vault: VaultIdentity;
  #key: Uint8Array;
  #seed: Uint8Array;
  #protectors: readonly Protector[];
  #entries: Entry[];
  #closed = false;

  private constructor(
    memory: LockedMemory,
    vault: VaultIdentity,
    of: Pick<StoredCompartment, 'id' | 'name' | 'kind' | 'rule' | 'protectors'>,
    secrets: { key: Uint8Array; seed: Uint8Array; entries: Entry[] },
  ) {
    this.#memory = memory;
    this.#vault = vault;
    this.id = Uint8Array.from(of.id);
    this.name = of.name;
    this.kind = of.kind;
    this.rule = of.rule;
    this.#protectors = of.protectors;
    this.#key = secrets.key;
    this.#seed = secrets.seed;
    this.#entries = secrets.entries;
  }

  /** A new and empty one. Throws VaultError invalid. */
  static async create(
    memory: LockedMemory,
    vault: VaultIdentity,
    of: { name: string; kind: CompartmentKind; rule: ProtectorRule; protectors: readonly NewProtector[] },
  ): Promise<OpenCompartment> {
    checkProtectors(
      of.kind,
      of.protectors.map(({ type }) => type),
    );
    const id = randomBytes(idBytes);
    const descriptions: ProtectorDescription[] = [];
    for (const from of of.protectors) {
      descriptions.push(await makeProtector(memory, { vaultId: vault.vaultId, compartmentId: id }, from));
    }
    const secrets = { key: memory.allocate(shareBytes), seed: memory.allocate(32), entries: [] };
    const made = new OpenCompartment(memory, vault, { ...of, id, protectors: [] }, secrets);
    await made.#changeKeys(descriptions);
    return made;
  }

  /**
   * Opens with the shares of one protector (rule "any") or of all (rule "all"); the shares stay the caller's.
   * Throws VaultError more-protectors, forged or damaged.
   */
  static async open(
    memory: LockedMemory,
    vault: VaultIdentity,
    stored: StoredCompartment,
    shares: Shares,
  ): Promise<OpenCompartment> {
    const key = await compartmentKey(memory, vault.vaultId, stored, shares);
    return OpenCompartment.#openWithKey(memory, vault, stored, key);
  }

  /** Takes the key over. */
  static #openWithKey(
    memory: LockedMemory,
    vault: VaultIdentity,
    stored: StoredCompartment,
    key: Uint8Array,
  ): OpenCompartment {
    try {
      const context = bodyContext(vault.vaultId, vault.vaultName, stored.head);
      const sealed = new OctetWriter().octets(stored.nonce).octets(stored.body).finish();
      const body = open(memory, key, sealed, context, () => forged(stored.name));
      try {
        const secrets = { key, ...readBody(memory, body) };
        const opened = new OpenCompartment(memory, vault, stored, secrets);
        if (Buffer.compare(opened.signer, stored.signer) === 0) return opened;
        opened.#wipeContent();
        throw forged(stored.name);
      } finally {
        memory.free(body);
      }
    } catch (error) {
      memory.free(key);
      throw error;
    }
  }

  /** The same compartment as it is in the file now, opened by the key that is known. Throws VaultError. */
  async reopen(stored: StoredCompartment): Promise<OpenCompartment> {
    this.#checkOpen();
    const key = keep(this.#memory, this.#key);
    return OpenCompartment.#openWithKey(this.#memory, this.#vault, stored, key);
  }

  get signer(): Uint8Array {
    return ed25519PublicKey(this.#memory.addressOf(this.#seed));
  }

  get protectors(): readonly Protector[] {
    return this.#protectors;
  }

  /** Their values stay this compartment's: whoever needs one for longer copies it. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  find(kind: EntryKind, name: string): Entry | undefined {
    return this.#entries.find((entry) => entry.kind === kind && entry.name === name);
  }

  /** Replaces what has the kind and name; the value is copied. Throws VaultError. */
  put(entry: Entry): void {
    this.#checkOpen();
    checkEntry(entry.kind, entry.name, entry.value.length);
    const former = this.find(entry.kind, entry.name);
    const others = this.#entries.filter((other) => other !== former);
    checkBody([...others, entry]);
    this.#entries = [...others, makeEntry(this.#memory, entry)];
    if (former) freeEntry(this.#memory, former);
  }

  /** False where there is none. */
  remove(kind: EntryKind, name: string): boolean {
    const former = this.find(kind, name);
    if (!former) return false;
    this.#entries = this.#entries.filter((entry) => entry !== former);
    freeEntry(this.#memory, former);
    return true;
  }

  /** Needs no secret but the new protector's: keys and shares are made anew for all. Gives the new one's id. */
  async addProtector(from: NewProtector): Promise<Uint8Array> {
    checkProtectors(this.kind, [...this.#protectors.map(({ type }) => type), from.type]);
    const added = await makeProtector(this.#memory, this.#place, from);
    await this.#changeKeys([...this.#protectors, added]);
    return added.id;
  }

  /** What it could open is sealed with other keys and signed by another signer from now on. */
  async removeProtector(id: Uint8Array): Promise<void> {
    const rest = this.#protectors.filter((protector) => idText(protector.id) !== idText(id));
    if (rest.length === this.#protectors.length)
      throw new VaultError('invalid', 'There is no such protector.');
    checkProtectors(
      this.kind,
      rest.map(({ type }) => type),
    );
    await this.#changeKeys(rest);
  }

  /** Takes the place of the one with that id, e.g. with a new passphrase. */
  async replaceProtector(id: Uint8Array, from: NewProtector): Promise<Uint8Array> {
    const rest = this.#protectors.filter((protector) => idText(protector.id) !== idText(id));
    if (rest.length === this.#protectors.length)
      throw new VaultError('invalid', 'There is no such protector.');
    checkProtectors(this.kind, [...rest.map(({ type }) => type), from.type]);
    const added = await makeProtector(this.#memory, this.#place, from);
    await this.#changeKeys([...rest, added]);
    return added.id;
  }

  /** New keys for the same protectors. */
  async rotate(): Promise<void> {
    await this.#changeKeys(this.#protectors);
  }

  /** The compartment as it is written into the record of that generation. */
  seal(generation: number): Uint8Array {
    this.#checkOpen();
    const { vaultId, vaultName } = this.#vault;
    const head = encodeHead({
      id: this.id,
      kind: this.kind,
      rule: this.rule,
      generation,
      name: this.name,
      signer: this.signer,
      protectors: this.#protectors,
    });
    checkBody(this.#entries);
    const body = this.#memory.allocate(bodyLength(this.#entries));
    try {
      writeBody(body, this.#seed, this.#entries);
      const sealed = seal(this.#memory, this.#key, body, bodyContext(vaultId, vaultName, head));
      const unsigned = new OctetWriter()
        .octets(head)
        .octets(sealed.subarray(0, nonceBytes))
        .octets32(sealed.subarray(nonceBytes))
        .finish();
      const seedAddress = this.#memory.addressOf(this.#seed);
      const signature = ed25519Sign(seedAddress, signedOctets(vaultId, vaultName, unsigned));
      return Buffer.concat([unsigned, signature]);
    } finally {
      this.#memory.free(body);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wipeContent();
    this.#memory.free(this.#key);
  }

  /** What was locked meanwhile must not be written: its key is wiped. */
  #checkOpen(): void {
    if (this.#closed) throw new VaultError('locked', `The compartment "${this.name}" was locked meanwhile.`);
  }

  get #place() {
    return { vaultId: this.#vault.vaultId, compartmentId: this.id };
  }

  /** Fresh shares, compartment key and signer. Nothing is changed where it fails. */
  async #changeKeys(descriptions: readonly ProtectorDescription[]): Promise<void> {
    const memory = this.#memory;
    const shares = new Map<string, Uint8Array>();
    const common = this.rule === 'any' ? randomSecret(memory) : undefined;
    try {
      const protectors: Protector[] = [];
      for (const description of descriptions) {
        const share = common ?? randomSecret(memory);
        shares.set(idText(description.id), share);
        const sealedShare = await sealShare(memory, this.#place, description, share);
        const { id, type, label, parameters } = description;
        protectors.push({ id, type, label, parameters, sealedShare });
      }
      const stored = { ...this, id: this.id, rule: this.rule, protectors };
      const key = await compartmentKey(memory, this.#vault.vaultId, stored, shares);
      if (this.#closed) memory.free(key);
      this.#checkOpen();
      memory.free(this.#key);
      memory.free(this.#seed);
      this.#key = key;
      this.#seed = randomSecret(memory);
      this.#protectors = protectors;
    } finally {
      for (const share of new Set([...shares.values(), ...(common ? [common] : [])])) memory.free(share);
    }
  }

  #wipeContent(): void {
    this.#memory.free(this.#seed);
    for (const entry of this.#entries) freeEntry(this.#memory, entry);
    this.#entries = [];
  }
}

/** In locked memory, which the caller frees. The order in which shares were given does not matter. */
async function compartmentKey(
  memory: LockedMemory,
  vaultId: Uint8Array,
  { id, rule, protectors, name }: Pick<StoredCompartment, 'id' | 'rule' | 'protectors' | 'name'>,
  shares: Shares,
): Promise<Uint8Array> {
  const sorted = protectors.map((protector) => idText(protector.id)).sort();
  const given = sorted.flatMap((protector) => shares.get(protector) ?? []);
  if (rule === 'any') {
    const [share] = given;
    if (share) return keep(memory, share);
    throw new VaultError('locked', `The compartment "${name}" is locked.`);
  }
  if (given.length < sorted.length) {
    const missing = protectors.filter((protector) => !shares.has(idText(protector.id)));
    const words = missing.map(({ label, type }) => `${label} (${type})`).join(', ');
    throw new VaultError('more-protectors', `The compartment "${name}" also needs: ${words}.`);
  }
  return withSecret(memory, given.length * shareBytes, (together) => {
    for (const [index, share] of given.entries()) together.set(share, index * shareBytes);
    const info = new OctetWriter().octets(Buffer.from('SealNIC vault all 1')).octets(id);
    for (const protector of sorted) info.octets(Buffer.from(protector, 'hex'));
    return withDerivedKey(memory, together, vaultId, info.finish(), (key) => keep(memory, key));
  });
}

function randomSecret(memory: LockedMemory): Uint8Array {
  const secret = memory.allocate(shareBytes);
  randomFillSync(secret);
  return secret;
}

function forged(name: string): VaultError {
  return new VaultError('forged', `The compartment "${name}" does not open with its key: it was changed.`);
}
