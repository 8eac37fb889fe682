import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowCounters, readRowCounters, rowCountersBytes } from '../../../main/engine/policy/counters.ts';
import { row, table } from './tables.ts';

test('counters outlive a new table by the row’s id and can be read over shared memory', () => {
  const buffer = new SharedArrayBuffer(rowCountersBytes(16));
  const counters = new RowCounters(buffer);
  const [a, b, c] = ['a', 'b', 'c'].map((id) => row('BYPASS', { id }));
  const first = counters.assign(table([a!, b!]));
  assert.equal(first.length, 4, 'rows and both defaults');
  assert.equal(new Set(first).size, 4);
  counters.count(first[0]!, 100);
  counters.count(first[1]!, 50);
  counters.count(first[1]!, 1500);
  counters.count(first[3]!, 7);
  const second = counters.assign(table([c!, b!]));
  assert.equal(second[1], first[1]);
  assert.equal(counters.read('a'), undefined);
  const read = readRowCounters(buffer, ['a', 'b', 'c', 'inside', 'outside', 'unknown']);
  assert.deepEqual(
    [...read],
    [
      ['b', { packets: 2, bytes: 1550 }],
      ['c', { packets: 0, bytes: 0 }],
      ['inside', { packets: 0, bytes: 0 }],
      ['outside', { packets: 1, bytes: 7 }],
    ],
  );
  counters.assign(table([a!]));
  assert.deepEqual(counters.read('a'), { packets: 0, bytes: 0 }, 'a row that comes back begins at zero');
});

test('rows beyond the capacity are counted nowhere, and disturb no other', () => {
  const counters = new RowCounters(new ArrayBuffer(rowCountersBytes(3)));
  const rows = Array.from({ length: 6 }, (_, index) => row('BYPASS', { id: `r${index}` }));
  const slots = counters.assign(table(rows));
  for (const slot of slots) counters.count(slot, 1);
  assert.deepEqual(
    rows.map(({ id }) => counters.read(id)?.packets),
    [1, 1, 1, undefined, undefined, undefined],
  );
});
