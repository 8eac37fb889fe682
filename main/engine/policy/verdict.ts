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
  /** The packet's addresses do not fit the verdict: call `PacketFilter.translate` before it leaves. */
  translate = false;
  /** Set: drop the packet and count it under this reason. */
  reason: DropReason | undefined = undefined;
}
