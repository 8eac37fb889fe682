// The filter of the packet path: table, flow cache, fragments, counters and source translation behind a few calls.
import type { PacketMemory } from '../packet/batch.ts';
import type { ChecksumKernel } from '../packet/checksum.ts';
import { isIcmpError } from '../packet/icmp.ts';
import { rewriteSide } from '../packet/translate.ts';
import { PacketView, parseQuotedPacket } from '../packet/view.ts';
import type { TranslationSources } from '../path/data-plane.ts';
import type { RowCounters } from './counters.ts';
import { FlowCache } from './flow-cache.ts';
import { FlowKey, makesFlow } from './flow-key.ts';
import { noFlow } from './flow-table.ts';
import { FragmentTable, fragmentChannel } from './fragments.ts';
import { undecided } from './matcher.ts';
import type { PolicyTable } from './table.ts';
import type { Verdict } from './verdict.ts';

export interface PacketFilterOptions {
  readonly memory: PacketMemory;
  readonly checksum: ChecksumKernel;
  readonly counters: RowCounters;
  /** Default 65,536. */
  readonly flowCapacity?: number;
  /** Fragmented packets under way; default 1,024. */
  readonly fragmentCapacity?: number;
  /** A random number, so that outsiders cannot aim at one chain of the flow table. */
  readonly hashSeed?: number;
}

export class PacketFilter {
  readonly cache: FlowCache;
  readonly fragments: FragmentTable;
  readonly #memory: PacketMemory;
  readonly #checksum: ChecksumKernel;
  readonly #counters: RowCounters;
  #counterSlots: Int32Array = new Int32Array(2);
  readonly #key = new FlowKey();
  readonly #quote = new PacketView();
  readonly #quoteKey = new FlowKey();

  constructor(options: PacketFilterOptions) {
    this.#memory = options.memory;
    this.#checksum = options.checksum;
    this.#counters = options.counters;
    this.cache = new FlowCache(options.flowCapacity ?? 65_536, options.hashSeed ?? 0);
    this.fragments = new FragmentTable(options.fragmentCapacity);
  }

  /** Replaces the whole table; flows whose verdict stays the same live on. Before the first, nothing passes. */
  setPolicy(table: PolicyTable): void {
    this.cache.setPolicy(table);
    this.#counterSlots = this.#counters.assign(table);
  }

  setTranslation(sources: TranslationSources): void {
    this.cache.setTranslation(sources);
  }

  /** Flows in the cache. */
  get flowCount(): number {
    return this.cache.flows.count;
  }

  /** Forgets expired flows among the next `limit`, which a look-up has not met; to be called now and then. */
  expireFlows(nowMilliseconds: number, limit: number): void {
    this.cache.flows.expire(nowMilliseconds, limit);
  }

  /**
   * Decides about a packet that the terminal sends and counts it at its row. `verdict.reason` is set where it must be
   * dropped: 'policy-discard', 'no-bypass-link', 'fragment-without-first' or 'fragment-table-full'. Pass `count`
   * false when the same packet is decided again (held packets, once their SA is there).
   */
  decideOutbound(view: PacketView, nowMilliseconds: number, verdict: Verdict, count = true): void {
    verdict.reason = undefined;
    if (view.fragmentOffset > 0) this.#decideLaterFragment(view, nowMilliseconds, verdict);
    else {
      this.#decideWhole(view, nowMilliseconds, verdict);
      if (view.isFragment) {
        const channel = fragmentChannel.outbound;
        const known = this.fragments.remember(view, channel, verdict, this.cache.stamp, nowMilliseconds);
        if (!known) verdict.reason ??= 'fragment-table-full';
      }
    }
    if (count) this.countRow(verdict.row, view.length);
  }

  /**
   * Rewrites addresses, ports and checksums in memory and in the view where `verdict.translate` says so: the last
   * thing done to a packet, since ICMP answers to the terminal must quote what it sent.
   * `state`: one of `checksumState` in packet/batch.ts.
   */
  translate(view: PacketView, verdict: Verdict, state: number): void {
    if (!verdict.translate) return;
    const side = verdict.outbound ? 'source' : 'destination';
    rewriteSide(this.#memory, this.#checksum, view, side, verdict, state);
  }

  /** Counts a packet at a row. */
  countRow(row: number, bytes: number): void {
    this.#counters.count(this.#counterSlots[row]!, bytes);
  }

  /**
   * The flow that an ICMP error is about, by the packet that it quotes; `noFlow` where there is none. An outbound
   * error quotes what the terminal received, an inbound one what it sent.
   */
  findQuotedFlow(view: PacketView, outbound: boolean, nowMilliseconds: number): number {
    const quote = this.#quote;
    const length = view.transportLength - 8;
    if (!parseQuotedPacket(this.#memory, view.transportOffset + 8, length, quote)) return noFlow;
    if (quote.family !== view.family || !makesFlow(quote)) return noFlow;
    // The quoted packet is no packet of the flow: its SYN must not end it.
    quote.tcpFlags = 0;
    if (outbound) {
      this.#quoteKey.fillInbound(quote);
      return this.cache.findOutbound(this.#quoteKey, quote, nowMilliseconds);
    }
    this.#quoteKey.fillOutbound(quote);
    return this.cache.findInbound(this.#quoteKey, quote, nowMilliseconds);
  }

  #decideWhole(view: PacketView, now: number, verdict: Verdict): void {
    const key = this.#key;
    key.fillOutbound(view);
    const { cache } = this;
    if (!makesFlow(view)) {
      this.#decideAlone(view, now, verdict);
      return;
    }
    let flow = cache.findOutbound(key, view, now);
    if (flow === noFlow) {
      const row = cache.policy.decide(key);
      flow = cache.begin(key, row, true, now);
      if (flow === noFlow) {
        cache.fillRowVerdict(row, true, verdict);
        verdict.reason = 'no-bypass-link';
        return;
      }
    }
    cache.flows.touch(flow, true, view.tcpFlags, now);
    cache.fillVerdict(flow, true, verdict);
    if (verdict.action === 'DISCARD') verdict.reason = 'policy-discard';
  }

  /** ICMP other than queries: an error follows the flow that it is about, the rest is decided by the table. */
  #decideAlone(view: PacketView, now: number, verdict: Verdict): void {
    const { cache } = this;
    if (isIcmpError(view)) {
      const flow = this.findQuotedFlow(view, true, now);
      if (flow !== noFlow && cache.flows.action(flow) !== 'DISCARD') {
        cache.fillVerdict(flow, true, verdict);
        return;
      }
    }
    this.#applyRow(cache.policy.decide(this.#key), verdict);
  }

  #decideLaterFragment(view: PacketView, now: number, verdict: Verdict): void {
    if (this.fragments.recall(view, fragmentChannel.outbound, verdict, this.cache.stamp, now)) {
      verdict.outbound = true;
      return;
    }
    const { policy } = this.cache;
    this.#key.fillOutbound(view);
    const row = policy.decideWithoutPorts(this.#key);
    if (row !== undecided) {
      this.#applyRow(row, verdict);
      return;
    }
    this.cache.fillRowVerdict(policy.decide(this.#key), true, verdict);
    verdict.reason = 'fragment-without-first';
  }

  #applyRow(row: number, verdict: Verdict): void {
    this.cache.fillRowVerdict(row, true, verdict);
    if (verdict.action === 'DISCARD') verdict.reason = 'policy-discard';
    else if (!this.cache.translateWithoutFlow(this.#key, verdict)) verdict.reason = 'no-bypass-link';
  }
}
