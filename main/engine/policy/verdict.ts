// What the filter says about one packet. One verdict is filled again and again.
import type { DropReason } from '../path/reasons.ts';
import type { AssociationId } from '../sa/parameters.ts';
import type { PolicyAction } from './row.ts';

export class Verdict {
  action: PolicyAction = 'DISCARD';
  /** With PROTECT. */
  association: AssociationId = 0;
  /** Index of the row in the table; rows.length is the default inside, rows.length + 1 the default outside. */
  row = 0;
  /** Index in the flow table; -1 where the packet belongs to no flow. */
  flow = -1;
  /** Set: drop the packet and count it under this reason. */
  reason: DropReason | undefined = undefined;
  /** Outbound, the packet's source is the terminal's side; inbound, its destination is. */
  outbound = true;
  /** The packet's local address does not fit the verdict: call `PacketFilter.translate` before it leaves. */
  translate = false;
  /** With `translate`: what takes the place of the local address, words as in PacketView. */
  replacement0 = 0;
  replacement1 = 0;
  replacement2 = 0;
  replacement3 = 0;
  /** With `translate`: the local port (ICMP queries: the identifier) on the other side, -1 to leave it. */
  replacementPort = -1;
}
