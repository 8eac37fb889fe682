// The received-packet determination: may a packet that came in be given to the terminal? (RFC 4301 section 5.2)
import { isIcmpError } from '../packet/icmp.ts';
import type { PacketView } from '../packet/view.ts';
import type { DropReason } from '../path/reasons.ts';
import type { PacketFilter } from '../policy/filter.ts';
import { FlowKey, makesFlow } from '../policy/flow-key.ts';
import { noFlow } from '../policy/flow-table.ts';
import { fragmentChannel } from '../policy/fragments.ts';
import { undecided } from '../policy/matcher.ts';
import type { Verdict } from '../policy/verdict.ts';
import type { AssociationId } from '../sa/parameters.ts';
import type { CompiledSelectors } from './compiled-selectors.ts';

/**
 * A packet that came out of the SA of `association` and whose integrity is proven. Undefined: give it to the terminal
 * (`filter.translate` first where `verdict.translate` says so). Otherwise 'selector-mismatch' (outside what was agreed
 * for the SA), 'inbound-policy' (the filter does not say PROTECT with this association for it),
 * 'fragment-without-first' or 'fragment-table-full'; also in `verdict.reason`. Delivered packets count at their row.
 */
export function checkInner(
  filter: PacketFilter,
  view: PacketView,
  association: AssociationId,
  selectors: CompiledSelectors,
  nowMilliseconds: number,
  verdict: Verdict,
): DropReason | undefined {
  const channel = fragmentChannel.firstInner + association;
  let reason: DropReason | undefined;
  if (view.fragmentOffset > 0) {
    reason = checkLaterInner(filter, view, association, selectors, nowMilliseconds, verdict);
  } else {
    reason = checkWholeInner(filter, view, association, selectors, nowMilliseconds, verdict);
  }
  return finish(filter, view, channel, nowMilliseconds, verdict, reason);
}

/**
 * A packet that was taken from the link in the clear. Undefined: give it to the terminal. Otherwise
 * 'should-have-been-protected' (the table says PROTECT and no bypassed flow explains it), 'unsolicited' (no flow of
 * ours and no BYPASS row that lets the other side begin), 'policy-discard' or one of the fragments' reasons.
 */
export function checkClear(
  filter: PacketFilter,
  view: PacketView,
  nowMilliseconds: number,
  verdict: Verdict,
): DropReason | undefined {
  let reason: DropReason | undefined;
  if (view.fragmentOffset > 0) reason = checkLaterClear(filter, view, nowMilliseconds, verdict);
  else reason = checkWholeClear(filter, view, nowMilliseconds, verdict);
  return finish(filter, view, fragmentChannel.clear, nowMilliseconds, verdict, reason);
}

const key = new FlowKey();

function checkWholeInner(
  filter: PacketFilter,
  view: PacketView,
  association: AssociationId,
  selectors: CompiledSelectors,
  now: number,
  verdict: Verdict,
): DropReason | undefined {
  const { cache } = filter;
  key.fillInbound(view);
  if (isIcmpError(view)) {
    // From whichever router: it counts by the flow that it is about (RFC 4301 section 6.2).
    const flow = filter.findQuotedFlow(view, false, now);
    if (flow !== noFlow && isProtectedBy(filter, flow, association)) {
      cache.fillVerdict(flow, false, verdict);
      return undefined;
    }
  }
  if (selectors.checkInbound(view) !== 'fits') {
    cache.fillRowVerdict(cache.policy.decide(key), false, verdict);
    return 'selector-mismatch';
  }
  const isFlow = makesFlow(view);
  let flow = isFlow ? cache.findInbound(key, view, now) : noFlow;
  if (flow === noFlow) {
    const row = cache.policy.decide(key);
    cache.fillRowVerdict(row, false, verdict);
    if (verdict.action !== 'PROTECT' || verdict.association !== association) return 'inbound-policy';
    if (isFlow) flow = cache.begin(key, row, false, now);
    if (flow === noFlow) return undefined;
  }
  cache.fillVerdict(flow, false, verdict);
  if (!isProtectedBy(filter, flow, association)) return 'inbound-policy';
  cache.flows.touch(flow, false, view.tcpFlags, now);
  return undefined;
}

function checkLaterInner(
  filter: PacketFilter,
  view: PacketView,
  association: AssociationId,
  selectors: CompiledSelectors,
  now: number,
  verdict: Verdict,
): DropReason | undefined {
  const { cache } = filter;
  const answer = selectors.checkInbound(view);
  const channel = fragmentChannel.firstInner + association;
  if (answer !== 'outside' && filter.fragments.recall(view, channel, verdict, cache.stamp, now)) {
    verdict.outbound = false;
    return verdict.reason;
  }
  key.fillInbound(view);
  const row = cache.policy.decideWithoutPorts(key);
  cache.fillRowVerdict(row === undecided ? cache.policy.decide(key) : row, false, verdict);
  if (answer === 'outside') return 'selector-mismatch';
  if (answer === 'unknown' || row === undecided) return 'fragment-without-first';
  return verdict.action === 'PROTECT' && verdict.association === association ? undefined : 'inbound-policy';
}

function checkWholeClear(
  filter: PacketFilter,
  view: PacketView,
  now: number,
  verdict: Verdict,
): DropReason | undefined {
  const { cache } = filter;
  key.fillInbound(view);
  const isFlow = makesFlow(view);
  let flow = noFlow;
  if (isFlow) flow = cache.findInbound(key, view, now);
  else if (isIcmpError(view)) flow = filter.findQuotedFlow(view, false, now);
  if (flow !== noFlow) {
    cache.fillVerdict(flow, false, verdict);
    if (verdict.action !== 'BYPASS') return 'should-have-been-protected';
    if (isFlow) cache.flows.touch(flow, false, view.tcpFlags, now);
    return undefined;
  }
  const row = cache.policy.decide(key);
  cache.fillRowVerdict(row, false, verdict);
  if (verdict.action === 'PROTECT') return 'should-have-been-protected';
  if (verdict.action === 'DISCARD') return 'policy-discard';
  if (!cache.policy.allowsInbound(row)) return 'unsolicited';
  if (isFlow) flow = cache.begin(key, row, false, now);
  if (flow !== noFlow) {
    cache.flows.touch(flow, false, view.tcpFlags, now);
    cache.fillVerdict(flow, false, verdict);
  }
  return undefined;
}

function checkLaterClear(
  filter: PacketFilter,
  view: PacketView,
  now: number,
  verdict: Verdict,
): DropReason | undefined {
  const { cache } = filter;
  if (filter.fragments.recall(view, fragmentChannel.clear, verdict, cache.stamp, now)) {
    verdict.outbound = false;
    return verdict.reason;
  }
  key.fillInbound(view);
  const row = cache.policy.decideWithoutPorts(key);
  cache.fillRowVerdict(row === undecided ? cache.policy.decide(key) : row, false, verdict);
  if (row === undecided) return 'fragment-without-first';
  if (verdict.action === 'PROTECT') return 'should-have-been-protected';
  if (verdict.action === 'DISCARD') return 'policy-discard';
  // Whether it belongs to a flow only its first fragment could tell.
  return cache.policy.allowsInbound(row) ? undefined : 'fragment-without-first';
}

function isProtectedBy(filter: PacketFilter, flow: number, association: AssociationId): boolean {
  const { flows } = filter.cache;
  return flows.action(flow) === 'PROTECT' && flows.association(flow) === association;
}

/** First fragments are remembered if they pass; what passes, or what a DISCARD row drops, counts at its row. */
function finish(
  filter: PacketFilter,
  view: PacketView,
  channel: number,
  now: number,
  verdict: Verdict,
  reason: DropReason | undefined,
): DropReason | undefined {
  verdict.reason = reason;
  const isFirstFragment = view.isFragment && view.fragmentOffset === 0;
  if (reason === undefined && isFirstFragment) {
    if (!filter.fragments.remember(view, channel, verdict, filter.cache.stamp, now)) {
      verdict.reason = 'fragment-table-full';
    }
  }
  if (verdict.reason === undefined || verdict.reason === 'policy-discard') {
    filter.countRow(verdict.row, view.length);
  }
  return verdict.reason;
}
