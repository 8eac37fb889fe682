// A filter row as a person or a profile states it, and as the engine uses it once its names are resolved.
import type { AddressRange } from '../packet/address.ts';
import type { AssociationId } from '../sa/parameters.ts';
import type { PortRange } from './selector.ts';

/** Processing instruction (RFC 4301 section 4.4.1). */
export type PolicyAction = 'PROTECT' | 'BYPASS' | 'DISCARD';

/**
 * A row as written. Address texts: "10.1.0.0/16", "10.1.0.5", "10.1.0.5-10.1.0.9", the same for IPv6, "any", or a
 * name: "terminal" (the terminal's own addresses), "gateway", "local-network" (the link's prefixes), "dhcp", … ;
 * several separated by commas. Protocol: "any", "tcp", "udp", "icmp", "icmpv6", or a number 0 to 255. Ports: "443",
 * "8000-8080", several separated by commas, or absent (any); for ICMP "type" or "type/code".
 */
export interface FilterRowText {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePorts?: string | undefined;
  readonly destinationPorts?: string | undefined;
  readonly action: PolicyAction;
  /** BYPASS only: may the other side begin the conversation? Absent: no. */
  readonly allowInbound?: boolean | undefined;
  /** PROTECT: the profile that protects. */
  readonly profile?: string | undefined;
  /** Shown beside the row. */
  readonly note?: string | undefined;
}

/**
 * A row in the engine. It is written from the terminal's point of view (local, remote) and holds for both directions:
 * outbound the packet's source is matched against `local`, inbound its destination is.
 */
export interface PolicyRow {
  /** Stable over table replacements: keys the hit counters and the verdicts. */
  readonly id: string;
  /** What a person reads when told which row decided. */
  readonly label: string;
  /** Where the row comes from: "filter" (the user's table), "profile NAME", "built-in". */
  readonly origin: string;
  /** Empty: any address. Any of them may match. */
  readonly local: readonly AddressRange[];
  readonly remote: readonly AddressRange[];
  /** undefined: any. */
  readonly protocol: number | undefined;
  readonly localPorts: readonly PortRange[];
  readonly remotePorts: readonly PortRange[];
  /** BYPASS only: may the other side begin the flow? */
  readonly allowInbound: boolean;
  readonly action: PolicyAction;
  /** PROTECT only. */
  readonly association: AssociationId;
}
