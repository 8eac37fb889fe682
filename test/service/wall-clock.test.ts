import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wallClockFrom } from '../../main/service/wall-clock.ts';

test('a time is told as the same number, however the clocks are read', () => {
  let [now, wallNow] = [1000.4, 1_000_000];
  const wallClock = wallClockFrom(
    () => now,
    () => wallNow,
  );
  const told = wallClock(500);
  assert.equal(told, 999_500);
  // The wall clock counts whole milliseconds and drifts a little.
  for (const difference of [0.7, -0.6, 3, -20]) {
    now += 60_000;
    wallNow += 60_000 + difference;
    assert.equal(wallClock(500), told);
  }
});

test('it follows a wall clock that was set', () => {
  let wallNow = 1_000_000;
  const wallClock = wallClockFrom(
    () => 1000,
    () => wallNow,
  );
  wallClock(0);
  wallNow += 3_600_000;
  assert.equal(wallClock(1000), 4_600_000);
});
