// A connection's IKE SA over a restart of the service: given up to what keeps it, and taken up again.
import type { ConnectionId } from '../../engine/ike/contract.ts';
import type { Agreement } from '../agreement/agreement.ts';
import type { KeptAssociation } from '../keyring/kept-associations.ts';
import type { Profile } from '../profile/contract.ts';
import type { ConnectionSurroundings } from './contract.ts';
import { describe } from './problem.ts';

const tries = 20;
const retryMilliseconds = 100;

export class Suspension {
  readonly #profile: Profile;
  readonly #owner: number;
  readonly #surroundings: ConnectionSurroundings;

  constructor(profile: Profile, owner: number, surroundings: ConnectionSurroundings) {
    this.#profile = profile;
    this.#owner = owner;
    this.#surroundings = surroundings;
  }

  get isPossible(): boolean {
    return this.#surroundings.kept?.canPut(this.#profile, this.#owner) === true;
  }

  /** Has the engine give up the IKE SA. What is under way is waited for, for a while; undefined: it did not end. */
  async giveUp(agreement: Agreement, ike: () => ConnectionId | undefined): Promise<Uint8Array | undefined> {
    const { now, schedule } = this.#surroundings;
    for (let count = 0; count < tries; count++) {
      const connection = ike();
      if (connection === undefined) return undefined;
      const stored = agreement.suspend(connection);
      if (stored !== undefined) return stored;
      const { promise, resolve } = Promise.withResolvers<void>();
      schedule(now() + retryMilliseconds, resolve);
      await promise;
    }
    return undefined;
  }

  /** For the next start of the service. `card`: without it nobody goes on with it. */
  async keep(stored: Uint8Array, card: string | undefined): Promise<void> {
    const { kept, log } = this.#surroundings;
    const { name } = this.#profile;
    try {
      await kept!.put(this.#profile, this.#owner, stored, card);
      log('info', `${name}: its IKE SA is kept for the next start`);
    } catch (error) {
      log('warning', `${name}: its IKE SA could not be kept: ${describe(error)}`);
    }
  }

  /** What an earlier process kept: at most once. Its `stored` is the caller's. */
  async take(): Promise<KeptAssociation | undefined> {
    const { kept, log } = this.#surroundings;
    try {
      return await kept?.take(this.#profile, this.#owner);
    } catch (error) {
      log('warning', `${this.#profile.name}: its IKE SA of before cannot be used: ${describe(error)}`);
      return undefined;
    }
  }
}
