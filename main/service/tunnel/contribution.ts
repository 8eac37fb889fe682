// What one connection contributes to the tunnel that all connections of the service share: filter rows, addresses,
// names servers, and what must stay shut. The tunnel composes the contributions and applies the difference.
import type { Message } from '../../control/messages.ts';
import type { AddressRange, Endpoint, IpAddress } from '../../engine/packet/address.ts';
import type { FilterRowText, PolicyAction } from '../../engine/policy/row.ts';
import type { AssociationId, Encapsulation } from '../../engine/sa/parameters.ts';
import type { Passage } from '../../host/network.ts';

export interface Contribution {
  /** The profile's name; unique among the contributions. */
  readonly profile: string;
  /** Rows of the profile itself, ahead of those that its networks make. */
  readonly rows: readonly FilterRowText[];
  /** What is protected: one entry for each pair of SAs. */
  readonly protections: readonly Protection[];
  /** A PROTECT row that names this profile is served by it; undefined while nothing is agreed or configured. */
  readonly association: AssociationId | undefined;
  /** What should be protected, but the gateway's selectors leave out: it is discarded, never let pass. */
  readonly uncarried: readonly AddressRange[];
  readonly allowLocalNetwork: boolean;
  /** What that is on this computer now, less what is protected as specifically; put in by the tunnel. */
  readonly localNetwork: readonly AddressRange[];
  readonly defaultAction: PolicyAction | undefined;
  readonly failClosed: boolean;
  /** Keep shut over a restart of the computer. */
  readonly lockdown: boolean;
  readonly captureAll: boolean;
  /** Where sealed packets go; undefined for a gateway. */
  readonly gateway: Endpoint | undefined;
  /** By which link they leave; undefined for a gateway, and while there is no way. */
  readonly underlay: Underlay | undefined;
  /** How packets leave by it as was agreed last; undefined: nothing was yet, or it differs from peer to peer. */
  readonly encapsulation?: Encapsulation | undefined;
  /** False while only the block is wanted (nothing is agreed yet). */
  readonly routed: boolean;
  readonly virtualAddresses: readonly IpAddress[];
  readonly dnsServers: readonly IpAddress[];
  /** What may be reached beside the tunnel while a captive portal is in the way. */
  readonly passages?: readonly Passage[] | undefined;
  /** Seconds since 1970: until then any user may ask the link's name servers. */
  readonly nameServersForEveryoneUntil?: number | undefined;
  /** Inner packet size, bytes; undefined: whatever fits the link. */
  readonly mtu: number | undefined;
  /** Of a gateway of ours; absent for a client. */
  readonly gatewayRole?: GatewayRole | undefined;
}

export interface GatewayRole {
  /** What its peers may come to have: nobody else's, also while none of them is there. */
  readonly reserved: readonly AddressRange[];
  /** What peers may reach: an own address in it is the one to speak to them from. */
  readonly offered: readonly AddressRange[];
}

/** What a connection states; the local network is the tunnel's to know. */
export type StatedContribution = Omit<Contribution, 'localNetwork'>;

/** The way to a gateway below the tunnel. */
export interface Underlay {
  readonly interfaceName: string;
  /** The terminal's address towards the gateway. */
  readonly source: string;
  /** Bytes. */
  readonly mtu: number;
  readonly family: 4 | 6;
}

export interface Protection {
  readonly association: AssociationId;
  /** What a person reads in `filter list`. */
  readonly label: Message;
  /** Empty: any. */
  readonly local: readonly AddressRange[];
  readonly remote: readonly AddressRange[];
}
