// The anti-replay window against a set that remembers everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplayWindow } from '../../../main/engine/sa/replay-window.ts';

test('a number is accepted once, and never when it lies below the window', () => {
  const window = new ReplayWindow(64);
  assert.equal(window.accepts(0), false);
  assert.equal(window.accepts(1), true);
  window.record(1);
  assert.equal(window.accepts(1), false);
  window.record(100);
  assert.equal(window.accepts(37), true, 'the lowest of 64 numbers up to 100');
  assert.equal(window.accepts(36), false, 'one below the window');
  assert.equal(window.highest, 100);
});

test('asking does not move the window', () => {
  const window = new ReplayWindow(32);
  assert.equal(window.accepts(4_000_000_000), true);
  assert.equal(window.accepts(1), true);
  assert.equal(window.highest, 0);
});

test('the last sequence number is accepted and nothing lies behind it', () => {
  const window = new ReplayWindow(1024);
  window.record(0xfffffffe);
  assert.equal(window.accepts(0xffffffff), true);
  window.record(0xffffffff);
  assert.equal(window.accepts(0xffffffff), false);
  assert.equal(window.accepts(0xffffffff - 1023), true);
  assert.equal(window.accepts(0xffffffff - 1024), false);
});

test('sizes that are no multiple of 32 are refused', () => {
  for (const size of [0, 16, 33, 100.5, -32]) assert.throws(() => new ReplayWindow(size), RangeError);
});

for (const size of [32, 64, 96, 1024]) {
  test(`a window of ${size} agrees with a set that remembers everything`, () => {
    const steps = fc.array(
      fc.oneof(
        fc.integer({ min: -2 * size, max: 8 }),
        fc.integer({ min: 0, max: 4 * size }),
        fc.integer({ min: 0, max: 100 * size }),
      ),
      { minLength: 50, maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xf0000000 }), steps, (start, differences) => {
        const window = new ReplayWindow(size);
        const seen = new Set<number>();
        let highest = 0;
        for (const difference of differences) {
          const sequence = Math.max(1, (highest || start) + difference);
          const expected = sequence > highest - size && !seen.has(sequence);
          assert.equal(window.accepts(sequence), expected, `number ${sequence}, highest ${highest}`);
          if (!expected) continue;
          window.record(sequence);
          seen.add(sequence);
          highest = Math.max(highest, sequence);
        }
      }),
      { seed: 7, numRuns: 200 },
    );
  });
}
