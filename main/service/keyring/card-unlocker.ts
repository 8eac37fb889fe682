// Vaults and cards: finds a protector's card among those that are in, asks its owner for the PIN, and lets the card's key
// for key management agree or decrypt. A PIN is asked for each time and used once.
import { ControlError } from '../../control/failure.ts';
import {
  type CardDescription,
  CardError,
  type CardOperationOptions,
  type Cards,
} from '../../keys/card/contract.ts';
import type { CardOpener, CardParameters } from '../../keys/vault/card-protector.ts';
import { CardKeys } from '../cards/card-keys.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Prompts } from '../prompts/prompts.ts';

/** Whom to ask, and for what. */
export interface Asking {
  readonly owner: number;
  readonly vault: string;
  /** Whose connection it is asked for. */
  readonly profile?: string;
  readonly signal?: AbortSignal | undefined;
}

export class CardUnlocker {
  readonly #providers: readonly Provider[];
  readonly #prompts: Prompts;

  constructor(providers: readonly Cards[], prompts: Prompts, memory: SecretMemory) {
    this.#providers = providers.map((cards) => ({
      cards,
      keys: new CardKeys({ cards, prompts, secrets: memory }),
    }));
    this.#prompts = prompts;
  }

  isIn(card: string): boolean {
    return this.#find(card) !== undefined;
  }

  /** What a new protector remembers of a card: the one with that id, or the only one that is in. Throws ControlError. */
  parametersOf(card: string | undefined): CardParameters {
    const all = this.#providers.flatMap(({ cards }) => cards.cards);
    const candidates = card === undefined ? all : all.filter(({ id }) => id === card);
    const [found, other] = candidates;
    if (found === undefined || other !== undefined) {
      const detail = found === undefined ? 'no such card is in' : 'several cards are in: say which';
      throw new ControlError({ code: 'invalid-request', method: 'card', detail });
    }
    const key = found.keys.find(({ purpose }) => purpose === 'key-management');
    if (key !== undefined) return { card: found.id, publicKey: key.publicKey };
    const detail = 'the card has no key for key management (slot 9D): make one with sealnic card setup';
    throw new ControlError({ code: 'invalid-request', method: 'card', detail });
  }

  /** Throws CardError, and ConnectionProblem prompt-cancelled or prompt-timed-out. */
  openerOf(card: string, asking: Asking): CardOpener {
    return {
      agree: (point) =>
        this.#withPin(card, asking, (cards, options) => cards.agree(card, 'key-management', point, options)),
      decrypt: (ciphertext, label) =>
        this.#withPin(card, asking, (cards, options) =>
          cards.decrypt(card, 'key-management', ciphertext, label, options),
        ),
    };
  }

  /** Resolves when the card is in; asks its owner to insert it meanwhile. Throws ControlError. */
  async insertion(card: string, label: string, { owner, vault, profile, signal }: Asking): Promise<void> {
    if (this.isIn(card)) return;
    const inserted = new AbortController();
    const watches = this.#providers.map(({ cards }) =>
      cards.onEvent((event) => {
        if (event.type === 'inserted' && event.card.id === card) inserted.abort();
      }),
    );
    const either = signal === undefined ? inserted.signal : AbortSignal.any([inserted.signal, signal]);
    try {
      const concerned = { owner, vault, ...(profile !== undefined && { profile }) };
      const question = { kind: 'card', ...concerned, card: { label, reader: '' } } as const;
      const { outcome } = await this.#prompts.ask(question, either);
      if (inserted.signal.aborted) return;
      throw refusal('card', outcome);
    } finally {
      for (const watch of watches) watch.close();
    }
  }

  onRemoved(removed: (card: string) => void): { close(): void } {
    const watches = this.#providers.map(({ cards }) =>
      cards.onEvent((event) => {
        if (event.type === 'removed') removed(event.card.id);
      }),
    );
    return {
      close() {
        for (const watch of watches) watch.close();
      },
    };
  }

  /** Until the PIN is right; the prompt goes with the card. */
  #withPin(
    card: string,
    asking: Asking,
    operate: (cards: Cards, options: CardOperationOptions) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const found = this.#find(card);
    if (found === undefined) return Promise.reject(new CardError('no-card', 'The card is not in.'));
    const { description, provider } = found;
    const key = description.keys.find(({ purpose }) => purpose === 'key-management');
    if (key?.pinPolicy === 'never') return operate(provider.cards, {});
    const { owner, vault, profile, signal } = asking;
    const use = { owner, vault, ...(profile !== undefined && { profile }), ...(signal && { signal }) };
    return provider.keys.withPin(card, use, (pin) => operate(provider.cards, { pin }));
  }

  #find(card: string): { provider: Provider; description: CardDescription } | undefined {
    for (const provider of this.#providers) {
      const description = provider.cards.cards.find(({ id }) => id === card);
      if (description !== undefined) return { provider, description };
    }
    return undefined;
  }
}

interface Provider {
  readonly cards: Cards;
  readonly keys: CardKeys;
}

export function refusal(kind: 'card' | 'pin' | 'passphrase', outcome: string): ControlError {
  const code = outcome === 'timed-out' ? 'prompt-timed-out' : 'prompt-cancelled';
  return new ControlError({ code, kind });
}
