import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../../main/control/values.ts';
import { advanceRoundTrips } from '../../../renderer/logic/round-trips.ts';

function status(at?: number, milliseconds?: number): Status {
  const figures = at === undefined ? {} : { roundTripAt: at, roundTripMilliseconds: milliseconds };
  const connection = { profile: 'office', state: 'connected', details: { ...figures } };
  return { connections: [connection] } as unknown as Status;
}

test('each measurement is one point, however often it is told', () => {
  let points = advanceRoundTrips({}, status(), 1000);
  assert.deepEqual(points, { office: [] });
  points = advanceRoundTrips(points, status(1000, 12), 1500);
  points = advanceRoundTrips(points, status(1003, 12), 2500);
  points = advanceRoundTrips(points, status(11_000, 15), 11_500);
  assert.deepEqual(points.office, [
    { at: 1000, milliseconds: 12 },
    { at: 11_000, milliseconds: 15 },
  ]);
});

test('what is older than ten minutes is forgotten, and so is a connection that ended', () => {
  let points = advanceRoundTrips({}, status(1000, 12), 1500);
  points = advanceRoundTrips(points, status(601_500, 14), 602_000);
  assert.deepEqual(points.office, [{ at: 601_500, milliseconds: 14 }]);
  assert.deepEqual(advanceRoundTrips(points, { connections: [] } as unknown as Status, 603_000), {});
});
