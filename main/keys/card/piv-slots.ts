// Which PIV cards are in: follows what the watcher sees, and reads each card that comes in.
import { createHash, X509Certificate } from 'node:crypto';
import {
  type CardDescription,
  CardError,
  type CardEvent,
  type CardKey,
  type CardReaderState,
} from './contract.ts';
import { algorithmOf } from './piv-data.ts';
import type { ReadCard, SeenReader } from './worker-messages.ts';
import type { CardWorkers } from './workers.ts';

export interface PivSlotsOptions {
  readonly workers: CardWorkers;
  /** Calls once after so many milliseconds; what comes back takes it back. */
  schedule(afterMilliseconds: number, call: () => void): () => void;
}

/** A service that comes back within this time has lost no card. */
const serviceGraceMilliseconds = 2000;
const busyRetryMilliseconds = 2000;
interface Slot {
  counter: number;
  /** What was read of the card; undefined until then. */
  card: CardDescription | undefined;
  /** Counts readings: the end of an older one tells nothing any more. */
  reading: number;
  cancelRetry: (() => void) | undefined;
}

export class PivSlots {
  readonly #options: PivSlotsOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #listeners = new Set<(event: CardEvent) => void>();
  #readers: readonly string[] = [];
  #state: CardReaderState = 'no-service';
  #cancelGrace: (() => void) | undefined;
  /** The service was away: what is in may be another card. */
  #serviceWasGone = false;
  #readings = 0;

  constructor(options: PivSlotsOptions) {
    this.#options = options;
  }

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

  /** Throws CardError no-card. */
  find(id: string): CardDescription {
    const card = this.cards.find((candidate) => candidate.id === id);
    if (card === undefined) throw new CardError('no-card', 'the card is not in a reader');
    return card;
  }

  /** What is on the card has changed. Throws CardError no-card. */
  async readAgain(id: string): Promise<void> {
    await this.readReader(this.find(id).reader);
  }

  /** The card in that reader as it is now: it may have got another id. undefined: there is none. */
  async readReader(reader: string): Promise<CardDescription | undefined> {
    const slot = this.#slots.get(reader);
    if (slot !== undefined) await this.#read(reader, slot);
    return slot?.card;
  }

  /** So many tries are left; undefined: the card does not tell. */
  tell(id: string, triesLeft: number | undefined): void {
    for (const slot of this.#slots.values()) {
      const { card } = slot;
      if (card?.id === id && card.triesLeft !== triesLeft) this.#replace(slot, { ...card, triesLeft });
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#cancelGrace?.();
    for (const slot of this.#slots.values()) slot.cancelRetry?.();
  }

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
