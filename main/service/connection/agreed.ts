// What the latest agreement of a connection said, as far as it outlives the IKE SA.
import type { ChildKeys, IkeDetails } from '../../engine/ike/contract.ts';
import type { AddressRange, IpAddress } from '../../engine/packet/address.ts';
import type { TrafficSelector } from '../../engine/policy/selector.ts';
import type { Encapsulation } from '../../engine/sa/parameters.ts';

export class Agreed {
  remoteSelectors: readonly TrafficSelector[] = [];
  /** Of those that packets are sealed from: a virtual address, or the computer's own. Empty: nothing was agreed. */
  localFamilies: ReadonlySet<4 | 6> = new Set();
  /** Kept while there is no agreement, so that what was protected stays so. */
  carried: readonly AddressRange[];
  virtualAddresses: readonly IpAddress[] = [];
  dnsServers: readonly IpAddress[] = [];
  encapsulation: Encapsulation | undefined;

  /** `carried`: what an agreement before said that the gateway protects. */
  constructor(carried: readonly AddressRange[]) {
    this.carried = carried;
  }

  learnDetails({ virtualAddresses, dns }: IkeDetails): void {
    this.virtualAddresses = virtualAddresses;
    this.dnsServers = dns;
  }

  /** True where the gateway carries something else than before. */
  learnChild({ encapsulation, localSelectors, remoteSelectors }: ChildKeys): boolean {
    const isNew = JSON.stringify(remoteSelectors) !== JSON.stringify(this.remoteSelectors);
    this.encapsulation = encapsulation;
    this.localFamilies = new Set(localSelectors.map(({ addresses }) => addresses.first.family));
    this.remoteSelectors = remoteSelectors;
    this.carried = remoteSelectors.map(({ addresses }) => addresses);
    return isNew;
  }
}
