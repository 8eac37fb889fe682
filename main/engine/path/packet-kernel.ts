// The loops over every byte of a packet: a SIMD module where it was built (build/assembly.ts), JavaScript elsewhere.
import type { PacketMemory } from '../packet/batch.ts';
import { type ChecksumKernel, createChecksumKernel } from '../packet/checksum.ts';

export interface PacketKernel extends ChecksumKernel {
  readonly name: string;
  /** Copies `length` bytes to a place that does not overlap, and returns their sum as `sum` does. */
  copyAndSum(source: number, target: number, length: number): number;
  /** memmove. */
  copy(source: number, target: number, length: number): void;
}

/** The kernel in JavaScript. */
export function createPlainKernel(memory: PacketMemory): PacketKernel {
  const checksum = createChecksumKernel(memory);
  const { bytes } = memory;
  return {
    name: 'JavaScript',
    sum: (offset, length) => checksum.sum(offset, length),
    copyAndSum(source, target, length) {
      bytes.copyWithin(target, source, source + length);
      return checksum.sum(target, length);
    },
    copy(source, target, length) {
      bytes.copyWithin(target, source, source + length);
    },
  };
}

/** The bytes of the compiled module over the memory behind `wasmMemory`. Throws where the module does not fit it. */
export function createSimdKernel(
  moduleBytes: Uint8Array<ArrayBuffer>,
  wasmMemory: WebAssembly.Memory,
): PacketKernel {
  const module = new WebAssembly.Module(moduleBytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: wasmMemory } });
  const { sum, copyAndSum, copy } = exports as unknown as Omit<PacketKernel, 'name'>;
  return { name: 'WebAssembly SIMD', sum, copyAndSum, copy };
}
