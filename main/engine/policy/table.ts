// The filter as the engine holds it: immutable, replaced as a whole (RFC 4301 section 4.4.1).
import type { AddressRange } from '../packet/address.ts';
import type { PolicyAction, PolicyRow } from './row.ts';

export interface PolicyTable {
  /** Counts up with every replacement. */
  readonly version: number;
  /** First match decides. */
  readonly rows: readonly PolicyRow[];
  /** What PROTECT rows touch: decides which default applies. */
  readonly protectedRanges: readonly AddressRange[];
  readonly defaultInside: DefaultRow;
  readonly defaultOutside: DefaultRow;
}

/** The default is a row too: it has an id, a label and a counter. */
export interface DefaultRow {
  readonly id: string;
  readonly label: string;
  readonly action: PolicyAction;
  /** With PROTECT. */
  readonly association: number;
}
