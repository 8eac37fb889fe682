// What a client connection is given and told.
import type { IkeConfiguration } from '../../engine/ike/contract.ts';
import type { AddressRange, IpAddress } from '../../engine/packet/address.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { Authenticator } from '../agreement/authenticator.ts';
import type { UnlockedKey } from '../cards/card-keys.ts';
import type { KeptAssociations } from '../keyring/kept-associations.ts';
import type { PortalSearch } from '../portal-check.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';
import type { Conflict } from '../tunnel/overlap.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { ReachSurroundings } from './reach.ts';

export interface ConnectionSurroundings extends ReachSurroundings {
  readonly tunnel: Tunnel;
  readonly authenticator: Authenticator;
  /** Throws CredentialError. */
  ikeConfiguration(
    profile: Profile,
    association: AssociationId,
    localAddress: IpAddress | undefined,
    key?: UnlockedKey,
    owner?: number,
  ): IkeConfiguration;
  /** Has opened what holds the profile's credentials, where that is locked. Throws ConnectionProblem. */
  unlock?(profile: Profile, owner: number, signal: AbortSignal): Promise<void>;
  /** IKE SAs that outlive a restart of the service. */
  readonly kept?: Pick<KeptAssociations, 'canPut' | 'put' | 'take'>;
  /** Gives locked memory back, wiped. */
  freeSecret?(secret: Uint8Array): void;
  /** Why the connection cannot have this beside the others. */
  conflict(contribution: StatedContribution): Conflict | undefined;
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  log(level: 'info' | 'warning', text: string): void;
  /** Absent: captive portals are not looked for. */
  readonly portalSearch?: PortalSearch | undefined;
}

/** What is given at its making. */
export interface ConnectionOptions {
  readonly profile: Profile;
  readonly association: AssociationId;
  /** User id. */
  readonly owner: number;
  readonly keepTrying: boolean;
  /** What an agreement before said that the gateway protects. */
  readonly carried: readonly AddressRange[];
  changed(): void;
  /** A new agreement says something else. */
  carriedChanged(ranges: readonly AddressRange[]): void;
}
