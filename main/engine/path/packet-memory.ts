// The one memory of a data plane and how it is divided. Fixed size: it never grows, so that its address stays.
import type { PacketMemory, SlotRegion } from '../packet/batch.ts';

/** A 65,535-byte packet with room ahead for headers, kept to whole cache lines. */
export const largeSlotSize = 66_048;
const pageSize = 65_536;

export interface MemoryLayout {
  /** Where the adapter puts what the terminal sends. */
  readonly adapterRead: SlotRegion;
  /** Where the underlays and bypass links put what arrives. */
  readonly underlayRead: SlotRegion;
  /** Super-packets on their way to the adapter, ICMP answers. */
  readonly adapterWrite: SlotRegion;
  /** One run of bytes for each underlay: sealed datagrams that lie one behind the other. */
  readonly sends: readonly { readonly start: number; readonly length: number }[];
  /** 64 KiB packets that wait no longer, and segments for a bypass link. */
  readonly scratch: SlotRegion;
  /** 12 bytes in which nonces are put together. */
  readonly nonce: number;
  readonly totalLength: number;
}

export interface LayoutSizes {
  readonly readSlots: number;
  readonly writeSlots: number;
  readonly sendBytes: number;
  readonly underlays: number;
}

/** For a data thread: batches of 32 super-packets. */
export const dataThreadSizes = { readSlots: 32, writeSlots: 48, sendBytes: 3 * 1024 * 1024 } as const;

/** For tests: the same with a tenth of the memory. */
export const smallSizes = { readSlots: 8, writeSlots: 12, sendBytes: 768 * 1024 } as const;

/** The first page is left to nonces and to the SIMD module. */
export function layOutMemory(sizes: LayoutSizes): MemoryLayout {
  let next = pageSize;
  const region = (slotCount: number): SlotRegion => {
    const start = next;
    next += slotCount * largeSlotSize;
    return { start, slotSize: largeSlotSize, slotCount };
  };
  const adapterRead = region(sizes.readSlots);
  const underlayRead = region(sizes.readSlots);
  const adapterWrite = region(sizes.writeSlots);
  const scratch = region(2);
  const sends = Array.from({ length: sizes.underlays }, () => {
    const start = next;
    next += sizes.sendBytes;
    return { start, length: sizes.sendBytes };
  });
  return { adapterRead, underlayRead, adapterWrite, sends, scratch, nonce: 64, totalLength: next };
}

/** A memory that SIMD module and native code can share. `addressOf` gives the address of the first byte, or 0. */
export function createPacketMemory(
  layout: MemoryLayout,
  addressOf: (bytes: Uint8Array) => number,
): { readonly memory: PacketMemory; readonly wasmMemory: WebAssembly.Memory } {
  const pages = Math.ceil(layout.totalLength / pageSize);
  const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { buffer } = wasmMemory;
  const bytes = new Uint8Array(buffer);
  const memory = { buffer, bytes, view: new DataView(buffer), address: addressOf(bytes) };
  return { memory, wasmMemory };
}
