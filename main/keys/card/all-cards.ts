// The cards of several providers as one set: what is asked of a card goes to the provider that has it.
import {
  type CardDescription,
  CardError,
  type CardEvent,
  type CardReaderState,
  type Cards,
} from './contract.ts';

/** The first provider goes before the others where a choice is to be made. Throws TypeError without any. */
export function allCards(providers: readonly Cards[]): Cards {
  const [first] = providers;
  if (first === undefined) throw new TypeError('there is no provider of cards');
  return providers.length === 1 ? first : new AllCards(first, providers);
}

class AllCards implements Cards {
  readonly #first: Cards;
  readonly #providers: readonly Cards[];

  constructor(first: Cards, providers: readonly Cards[]) {
    this.#first = first;
    this.#providers = providers;
  }

  get provider() {
    return this.#first.provider;
  }
  get state(): CardReaderState {
    const states = this.#providers.map(({ state }) => state);
    if (states.includes('ready')) return 'ready';
    return states.includes('no-reader') ? 'no-reader' : this.#first.state;
  }
  /** A reader that two providers know stands there once. */
  get readers(): readonly string[] {
    return [...new Set(this.#providers.flatMap(({ readers }) => readers))];
  }
  get cards(): readonly CardDescription[] {
    return this.#providers.flatMap(({ cards }) => cards);
  }

  start(): void {
    for (const provider of this.#providers) provider.start();
  }

  onEvent(listener: (event: CardEvent) => void): { close(): void } {
    const watches = this.#providers.map((provider) =>
      provider.onEvent((event) => {
        const { state, readers } = this;
        listener(event.type === 'readers' ? { type: 'readers', state, readers } : event);
      }),
    );
    return {
      close() {
        for (const watch of watches) watch.close();
      },
    };
  }

  verifyPin: Cards['verifyPin'] = (card, ...rest) =>
    this.#of(card, (cards) => cards.verifyPin(card, ...rest));
  async countTries(card: string): Promise<void> {
    await this.#of(card, (cards) => cards.countTries(card)).catch(() => undefined);
  }
  lock: Cards['lock'] = (card) => this.#of(card, (cards) => cards.lock(card));
  sign: Cards['sign'] = (card, ...rest) => this.#of(card, (cards) => cards.sign(card, ...rest));
  agree: Cards['agree'] = (card, ...rest) => this.#of(card, (cards) => cards.agree(card, ...rest));
  decrypt: Cards['decrypt'] = (card, ...rest) => this.#of(card, (cards) => cards.decrypt(card, ...rest));
  readObject: Cards['readObject'] = (card, name) => this.#of(card, (cards) => cards.readObject(card, name));
  writeObject: Cards['writeObject'] = (card, ...rest) =>
    this.#of(card, (cards) => cards.writeObject(card, ...rest));
  changePin: Cards['changePin'] = (card, ...rest) =>
    this.#of(card, (cards) => cards.changePin(card, ...rest));
  unblock: Cards['unblock'] = (card, ...rest) => this.#of(card, (cards) => cards.unblock(card, ...rest));
  generateKey: Cards['generateKey'] = (card, ...rest) =>
    this.#of(card, (cards) => cards.generateKey(card, ...rest));
  publicKey: Cards['publicKey'] = (card, purpose) =>
    this.#of(card, (cards) => cards.publicKey(card, purpose));
  writeCertificate: Cards['writeCertificate'] = (card, ...rest) =>
    this.#of(card, (cards) => cards.writeCertificate(card, ...rest));

  async close(): Promise<void> {
    await Promise.all(this.#providers.map((provider) => provider.close()));
  }

  #of<Value>(card: string, act: (cards: Cards) => Promise<Value>): Promise<Value> {
    const found = this.#providers.find(({ cards }) => cards.some(({ id }) => id === card));
    if (found === undefined) return Promise.reject(new CardError('no-card', 'the card is not in a reader'));
    return act(found);
  }
}
