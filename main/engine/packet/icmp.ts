// ICMP and ICMPv6 errors with which the engine answers the terminal (RFC 792, RFC 1191, RFC 4443).
import type { PacketMemory } from './batch.ts';
import type { ChecksumKernel } from './checksum.ts';
import type { PacketView } from './view.ts';

/** Too big for the tunnel; forbidden by the filter or by failed agreement; no way there. */
export type IcmpErrorKind = 'too-big' | 'prohibited' | 'no-route';

/** Bytes that `buildIcmpError` writes at most. */
export const maximumIcmpErrorLength = 1280;

/**
 * Writes the error that answers the packet in `view` at `target`, where `maximumIcmpErrorLength` bytes are free, as a
 * whole IP packet from the packet's destination to its source. Returns its length; 0 where none may be sent: about an
 * ICMP error, a fragment that is not the first, or from or to an address that is not a single host's (RFC 1122 section
 * 3.2.2, RFC 4443 section 2.4). `mtu`: bytes of the largest packet, with 'too-big'.
 */
export declare function buildIcmpError(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  kind: IcmpErrorKind,
  mtu: number,
  target: number,
): number;
