// The PIV cards of this computer on the control thread: follows what the watcher sees, reads each card that comes in, and
// hands work to the other worker.
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type CardEvent,
  type CardKey,
  type CardKeyAlgorithm,
  type CardObjectName,
  type CardOperationOptions,
  type CardPin,
  type CardReaderState,
  type CardSecretMemory,
  type Cards,
  type KeyPurpose,
} from './contract.ts';
import { algorithmOf, keySize, objectTags } from './piv-data.ts';
import type { CardWork, CardWorkResult, PinPlace, Place, ReadCard, SeenReader } from './worker-messages.ts';
import type { CardWorkers } from './workers.ts';

export interface PivCardsOptions {
  readonly workers: CardWorkers;
  readonly memory: CardSecretMemory;
  /** Calls once after so many milliseconds; what comes back takes it back. */
  schedule(afterMilliseconds: number, call: () => void): () => void;
}

/** A service that comes back within this time has lost no card. */
const serviceGraceMilliseconds = 2000;
const busyRetryMilliseconds = 2000;
const secretMaximum = 512;

interface Slot {
  counter: number;
  /** What was read of the card; undefined until then. */
  card: CardDescription | undefined;
  /** Counts readings: the end of an older one tells nothing any more. */
  reading: number;
  cancelRetry: (() => void) | undefined;
}

export class PivCards implements Cards {
  readonly provider = 'piv';
  readonly #options: PivCardsOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #listeners = new Set<(event: CardEvent) => void>();
  /** Keys made in this process whose certificates are not there yet. */
  readonly #made = new Map<string, CardKeyAlgorithm>();
  #readers: readonly string[] = [];
  #state: CardReaderState = 'no-service';
  #cancelGrace: (() => void) | undefined;
  /** The service was away: what is in may be another card. */
  #serviceWasGone = false;
  #readings = 0;

  constructor(options: PivCardsOptions) {
    this.#options = options;
  }

  /** Begins to look for cards. */
  start(): void {
    this.#options.workers.watch((message) => {
      if (message.type === 'readers') this.#seen(message.readers);
      else if (message.type !== 'context') this.#serviceGone(message.type);
    });
  }

  get state(): CardReaderState {
    return this.#state;
  }
  get readers(): readonly string[] {
    return this.#readers;
  }
  get cards(): readonly CardDescription[] {
    return [...this.#slots.values()].flatMap(({ card }) => card ?? []);
  }

  onEvent(listener: (event: CardEvent) => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  async verifyPin(card: string, pin: CardPin, options: { keepUnlocked?: boolean } = {}): Promise<void> {
    await this.#withPin(card, { pin, ...options }, (unlocking) => ({ type: 'verify-pin', ...unlocking }));
  }

  async countTries(card: string): Promise<void> {
    try {
      const triesLeft = await this.#work(card, { type: 'tries' });
      if (typeof triesLeft === 'number') this.#tell(card, triesLeft);
    } catch {
      // the card is out: there is nothing to count
    }
  }

  async lock(card: string): Promise<void> {
    await this.#work(card, { type: 'lock' });
  }

  async sign(
    card: string,
    purpose: KeyPurpose,
    scheme: SignatureScheme,
    data: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const algorithm = this.#algorithm(card, purpose);
    const result = await this.#withPin(card, options, (unlocking) => ({
      type: 'sign',
      purpose,
      algorithm,
      scheme,
      data,
      ...unlocking,
    }));
    return bytesOf(result);
  }

  async agree(
    card: string,
    purpose: KeyPurpose,
    peerPoint: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const algorithm = this.#algorithm(card, purpose);
    const secret = this.#options.memory.allocate(keySize[algorithm] > 48 ? 48 : keySize[algorithm]);
    try {
      const result = this.#place(secret);
      await this.#withPin(card, options, (unlocking) => ({
        type: 'agree',
        purpose,
        algorithm,
        peerPoint,
        result,
        ...unlocking,
      }));
      return secret;
    } catch (error) {
      this.#options.memory.free(secret);
      throw error;
    }
  }

  async decrypt(
    card: string,
    purpose: KeyPurpose,
    ciphertext: Uint8Array,
    label: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { memory } = this.#options;
    const algorithm = this.#algorithm(card, purpose);
    const block = memory.allocate(secretMaximum);
    try {
      const result = this.#place(block);
      const length = await this.#withPin(card, options, (unlocking) => ({
        type: 'decrypt',
        purpose,
        algorithm,
        ciphertext,
        label,
        result,
        ...unlocking,
      }));
      const plain = memory.allocate(Number(length));
      plain.set(block.subarray(0, plain.length));
      return plain;
    } finally {
      memory.free(block);
    }
  }

  async readObject(card: string, name: CardObjectName): Promise<Uint8Array | undefined> {
    const content = await this.#work(card, { type: 'read-object', tags: objectTags[name] });
    return content === undefined ? undefined : bytesOf(content);
  }

  async writeObject(
    card: string,
    name: CardObjectName,
    content: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const managementKey = this.#managementKey(administration);
    await this.#work(card, { type: 'write-object', tags: objectTags[name], content, managementKey });
    await this.#readAgain(card);
  }

  async changePin(
    card: string,
    present: CardPin,
    next: Uint8Array | undefined,
    options: { puk?: boolean } = {},
  ): Promise<void> {
    const work: CardWork = {
      type: 'change-pin',
      present: this.#pinPlace(present),
      next: next === undefined ? undefined : this.#place(next),
      puk: options.puk === true,
    };
    await this.#work(card, work).finally(() => this.countTries(card));
  }

  async unblock(card: string, puk: CardPin, next: Uint8Array): Promise<void> {
    const work: CardWork = { type: 'unblock', puk: this.#pinPlace(puk), next: this.#place(next) };
    await this.#work(card, work).finally(() => this.countTries(card));
  }

  async generateKey(
    card: string,
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    administration: CardAdministration,
  ): Promise<Uint8Array> {
    const managementKey = this.#managementKey(administration);
    const { reader, slot } = this.#card(card);
    const key = await this.#work(card, { type: 'generate-key', purpose, algorithm, managementKey });
    // A card without an identifier has got one.
    await this.#read(reader, slot);
    this.#made.set(`${slot.card?.id ?? card} ${purpose}`, algorithm);
    return bytesOf(key);
  }

  async publicKey(card: string, purpose: KeyPurpose): Promise<Uint8Array | undefined> {
    const known = this.#card(card).card.keys.find((key) => key.purpose === purpose)?.publicKey;
    if (known !== undefined) return known;
    const key = await this.#work(card, { type: 'public-key', purpose });
    if (key === undefined) return undefined;
    const algorithm = algorithmOf(readPublicKey(bytesOf(key)));
    if (algorithm !== undefined) this.#made.set(`${card} ${purpose}`, algorithm);
    return bytesOf(key);
  }

  async writeCertificate(
    card: string,
    purpose: KeyPurpose,
    certificate: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const managementKey = this.#managementKey(administration);
    await this.#work(card, { type: 'write-certificate', purpose, certificate, managementKey });
    await this.#readAgain(card);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#cancelGrace?.();
    for (const slot of this.#slots.values()) slot.cancelRetry?.();
    await this.#options.workers.close();
  }

  // What the watcher sees.

  #seen(readers: readonly SeenReader[]): void {
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
    const newcomer = this.#serviceWasGone;
    this.#serviceWasGone = false;
    const names = readers.map(({ name }) => name);
    const state = readers.length === 0 ? 'no-reader' : 'ready';
    const isNews = state !== this.#state || names.join('\n') !== this.#readers.join('\n');
    this.#state = state;
    this.#readers = names;
    for (const reader of [...this.#slots.keys()]) {
      if (!names.includes(reader)) this.#drop(reader, 'reader-gone');
    }
    for (const { name, present, counter } of readers) {
      const slot = this.#slots.get(name);
      if (!present) {
        if (slot !== undefined) this.#drop(name, 'pulled');
      } else if (slot === undefined) {
        this.#take(name, counter);
      } else if (newcomer) {
        slot.counter = counter;
        this.#read(name, slot);
      } else if (slot.counter !== counter) {
        this.#drop(name, 'pulled');
        this.#take(name, counter);
      }
    }
    if (isNews) this.#emit({ type: 'readers', state, readers: names });
  }

  #serviceGone(state: 'no-service' | 'no-library'): void {
    this.#serviceWasGone = true;
    const isNews = this.#state !== state;
    this.#state = state;
    this.#readers = [];
    this.#cancelGrace?.();
    this.#cancelGrace = this.#options.schedule(serviceGraceMilliseconds, () => {
      for (const reader of [...this.#slots.keys()]) this.#drop(reader, 'service-gone');
    });
    if (isNews) this.#emit({ type: 'readers', state, readers: [] });
  }

  #take(reader: string, counter: number): void {
    const slot: Slot = { counter, card: undefined, reading: 0, cancelRetry: undefined };
    this.#slots.set(reader, slot);
    this.#read(reader, slot);
  }

  #drop(reader: string, reason: Extract<CardEvent, { type: 'removed' }>['reason']): void {
    const slot = this.#slots.get(reader);
    slot?.cancelRetry?.();
    this.#slots.delete(reader);
    if (slot?.card !== undefined) this.#emit({ type: 'removed', card: slot.card, reason });
  }

  async #readAgain(card: string): Promise<void> {
    const found = this.#card(card);
    await this.#read(found.reader, found.slot);
  }

  async #read(reader: string, slot: Slot): Promise<void> {
    this.#readings += 1;
    const reading = this.#readings;
    slot.reading = reading;
    slot.cancelRetry?.();
    const isCurrent = () => this.#slots.get(reader) === slot && slot.reading === reading;
    let card: CardDescription;
    try {
      card = describe(reader, (await this.#options.workers.work(reader, { type: 'describe' })) as ReadCard);
    } catch (error) {
      if (!isCurrent()) return;
      const problem = error instanceof CardError ? error : new CardError('bad-answer', String(error));
      if (problem.problem === 'no-service') return;
      if (problem.problem === 'busy' || problem.problem === 'card-removed') {
        slot.cancelRetry = this.#options.schedule(busyRetryMilliseconds, () => this.#read(reader, slot));
      }
      card = unusable(reader, problem);
    }
    if (!isCurrent()) return;
    this.#replace(slot, card);
  }

  #replace(slot: Slot, card: CardDescription): void {
    const before = slot.card;
    if (before !== undefined && before.id !== card.id) {
      slot.card = undefined;
      this.#emit({ type: 'removed', card: before, reason: 'pulled' });
    }
    const isNew = slot.card === undefined;
    slot.card = card;
    this.#emit({ type: isNew ? 'inserted' : 'changed', card });
  }

  #emit(event: CardEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  // Work.

  async #withPin(
    card: string,
    { pin, keepUnlocked = false }: CardOperationOptions,
    work: (unlocking: { pin: PinPlace | undefined; keepUnlocked: boolean }) => CardWork,
  ): Promise<CardWorkResult> {
    const place = pin === undefined ? undefined : this.#pinPlace(pin);
    try {
      return await this.#work(card, work({ pin: place, keepUnlocked }));
    } catch (error) {
      if (error instanceof CardError && error.problem === 'pin-wrong') this.#tell(card, error.triesLeft);
      throw error;
    } finally {
      if (pin !== undefined) void this.countTries(card);
    }
  }

  #work(card: string, work: CardWork): Promise<CardWorkResult> {
    try {
      return this.#options.workers.work(this.#card(card).reader, work);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #tell(id: string, triesLeft: number | undefined): void {
    for (const slot of this.#slots.values()) {
      const { card } = slot;
      if (card?.id === id && card.triesLeft !== triesLeft) this.#replace(slot, { ...card, triesLeft });
    }
  }

  #card(id: string): { reader: string; slot: Slot; card: CardDescription } {
    for (const [reader, slot] of this.#slots) {
      if (slot.card?.id === id) return { reader, slot, card: slot.card };
    }
    throw new CardError('no-card', 'the card is not in a reader');
  }

  #algorithm(id: string, purpose: KeyPurpose): CardKeyAlgorithm {
    const { card } = this.#card(id);
    const algorithm =
      card.keys.find((key) => key.purpose === purpose)?.algorithm ?? this.#made.get(`${id} ${purpose}`);
    if (algorithm === undefined)
      throw new CardError('no-certificate', 'the card has no certificate in that slot');
    return algorithm;
  }

  #managementKey(administration: CardAdministration): Place {
    if (administration.kind === 'management-key') return this.#place(administration.key);
    throw new CardError('not-supported', 'a PIV card is written to with its management key');
  }

  #pinPlace(pin: CardPin): PinPlace {
    const confirmLastTry = pin.confirmLastTry === true;
    return pin.kind === 'pin-pad'
      ? { kind: 'pin-pad', confirmLastTry }
      : { kind: 'bytes', place: this.#place(pin.bytes), confirmLastTry };
  }

  #place(secret: Uint8Array): Place {
    return { address: this.#options.memory.addressOf(secret), length: secret.length };
  }
}

function describe(reader: string, read: ReadCard): CardDescription {
  const keys = read.keys.flatMap(({ purpose, certificate, pinPolicy }): CardKey[] => {
    try {
      const { publicKey } = new X509Certificate(certificate);
      const algorithm = algorithmOf(publicKey);
      if (algorithm === undefined) return [];
      const der = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
      return [{ purpose, algorithm, certificate, publicKey: der, pinPolicy }];
    } catch {
      return []; // what cannot be read cannot be used
    }
  });
  const own = read.identifier ?? keys.map(({ certificate }) => hashOf(certificate))[0];
  return {
    id: `piv:${own ?? hashOf(Buffer.from(reader))}`,
    provider: 'piv',
    label: 'PIV card',
    reader,
    pinPad: read.pinPad,
    triesLeft: read.triesLeft,
    keys,
  };
}

function unusable(reader: string, problem: CardError): CardDescription {
  return {
    id: `piv:${hashOf(Buffer.from(reader))}`,
    provider: 'piv',
    label: 'card',
    reader,
    pinPad: false,
    triesLeft: undefined,
    keys: [],
    problem,
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

function readPublicKey(der: Uint8Array) {
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
}

function bytesOf(result: CardWorkResult): Uint8Array {
  if (result instanceof Uint8Array) return result;
  throw new CardError('bad-answer', 'the card gave nothing');
}
