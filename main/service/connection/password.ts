// The password of one connection by EAP: the stored one, or what its owner types when he is asked. It is asked for
// before the gateway is, which waits for nobody long; kept in locked memory for as long as the connection is wanted;
// stored, where that was wished, only after the gateway has taken it.
import type { Failure } from '../../control/failure.ts';
import type { PasswordKind } from '../../engine/ike/contract.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import type { Credentials } from '../agreement/credentials.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Profile } from '../profile/contract.ts';
import type { PromptOutcome, Prompts } from '../prompts/prompts.ts';
import { ConnectionProblem } from './problem.ts';

export interface PasswordSources {
  readonly store: Pick<Credentials, 'list' | 'preSharedKey' | 'password' | 'put'>;
  readonly secrets: Pick<SecretMemory, 'allocate' | 'free'>;
  readonly prompts: Pick<Prompts, 'ask'>;
}

type EapAuthentication = Extract<Profile['authentication'], { method: 'eap' }>;

/** Wrong answers in a row before the connection gives up until somebody says `up` or `retry`. */
const mostRefusals = 3;

export class EapPassword {
  readonly #profile: string;
  readonly #authentication: EapAuthentication;
  readonly #owner: number;
  readonly #sources: PasswordSources;
  /** What was typed. */
  #held: Uint8Array | undefined;
  #storeIt = false;
  #refusals = 0;
  #refusal: Failure | undefined;
  #asking: Promise<void> | undefined;
  #ended = new AbortController();
  #exchange = new AbortController();
  /** A code was asked for and not given. */
  #notGiven: Failure | undefined;

  constructor(profile: string, authentication: EapAuthentication, owner: number, sources: PasswordSources) {
    this.#profile = profile;
    this.#authentication = authentication;
    this.#owner = owner;
    this.#sources = sources;
  }

  /**
   * Resolves when a password is at hand; asks for it where none is, or the stored one was refused. Throws
   * ConnectionProblem where it is not given.
   */
  ready(): Promise<void> {
    this.#exchange = new AbortController();
    this.#notGiven = undefined;
    if (this.#held !== undefined) return Promise.resolve();
    if (this.#refusals === 0 && this.#isStored()) return Promise.resolve();
    // A change of network does not take the question away from whoever is typing.
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** For one exchange, in locked memory of its own; `message`: the gateway's words. undefined: there is none. */
  async give(kind: PasswordKind, message: string): Promise<Uint8Array | undefined> {
    if (kind === 'one-time-code') return await this.#askForCode(message);
    if (this.#held === undefined) return this.#stored();
    const copy = this.#sources.secrets.allocate(this.#held.length);
    copy.set(this.#held);
    return copy;
  }

  /** The gateway has taken it. */
  accepted(): void {
    this.#refusals = 0;
    this.#refusal = undefined;
    const { secret } = this.#authentication;
    if (!this.#storeIt || secret === undefined || this.#held === undefined) return;
    this.#storeIt = false;
    this.#sources.store.put('psk', secret, this.#held, { owner: this.#owner });
  }

  /** True: it was the password, and its owner may be asked for another one. */
  mayAskAgain(reason: Failure): boolean {
    // Without a problem it was refused before anybody spoke of a password.
    if (reason.code !== 'authentication-failed' || reason.problem !== 'wrong-password') return false;
    this.#dropHeld();
    this.#refusal = reason;
    this.#refusals += 1;
    if (this.#refusals < mostRefusals) return true;
    this.#refusals = 0;
    return false;
  }

  /** Why the exchange really ended, where that was for want of a code. */
  explain(reason: Failure): Failure {
    return reason.code === 'secret-missing' ? (this.#notGiven ?? reason) : reason;
  }

  /** The exchange is over: a code is no longer of use. */
  exchangeEnded(): void {
    this.#exchange.abort();
  }

  /** Nobody wants the connection any more. */
  forget(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#exchange.abort();
    this.#dropHeld();
    this.#refusals = 0;
    this.#refusal = undefined;
  }

  async #ask(): Promise<void> {
    const { identity } = this.#authentication;
    const outcome = await this.#sources.prompts.ask(
      {
        kind: 'eap-password',
        owner: this.#owner,
        profile: this.#profile,
        identity,
        storable: this.#isStorable(),
        ...(this.#refusals > 0 && { failure: 'wrong' }),
      },
      this.#ended.signal,
    );
    if (outcome.outcome === 'answered' && outcome.answer !== undefined) {
      this.#dropHeld();
      this.#held = outcome.answer;
      this.#storeIt = outcome.store;
      return;
    }
    // Whoever tries again later begins anew, with what is stored then.
    const refusal = this.#refusal;
    this.#refusals = 0;
    this.#refusal = undefined;
    throw new ConnectionProblem(refusal ?? failureOf(outcome, 'eap-password'));
  }

  async #askForCode(message: string): Promise<Uint8Array | undefined> {
    const outcome = await this.#sources.prompts.ask(
      {
        kind: 'one-time-code',
        owner: this.#owner,
        profile: this.#profile,
        identity: this.#authentication.identity,
        message,
      },
      AbortSignal.any([this.#ended.signal, this.#exchange.signal]),
    );
    if (outcome.outcome === 'answered') return outcome.answer;
    this.#notGiven = failureOf(outcome, 'one-time-code');
    return undefined;
  }

  #stored(): Uint8Array | undefined {
    const { secret } = this.#authentication;
    const { store } = this.#sources;
    if (secret === undefined) return undefined;
    return this.#isStored() ? store.preSharedKey(secret) : store.password?.(secret, this.#owner);
  }

  /** Root's, or the owner's own: nobody logs in by another user's password. */
  #isStored(): boolean {
    const entry = this.#entry();
    return entry !== undefined && (entry.owner === 0 || entry.owner === this.#owner);
  }

  #isStorable(): boolean {
    const entry = this.#entry();
    const named = this.#authentication.secret !== undefined;
    return named && (entry === undefined || entry.owner === this.#owner || this.#owner === 0);
  }

  #entry() {
    const { secret } = this.#authentication;
    return this.#sources.store.list().find(({ kind, name }) => kind === 'psk' && name === secret);
  }

  #dropHeld(): void {
    if (this.#held !== undefined) this.#sources.secrets.free(this.#held);
    this.#held = undefined;
    this.#storeIt = false;
  }
}

/** What becomes of the store's refusal is the log's business: the connection stands. */
export function acceptPassword(password: EapPassword | undefined, warn: (text: string) => void): void {
  try {
    password?.accepted();
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    warn(`the password could not be stored: ${error.message}`);
  }
}

function failureOf({ outcome }: PromptOutcome, kind: 'eap-password' | 'one-time-code'): Failure {
  return { code: outcome === 'timed-out' ? 'prompt-timed-out' : 'prompt-cancelled', kind };
}
