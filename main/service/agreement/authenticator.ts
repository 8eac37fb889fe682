// Proves who we are and checks who the peer is, with a profile's credentials. Keys never leave the store but into
// locked memory.
import type { CertificateProblem, Identity, SignatureScheme } from '../../engine/ike/contract.ts';
import { verifyPeer } from '../../keys/credentials/verify-peer.ts';
import type { CardKeys, CardUse, UnlockedKey, UnlockedSecret } from '../cards/card-keys.ts';
import type { CardProfiles } from '../cards/card-profiles.ts';
import { selectionOf } from '../cards/selection.ts';
import { EapPassword, type PasswordSources } from '../connection/password.ts';
import { ConnectionProblem } from '../connection/problem.ts';
import type { Profile } from '../profile/contract.ts';
import { formatIdentity } from '../profile/identity.ts';
import type { PeerProof } from './agreement.ts';
import type { Credentials } from './credentials.ts';

/** Keys on cards, and what came on them. */
export interface CardParts {
  readonly keys: CardKeys;
  readonly profiles: CardProfiles;
}

export class Authenticator {
  readonly #store: Credentials;
  readonly #asking: Omit<PasswordSources, 'store'> | undefined;
  readonly #cards: CardParts | undefined;

  /** `asking`: absent, no profile can log in by name and password. `cards`: absent, none by a card. */
  constructor(store: Credentials, asking?: Omit<PasswordSources, 'store'>, cards?: CardParts) {
    this.#store = store;
    this.#asking = asking;
    this.#cards = cards;
  }

  /** What has to be asked of a person before the agreement begins; undefined: nothing. Throws ConnectionProblem. */
  async unlock(profile: Profile, use: CardUse): Promise<UnlockedKey | UnlockedSecret | undefined> {
    const { authentication } = profile;
    if (this.#cards?.profiles.hasSecret(profile) === true && !this.#storeHas(authentication)) {
      return this.#cards.profiles.unlock(profile, use);
    }
    if (authentication.method !== 'card') return undefined;
    if (this.#cards === undefined) {
      throw new ConnectionProblem({ code: 'card-missing', reader: 'no-library' });
    }
    return this.#cards.keys.unlock(selectionOf(authentication), authentication.pin === 'once', use);
  }

  /** undefined: the profile does without. */
  password({ name, authentication }: Profile, owner: number): EapPassword | undefined {
    if (authentication.method !== 'eap' || this.#asking === undefined) return undefined;
    return new EapPassword(name, authentication, owner, { store: this.#store, ...this.#asking });
  }

  /** undefined: the store has none of that name. The IKE engine frees it. */
  async preSharedKey(profile: Profile, remote: Identity, owner?: number): Promise<Uint8Array | undefined> {
    if (profile.authentication.method !== 'psk') return undefined;
    return this.#store.preSharedKey(profile.authentication.secret, formatIdentity(remote), owner);
  }

  /** Throws CredentialError. */
  async sign(
    profile: Profile,
    scheme: SignatureScheme,
    data: Uint8Array,
    owner?: number,
  ): Promise<Uint8Array> {
    if (profile.authentication.method !== 'certificate') throw new Error('the profile has no private key');
    return this.#store.sign(profile.authentication.privateKey, scheme, data, owner);
  }

  async verifyPeer(
    profile: Profile,
    proof: PeerProof,
    owner?: number,
  ): Promise<{ valid: boolean; problem?: CertificateProblem; detail?: string }> {
    const authorities = profile.peerAuthentication.authorities.flatMap((name) => {
      const onCard = this.#storeHasAuthority(name)
        ? undefined
        : this.#cards?.profiles.authority(profile.name, name);
      return onCard === undefined ? this.#store.authorities([name], owner) : [onCard];
    });
    const peerRole = profile.role === 'gateway' ? 'client' : 'gateway';
    return verifyPeer(proof, authorities, new Date(), peerRole);
  }

  /** What lies on this computer goes before what a card brings. */
  #storeHas(authentication: Profile['authentication']): boolean {
    if (authentication.method !== 'psk') return false;
    const { secret } = authentication;
    return this.#store.list().some(({ kind, name }) => kind === 'psk' && name === secret);
  }

  #storeHasAuthority(wanted: string): boolean {
    return this.#store.list().some(({ kind, name }) => kind === 'authority' && name === wanted);
  }
}
