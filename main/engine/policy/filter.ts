// The filter of the packet path: table, flow cache, fragments, counters and source translation behind three calls.
import type { PacketMemory } from '../packet/batch.ts';
import type { ChecksumKernel } from '../packet/checksum.ts';
import type { PacketView } from '../packet/view.ts';
import type { TranslationSources } from '../path/data-plane.ts';
import type { RowCounters } from './counters.ts';
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
}

export declare class PacketFilter {
  constructor(options: PacketFilterOptions);
  /** Replaces the whole table; flows whose verdict stays the same live on. */
  setPolicy(table: PolicyTable): void;
  setTranslation(sources: TranslationSources): void;
  /** Flows in the cache. */
  get flowCount(): number;
  /**
   * Decides about a packet that the terminal sends and counts it at its row. `verdict.reason` is set where it must be
   * dropped. Pass `count` false when the same packet is decided again (held packets, once their SA is there).
   */
  decideOutbound(view: PacketView, nowMilliseconds: number, verdict: Verdict, count?: boolean): void;
  /**
   * Rewrites addresses, ports and checksums in memory and in the view where `verdict.translate` says so: the last
   * thing done to a packet, since ICMP answers to the terminal must quote what it sent.
   * `checksumState`: one of `checksumState` in packet/batch.ts.
   */
  translate(view: PacketView, verdict: Verdict, checksumState: number): void;
}
