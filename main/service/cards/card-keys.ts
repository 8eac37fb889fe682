// Keys on cards at work for connections: asks their owner for the PIN, proves it, and signs with it once. A PIN lives in
// locked memory from its answer to the one signature that it was given for.
import type { LocalAuthentication, SignatureScheme } from '../../engine/ike/contract.ts';
import {
  type CardDescription,
  CardError,
  type CardKeyAlgorithm,
  type CardPin,
  type Cards,
  type KeyPurpose,
} from '../../keys/card/contract.ts';
import { ConnectionProblem } from '../connection/problem.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Prompts } from '../prompts/prompts.ts';
import { connectionProblemOf } from './card-problem.ts';
import { type CardSelection, chooseKey } from './selection.ts';

type KeyType = Extract<LocalAuthentication, { method: 'certificate' }>['keyType'];

/** For whom the card is used. */
export interface CardUse {
  /** User id: whose prompt it is. */
  readonly owner: number;
  readonly profile?: string;
  readonly vault?: string;
  /** Nobody needs it any more. */
  readonly signal?: AbortSignal;
}

/** What was unwrapped by a card. */
export interface UnlockedSecret {
  readonly card: string;
  /** A copy in locked memory, which the caller frees. */
  preSharedKey(): Uint8Array;
  /** Wipes it. */
  close(): void;
}

/** A key whose PIN was given. */
export interface UnlockedKey {
  readonly card: string;
  readonly certificate: Uint8Array;
  readonly keyType: KeyType;
  /** Once. Throws ConnectionProblem. */
  sign(scheme: SignatureScheme, data: Uint8Array): Promise<Uint8Array>;
  /** Wipes the PIN. */
  close(): void;
}

export interface CardKeysSurroundings {
  readonly cards: Cards;
  readonly prompts: Prompts;
  readonly secrets: SecretMemory;
}

export class CardKeys {
  readonly #surroundings: CardKeysSurroundings;
  /** Cards that stay unlocked as long as they are in, because a profile says so. */
  readonly #keptUnlocked = new Set<string>();

  constructor(surroundings: CardKeysSurroundings) {
    this.#surroundings = surroundings;
    surroundings.cards.onEvent((event) => {
      if (event.type === 'removed') this.#keptUnlocked.delete(event.card.id);
    });
  }

  /** Finds the key and asks for its PIN. `keepUnlocked`: once for as long as the card is in. Throws ConnectionProblem. */
  async unlock(selection: CardSelection, keepUnlocked: boolean, use: CardUse): Promise<UnlockedKey> {
    const { cards } = this.#surroundings;
    try {
      const { card, key } = chooseKey(cards.cards, cards.state, selection);
      const keyType = keyTypeOf(key.algorithm);
      const asks = key.pinPolicy !== 'never' && !(keepUnlocked && this.#keptUnlocked.has(card.id));
      const pin = asks ? await this.#askPin(card, keepUnlocked, use) : undefined;
      // While the card works with the PIN it stays where it is.
      let signing: Promise<Uint8Array> | undefined;
      return {
        card: card.id,
        certificate: key.certificate,
        keyType,
        sign: (scheme, data) => {
          signing ??= this.#sign(card.id, selection.purpose, scheme, data, pin, keepUnlocked);
          return signing;
        },
        close: () => {
          if (signing === undefined) this.#free(pin);
        },
      };
    } catch (error) {
      throw explained(error);
    }
  }

  /**
   * One act with a card, with its PIN where it wants one: for vaults and for what `sealnic card` does. Throws CardError,
   * and ConnectionProblem where the prompt was not answered.
   */
  async withPin<Value>(
    id: string,
    use: CardUse,
    act: (pin: CardPin | undefined) => Promise<Value>,
    asksAtOnce = true,
  ): Promise<Value> {
    if (!asksAtOnce) {
      try {
        return await act(undefined);
      } catch (error) {
        if (!(error instanceof CardError) || error.problem !== 'pin-needed') throw error;
      }
    }
    const pin = await this.#askPin(this.#card(id), false, use);
    try {
      return await act(pin);
    } finally {
      this.#free(pin);
    }
  }

  async #sign(
    card: string,
    purpose: KeyPurpose,
    scheme: SignatureScheme,
    data: Uint8Array,
    pin: CardPin | undefined,
    keepUnlocked: boolean,
  ): Promise<Uint8Array> {
    try {
      return await this.#surroundings.cards.sign(card, purpose, scheme, data, { pin, keepUnlocked });
    } catch (error) {
      // Somebody reset the card: the next attempt asks again.
      this.#keptUnlocked.delete(card);
      throw explained(error);
    } finally {
      this.#free(pin);
    }
  }

  /** Until the PIN is right, the card is blocked or out, or nobody wants to answer. */
  async #askPin(card: CardDescription, keepUnlocked: boolean, use: CardUse): Promise<CardPin | undefined> {
    const { cards } = this.#surroundings;
    const removal = new AbortController();
    const watch = cards.onEvent((event) => {
      if (event.type === 'removed' && event.card.id === card.id) removal.abort();
    });
    const signal = AbortSignal.any([removal.signal, ...(use.signal ? [use.signal] : [])]);
    try {
      return await this.#askUntilRight(card.id, keepUnlocked, { ...use, signal }, removal.signal);
    } finally {
      watch.close();
    }
  }

  async #askUntilRight(
    id: string,
    keepUnlocked: boolean,
    use: CardUse & { readonly signal: AbortSignal },
    removed: AbortSignal,
  ): Promise<CardPin | undefined> {
    const { cards } = this.#surroundings;
    let failure: 'wrong' | 'wrong-length' | undefined;
    await cards.countTries(id);
    for (;;) {
      const pin = await this.#askOnce(this.#card(id), failure, use, removed);
      try {
        if (pin.kind === 'pin-pad' && !keepUnlocked) return pin;
        await cards.verifyPin(id, pin, { keepUnlocked });
        if (!keepUnlocked) return pin;
        this.#keptUnlocked.add(id);
        this.#free(pin);
        return undefined;
      } catch (error) {
        this.#free(pin);
        if (!(error instanceof CardError)) throw error;
        if (error.problem === 'pin-wrong') failure = 'wrong';
        else if (error.problem === 'pin-invalid') failure = 'wrong-length';
        else if (error.problem !== 'last-try') throw error;
      }
    }
  }

  async #askOnce(
    card: CardDescription,
    failure: 'wrong' | 'wrong-length' | undefined,
    { owner, profile, vault, signal }: CardUse & { readonly signal: AbortSignal },
    removed: AbortSignal,
  ): Promise<CardPin> {
    const { triesLeft, pinPad, label, reader } = card;
    if (triesLeft === 0) throw new CardError('pin-blocked', 'the PIN of the card is blocked', 0);
    const lastTry = triesLeft === 1;
    const outcome = await this.#surroundings.prompts.ask(
      {
        kind: 'pin',
        owner,
        card: { label, reader },
        lastTry,
        pinPad,
        ...(profile !== undefined && { profile }),
        ...(vault !== undefined && { vault }),
        ...(triesLeft !== undefined && { triesLeft }),
        ...(failure !== undefined && { failure }),
      },
      signal,
    );
    if (outcome.outcome === 'answered') {
      const { answer } = outcome;
      return answer === undefined
        ? { kind: 'pin-pad', confirmLastTry: lastTry }
        : { kind: 'bytes', bytes: answer, confirmLastTry: lastTry };
    }
    if (removed.aborted) throw new CardError('card-removed', 'the card was taken out');
    const code = outcome.outcome === 'timed-out' ? 'prompt-timed-out' : 'prompt-cancelled';
    throw new ConnectionProblem({ code, kind: 'pin' });
  }

  #card(id: string): CardDescription {
    const card = this.#surroundings.cards.cards.find((candidate) => candidate.id === id);
    if (card === undefined) throw new CardError('card-removed', 'the card was taken out');
    return card;
  }

  #free(pin: CardPin | undefined): void {
    if (pin?.kind === 'bytes') this.#surroundings.secrets.free(pin.bytes);
  }
}

function keyTypeOf(algorithm: CardKeyAlgorithm): KeyType {
  if (algorithm === 'ecc-p256') return 'ecdsa-p256';
  return algorithm === 'ecc-p384' ? 'ecdsa-p384' : 'rsa';
}

function explained(error: unknown): unknown {
  return error instanceof CardError ? connectionProblemOf(error) : error;
}
