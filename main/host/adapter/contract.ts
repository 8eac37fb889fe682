// The virtual adapter: a network interface whose other end is the packet path.
import type { PacketBatch, PacketMemory, SlotRegion } from '../../engine/packet/batch.ts';
import type { Waitable } from '../readiness/contract.ts';

export interface AdapterOptions {
  /** Interface name, "sealnic0" by default. */
  readonly name: string;
  readonly mtu: number;
}

/** Used on the data thread only. Every call is non-blocking. */
export interface Adapter {
  readonly name: string;
  readonly interfaceIndex: number;
  /** For a ReadinessSet. It may be another one after a write. */
  readonly waitable: Waitable;
  /** Whether it hands over and takes TCP and UDP super-packets. */
  readonly superPackets: boolean;
  /**
   * Whether a packet can be read, where `waitable` alone does not tell: to be asked before each wait. After a read that
   * found packets it looks for a moment (microseconds) whether another one comes. Absent: `waitable` tells.
   */
  hasWaiting?(): boolean;
  /** Reads until the batch is full or nothing is waiting; packet `i` lies in slot `i` of the region. */
  read(batch: PacketBatch, region: SlotRegion): void;
  /**
   * Writes packets `from` to `count`; returns how many are dealt with (a full queue takes fewer). A packet that the
   * system finds wrong is passed over and counted in `refused`; only a lost device throws.
   */
  write(batch: PacketBatch, from: number): number;
  readonly refused?: number;
  close(): void;
}

/** Throws where the interface cannot be made. It comes up at once: what keeps it shut must be in place before. */
export type OpenAdapter = (options: AdapterOptions, memory: PacketMemory) => Adapter;
