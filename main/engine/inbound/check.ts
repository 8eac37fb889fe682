// The received-packet determination: may a packet that came in be given to the terminal? (RFC 4301 section 5.2)
import type { PacketView } from '../packet/view.ts';
import type { DropReason } from '../path/reasons.ts';
import type { PacketFilter } from '../policy/filter.ts';
import type { Verdict } from '../policy/verdict.ts';
import type { AssociationId } from '../sa/parameters.ts';
import type { CompiledSelectors } from './compiled-selectors.ts';

/**
 * A packet that came out of the SA of `association` and whose integrity is proven. Undefined: give it to the terminal
 * (`filter.translate` first where `verdict.translate` says so). Otherwise 'selector-mismatch', 'inbound-policy' or
 * 'fragment-without-first', 'fragment-table-full'; also in `verdict.reason`.
 */
export declare function checkInner(
  filter: PacketFilter,
  view: PacketView,
  association: AssociationId,
  selectors: CompiledSelectors,
  nowMilliseconds: number,
  verdict: Verdict,
): DropReason | undefined;

/**
 * A packet that was taken from the link in the clear. Undefined: give it to the terminal. Otherwise
 * 'should-have-been-protected', 'unsolicited', 'policy-discard' or one of the fragments' reasons.
 */
export declare function checkClear(
  filter: PacketFilter,
  view: PacketView,
  nowMilliseconds: number,
  verdict: Verdict,
): DropReason | undefined;
