// The SIMD module against the JavaScript kernel, on every alignment and length that matters.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createPlainKernel, createSimdKernel } from '../../../main/engine/path/packet-kernel.ts';
import { createPacketMemory, layOutMemory, smallSizes } from '../../../main/engine/path/packet-memory.ts';
import { randomBytes, seededRandom } from '../../fakes/random.ts';

const file = new URL('../../../dist/packet.wasm', import.meta.url);
const cannotRun = existsSync(file) ? false : 'the SIMD module was not built (build/assembly.ts)';

test('sums and copies agree with the JavaScript kernel', { skip: cannotRun }, () => {
  const { memory, wasmMemory } = createPacketMemory(layOutMemory({ ...smallSizes, underlays: 1 }), () => 0);
  const simd = createSimdKernel(new Uint8Array(readFileSync(file)), wasmMemory);
  const plain = createPlainKernel(memory);
  const random = seededRandom(3);
  const source = 70_000;
  const target = 200_000;
  memory.bytes.set(randomBytes(random, 70_000), source);
  const lengths = [...Array.from({ length: 200 }, (_, index) => index), 1399, 1400, 4096, 65_535];
  for (const length of lengths) {
    for (const shift of [0, 1, 3, 16]) {
      const expected = plain.sum(source + shift, length);
      assert.equal(simd.sum(source + shift, length), expected, `sum of ${length} at ${shift}`);
      memory.bytes.fill(0xee, target, target + length + 64);
      assert.equal(simd.copyAndSum(source + shift, target + 5, length), expected);
      assert.deepEqual(
        memory.bytes.subarray(target + 5, target + 5 + length),
        memory.bytes.subarray(source + shift, source + shift + length),
      );
      assert.equal(memory.bytes[target + 4], 0xee);
      assert.equal(memory.bytes[target + 5 + length], 0xee);
    }
  }
  memory.bytes.fill(0xff, source, source + 65_535);
  assert.equal(simd.sum(source, 65_534), plain.sum(source, 65_534));
  assert.equal(simd.sum(source, 65_535), plain.sum(source, 65_535));
  simd.copy(source, source + 3, 1000);
});
