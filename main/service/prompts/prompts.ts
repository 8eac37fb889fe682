// What the service asks of people: opens prompts, takes their answers into locked memory, and ends them by answer,
// cancelling, time, or because whoever asked does not need the answer any more.
import { ControlError, type PromptRefusal } from '../../control/failure.ts';
import type { Prompt } from '../../control/prompt-values.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';

/** What is asked. What is left out is not known, or does not apply. */
export type PromptQuestion = Pick<Prompt, 'kind' | 'owner'> &
  Partial<Omit<Prompt, 'id' | 'kind' | 'owner' | 'openedAt' | 'expiresAt'>>;

export type PromptOutcome =
  /** `answer` lies in locked memory and belongs to whoever asked, who frees it; undefined for a PIN pad. */
  | { readonly outcome: 'answered'; readonly answer: Uint8Array | undefined; readonly store: boolean }
  | { readonly outcome: 'cancelled' }
  | { readonly outcome: 'timed-out' }
  /** By the signal of whoever asked. */
  | { readonly outcome: 'withdrawn' };

export interface PromptSurroundings {
  readonly secrets: SecretMemory;
  /** Milliseconds of the service's clock. */
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  /** Milliseconds since 1970 for a time of `now`. */
  wallClock(atMilliseconds: number): number;
  /** An id that cannot be guessed. */
  randomId(): string;
  readonly timeoutMilliseconds: number;
}

/** Beyond so many of one owner the oldest is cancelled. */
const mostOfOneOwner = 8;

export class Prompts {
  readonly #surroundings: PromptSurroundings;
  readonly #open = new Map<string, OpenPrompt>();
  readonly #listeners = new Set<() => void>();

  constructor(surroundings: PromptSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Everybody's, oldest first. */
  get all(): readonly Prompt[] {
    return [...this.#open.values()].map(({ prompt }) => prompt);
  }

  /** Asks the owner, and resolves when the prompt has ended. Never rejects. `signal` withdraws it. */
  ask(question: PromptQuestion, signal?: AbortSignal): Promise<PromptOutcome> {
    if (signal?.aborted === true) return Promise.resolve({ outcome: 'withdrawn' });
    const { now, schedule, wallClock, randomId, timeoutMilliseconds } = this.#surroundings;
    const openedAt = now();
    const expiresAt = openedAt + timeoutMilliseconds;
    const prompt: Prompt = {
      lastTry: false,
      pinPad: false,
      storable: false,
      ...cleaned(question),
      id: randomId(),
      openedAt: wallClock(openedAt),
      expiresAt: wallClock(expiresAt),
    };
    const { id } = prompt;
    this.#makeRoom(prompt.owner);
    const { promise, resolve } = Promise.withResolvers<PromptOutcome>();
    const withdraw = () => this.#end(id, { outcome: 'withdrawn' });
    const cancelTimer = schedule(expiresAt, () => this.#end(id, { outcome: 'timed-out' }));
    signal?.addEventListener('abort', withdraw, { once: true });
    this.#open.set(id, {
      prompt,
      end(outcome) {
        cancelTimer();
        signal?.removeEventListener('abort', withdraw);
        resolve(outcome);
      },
    });
    this.#changed();
    return promise;
  }

  /** The bytes are copied into locked memory; the caller wipes its own. Throws ControlError. */
  answer(
    uid: number,
    id: string,
    { confirmLastTry = false, store = false }: { confirmLastTry?: boolean; store?: boolean },
    bytes: Uint8Array | undefined,
  ): void {
    const prompt = this.#find(id);
    const refusal = refusalOf(prompt, uid, confirmLastTry, bytes);
    if (refusal !== undefined) throw new ControlError({ code: 'prompt-refused', reason: refusal });
    let answer: Uint8Array | undefined;
    if (bytes !== undefined) {
      answer = this.#surroundings.secrets.allocate(bytes.length);
      answer.set(bytes);
    }
    this.#end(id, { outcome: 'answered', answer, store: store && prompt.storable });
  }

  /** Throws ControlError. */
  cancel({ uid, administrator }: { uid: number; administrator: boolean }, id: string): void {
    const { owner } = this.#find(id);
    if (owner !== uid && !administrator)
      throw new ControlError({ code: 'prompt-refused', reason: 'not-yours' });
    this.#end(id, { outcome: 'cancelled' });
  }

  /** Ends all of them: the service stops. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.#end(id, { outcome: 'withdrawn' });
  }

  onChange(changed: () => void): { close(): void } {
    this.#listeners.add(changed);
    return { close: () => this.#listeners.delete(changed) };
  }

  #find(id: string): Prompt {
    const open = this.#open.get(id);
    if (open === undefined) throw new ControlError({ code: 'prompt-not-found' });
    return open.prompt;
  }

  #makeRoom(owner: number): void {
    const own = this.all.filter((prompt) => prompt.owner === owner);
    if (own.length >= mostOfOneOwner) this.#end(own[0]!.id, { outcome: 'cancelled' });
  }

  #end(id: string, outcome: PromptOutcome): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.end(outcome);
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

interface OpenPrompt {
  readonly prompt: Prompt;
  end(outcome: PromptOutcome): void;
}

function refusalOf(
  { owner, kind, pinPad, lastTry }: Prompt,
  uid: number,
  confirmed: boolean,
  bytes: Uint8Array | undefined,
): PromptRefusal | undefined {
  if (owner !== uid) return 'not-yours';
  if (kind === 'card') return 'card-expected';
  if (lastTry && !confirmed) return 'last-try';
  if (pinPad) return bytes === undefined ? undefined : 'pin-pad';
  return bytes === undefined || bytes.length === 0 ? 'empty' : undefined;
}

const longestMessage = 200;
const longestText = 256;

/** What comes from a peer or a card cannot smuggle lines, colours or direction marks onto a terminal. */
function cleaned<Question extends PromptQuestion>(question: Question): Question {
  const { message, identity, card } = question;
  return {
    ...question,
    ...(message !== undefined && { message: plainText(message, longestMessage) }),
    ...(identity !== undefined && { identity: plainText(identity, longestText) }),
    ...(card !== undefined && {
      card: { label: plainText(card.label, longestText), reader: plainText(card.reader, longestText) },
    }),
  };
}

function plainText(text: string, longest: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]+/gu, ' ').trim();
  const characters = [...plain];
  const short = characters.length > longest ? [...characters.slice(0, longest - 1), '…'] : characters;
  return short.join('').slice(0, longest);
}
