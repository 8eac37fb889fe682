// What a data thread's packet path stands on: the shared memory, and the SIMD module where it was built.
import { existsSync, readFileSync } from 'node:fs';
import { addressOf } from '../../../native/libc-memory.ts';
import type { PacketMemory } from '../../engine/packet/batch.ts';
import { createPlainKernel, createSimdKernel, type PacketKernel } from '../../engine/path/packet-kernel.ts';
import {
  createPacketMemory,
  dataThreadSizes,
  layOutMemory,
  type MemoryLayout,
} from '../../engine/path/packet-memory.ts';

export interface PacketResources {
  readonly layout: MemoryLayout;
  readonly memory: PacketMemory;
  readonly kernel: PacketKernel;
}

export function createPacketResources(underlays: number): PacketResources {
  const layout = layOutMemory({ ...dataThreadSizes, underlays });
  const { memory, wasmMemory } = createPacketMemory(layout, addressOf);
  const module = readModule();
  const kernel = module ? createSimdKernel(module, wasmMemory) : createPlainKernel(memory);
  return { layout, memory, kernel };
}

/** Built by build/assembly.ts; beside the bundle, or in dist/ when run from source. */
function readModule(): Uint8Array<ArrayBuffer> | undefined {
  const place = import.meta.url.endsWith('.ts') ? '../../../dist/packet.wasm' : './packet.wasm';
  const file = new URL(place, import.meta.url);
  return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
}
