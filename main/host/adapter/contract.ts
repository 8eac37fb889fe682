// The virtual adapter: a network interface whose other end is the packet path.
import type { PacketBatch, PacketMemory, SlotRegion } from '../../engine/packet/batch.ts';

export interface AdapterOptions {
  /** Interface name, "sealnic0" by default. */
  readonly name: string;
  readonly mtu: number;
}

/** Used on the data thread only. Every call is non-blocking. */
export interface Adapter {
  readonly name: string;
  readonly interfaceIndex: number;
  /** For poll(); -1 where the platform waits in another way. */
  readonly fileDescriptor: number;
  /** Whether it hands over and takes TCP and UDP super-packets. */
  readonly superPackets: boolean;
  /** Reads until the batch is full or nothing is waiting; packet `i` lies in slot `i` of the region. */
  read(batch: PacketBatch, region: SlotRegion): void;
  /** Writes packets `from` to `count`; returns how many the system took (a full queue takes fewer). */
  write(batch: PacketBatch, from: number): number;
  close(): void;
}

/** Bytes `start` and up of the memory belong to the adapter and underlay for headers and address structures. */
export type OpenAdapter = (options: AdapterOptions, memory: PacketMemory) => Adapter;
