// What a client connection contributes to the tunnel, from its profile and what the latest agreement said.
import {
  type AddressRange,
  everyAddress,
  type IpAddress,
  parsePrefix,
  prefixToRange,
  rangeContains,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { AssociationId, Encapsulation } from '../../engine/sa/parameters.ts';
import type { Passage } from '../../host/network.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';
import type { ReachableGateway } from '../tunnel/tunnel.ts';

export interface ClientConnectionNow {
  readonly association: AssociationId;
  /** Remote addresses of the latest agreement; empty: there was none. */
  readonly carried: readonly AddressRange[];
  /** undefined: there is no way to the gateway. */
  readonly reached: ReachableGateway | undefined;
  readonly virtualAddresses: readonly IpAddress[];
  readonly dnsServers: readonly IpAddress[];
  /** Of the latest agreement; undefined: there was none. */
  readonly encapsulation: Encapsulation | undefined;
  /** There is an SA to seal with. */
  readonly sealing: boolean;
  readonly everConnected: boolean;
  /** The latest attempt failed, and what comes next is not what a packet asked for. */
  readonly failing: boolean;
  readonly passages: readonly Passage[];
  readonly nameServersForEveryoneUntil: number | undefined;
}

export function clientContribution(profile: Profile, now: ClientConnectionNow): StatedContribution {
  const wanted = new AddressSet(protectedRanges(profile, now.carried));
  const carried = new AddressSet(now.carried);
  const remote = carried.isEmpty ? wanted : wanted.intersect(carried);
  const block = profile.failClosed.whenDown === 'block';
  const asks = profile.start === 'on-demand' && (block || !now.failing);
  const routed = now.sealing || asks || (now.everConnected && block);
  return {
    profile: profile.name,
    rows: profile.filter,
    protections: [
      {
        association: now.association,
        label: { code: 'label-protects', profile: profile.name },
        local: [],
        remote: remote.ranges,
      },
    ],
    association: now.association,
    uncarried: wanted.subtract(remote).ranges,
    allowLocalNetwork: profile.failClosed.allowLocalNetwork,
    defaultAction: profile.defaultAction,
    failClosed: block,
    lockdown: profile.failClosed.lockdown,
    captureAll: profile.network.capture === 'all',
    gateway: now.reached?.endpoint,
    underlay: now.reached?.underlay,
    encapsulation: now.encapsulation,
    routed,
    virtualAddresses: now.virtualAddresses,
    passages: now.passages,
    nameServersForEveryoneUntil: now.nameServersForEveryoneUntil,
    dnsServers:
      profile.network.dns && routed && now.nameServersForEveryoneUntil === undefined ? now.dnsServers : [],
    mtu: profile.network.mtu,
  };
}

/**
 * What the profile protects by name, or its gateway did: no captive portal ever opens a way beside the tunnel to it.
 * Whoever protects everything names nothing.
 */
export function shieldedByName(
  profile: Profile,
  carried: readonly AddressRange[],
  address: IpAddress,
): boolean {
  const everything = new AddressSet([everyAddress(address.family)]);
  return protectedRanges(profile, carried)
    .filter(({ first }) => first.family === address.family)
    .filter((range) => !everything.subtract(new AddressSet([range])).isEmpty)
    .some((range) => rangeContains(range, address));
}

function protectedRanges(
  { network: { protect } }: Profile,
  carried: readonly AddressRange[],
): readonly AddressRange[] {
  if (protect === 'everything') return [everyAddress(4), everyAddress(6)];
  if (protect === 'gateway') return carried;
  return protect.map((text) => prefixToRange(parsePrefix(text)!));
}
