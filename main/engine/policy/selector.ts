// Traffic selectors (RFC 4301 section 4.4.1.1, RFC 7296 section 3.13.1): what a filter row or an SA covers.
import type { AddressRange } from '../packet/address.ts';

/** Both ends included. For ICMP: type in the high, code in the low byte (RFC 7296 section 3.13.1). */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One side of a traffic selector as IKE carries it. `protocol` 0 is any. */
export interface TrafficSelector {
  readonly protocol: number;
  readonly ports: PortRange;
  readonly addresses: AddressRange;
}

export const anyPort: PortRange = { first: 0, last: 0xffff };
