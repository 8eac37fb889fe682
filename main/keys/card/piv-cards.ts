// The PIV cards of this computer on the control thread: hands work with them to the worker that does it.
import { createPublicKey } from 'node:crypto';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type CardEvent,
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
import { PivSlots, type PivSlotsOptions } from './piv-slots.ts';
import type { CardWork, CardWorkResult, PinPlace, Place } from './worker-messages.ts';

export interface PivCardsOptions extends PivSlotsOptions {
  readonly memory: CardSecretMemory;
}

const secretMaximum = 512;

export class PivCards implements Cards {
  readonly provider = 'piv';
  readonly #options: PivCardsOptions;
  readonly #slots: PivSlots;
  /** Keys made in this process whose certificates are not there yet. */
  readonly #made = new Map<string, CardKeyAlgorithm>();

  constructor(options: PivCardsOptions) {
    this.#options = options;
    this.#slots = new PivSlots(options);
  }

  /** Begins to look for cards. */
  start(): void {
    this.#slots.start();
  }

  get state(): CardReaderState {
    return this.#slots.state;
  }
  get readers(): readonly string[] {
    return this.#slots.readers;
  }
  get cards(): readonly CardDescription[] {
    return this.#slots.cards;
  }

  onEvent(listener: (event: CardEvent) => void): { close(): void } {
    return this.#slots.onEvent(listener);
  }

  async verifyPin(card: string, pin: CardPin, options: { keepUnlocked?: boolean } = {}): Promise<void> {
    await this.#withPin(card, { pin, ...options }, (unlocking) => ({ type: 'verify-pin', ...unlocking }));
  }

  async countTries(card: string): Promise<void> {
    try {
      const triesLeft = await this.#work(card, { type: 'tries' });
      if (typeof triesLeft === 'number') this.#slots.tell(card, triesLeft);
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
    await this.#slots.readAgain(card);
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
    const { reader } = this.#slots.find(card);
    const key = await this.#work(card, { type: 'generate-key', purpose, algorithm, managementKey });
    // A card without an identifier has got one.
    const { id } = (await this.#slots.readReader(reader)) ?? { id: card };
    this.#made.set(`${id} ${purpose}`, algorithm);
    return bytesOf(key);
  }

  async publicKey(card: string, purpose: KeyPurpose): Promise<Uint8Array | undefined> {
    const known = this.#slots.find(card).keys.find((key) => key.purpose === purpose)?.publicKey;
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
    await this.#slots.readAgain(card);
  }

  async close(): Promise<void> {
    this.#slots.close();
    await this.#options.workers.close();
  }

  async #withPin(
    card: string,
    { pin, keepUnlocked = false }: CardOperationOptions,
    work: (unlocking: { pin: PinPlace | undefined; keepUnlocked: boolean }) => CardWork,
  ): Promise<CardWorkResult> {
    const place = pin === undefined ? undefined : this.#pinPlace(pin);
    try {
      return await this.#work(card, work({ pin: place, keepUnlocked }));
    } catch (error) {
      if (error instanceof CardError && error.problem === 'pin-wrong')
        this.#slots.tell(card, error.triesLeft);
      throw error;
    } finally {
      if (pin !== undefined) void this.countTries(card);
    }
  }

  #work(card: string, work: CardWork): Promise<CardWorkResult> {
    try {
      return this.#options.workers.work(this.#slots.find(card).reader, work);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #algorithm(id: string, purpose: KeyPurpose): CardKeyAlgorithm {
    const card = this.#slots.find(id);
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

function readPublicKey(der: Uint8Array) {
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
}

function bytesOf(result: CardWorkResult): Uint8Array {
  if (result instanceof Uint8Array) return result;
  throw new CardError('bad-answer', 'the card gave nothing');
}
