// What a connection proves itself with in one undertaking: asked of its owner, and given back when the undertaking ends.
import type { Failure } from '../../control/failure.ts';
import type { Identity, IkeFailure } from '../../engine/ike/contract.ts';
import type { AgreementParty } from '../agreement/agreement.ts';
import type { UnlockedKey, UnlockedSecret } from '../cards/card-keys.ts';
import type { Profile } from '../profile/contract.ts';
import type { ConnectionSurroundings } from './contract.ts';
import type { EapPassword } from './password.ts';
import { failureOf } from './problem.ts';

export class OwnCredentials {
  readonly #profile: Profile;
  readonly #owner: number;
  readonly #surroundings: Pick<ConnectionSurroundings, 'authenticator' | 'unlock'>;
  readonly #password: EapPassword | undefined;
  /** Aborted when nobody needs any more what was asked for. */
  #interest = new AbortController();
  /** On a card, with its PIN given. */
  #key: UnlockedKey | UnlockedSecret | undefined;
  #signingFailure: Failure | undefined;

  constructor(
    profile: Profile,
    owner: number,
    surroundings: Pick<ConnectionSurroundings, 'authenticator' | 'unlock'>,
    password: EapPassword | undefined,
  ) {
    this.#profile = profile;
    this.#owner = owner;
    this.#surroundings = surroundings;
    this.#password = password;
  }

  /** Of the card that holds the key or has unwrapped the secret; undefined: no card is used. */
  get card(): string | undefined {
    return this.#key?.card;
  }

  /** On a card; undefined: the key is none of a card's. */
  get signingKey(): UnlockedKey | undefined {
    return this.#key !== undefined && 'sign' in this.#key ? this.#key : undefined;
  }

  /** Has opened what the profile needs from vaults. Throws ConnectionProblem. */
  async openVaults(): Promise<void> {
    await this.#surroundings.unlock?.(this.#profile, this.#owner, this.#interest.signal);
  }

  /**
   * Has the password and the card's PIN: before the gateway hears of us, since it does not wait until somebody has typed
   * them. False: nobody needs them any more. Throws ConnectionProblem.
   */
  async acquire(isCurrent: () => boolean): Promise<boolean> {
    await this.#password?.ready();
    if (!isCurrent()) return false;
    const { name } = this.#profile;
    const { signal } = this.#interest;
    const use = { owner: this.#owner, profile: name, signal };
    const key = await this.#surroundings.authenticator.unlock(this.#profile, use);
    if (!isCurrent()) {
      key?.close();
      return false;
    }
    this.#key = key;
    return true;
  }

  preSharedKey(remote: Identity): Promise<Uint8Array | undefined> {
    if (this.#key !== undefined && 'preSharedKey' in this.#key)
      return Promise.resolve(this.#key.preSharedKey());
    return this.#surroundings.authenticator.preSharedKey(this.#profile, remote, this.#owner);
  }

  async sign(...[scheme, data]: Parameters<AgreementParty['sign']>): Promise<Uint8Array> {
    const key = this.signingKey;
    if (key === undefined)
      return this.#surroundings.authenticator.sign(this.#profile, scheme, data, this.#owner);
    try {
      return await key.sign(scheme, data);
    } catch (error) {
      this.#signingFailure = failureOf(error, 'unexpected');
      throw error;
    }
  }

  /** Why the card did not sign, where that ended the agreement. */
  takeSigningFailure({ code }: IkeFailure): Failure | undefined {
    const failure = this.#signingFailure;
    this.#signingFailure = undefined;
    return code === 'signing-failed' ? failure : undefined;
  }

  /** Prompts that are open go, and so does a PIN that was not used. */
  giveBack(): void {
    this.#interest.abort();
    this.#interest = new AbortController();
    this.#key?.close();
    this.#key = undefined;
  }
}
