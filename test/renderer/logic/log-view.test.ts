// The lines of the log that the window keeps and shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../../main/control/diagnostics-methods.ts';
import { matchingLines, mergeLines } from '../../../renderer/logic/log-view.ts';

function line(sequence: number, level: LogLine['level'] = 'info', text = `line ${sequence}`): LogLine {
  return { sequence, at: sequence, level, text };
}
const numbers = (lines: readonly LogLine[]) => lines.map(({ sequence }) => sequence);

test('what comes goes on top, once, and the oldest falls off', () => {
  const shown = mergeLines([], [line(1), line(2)], 3);
  assert.deepEqual(numbers(shown), [2, 1]);
  assert.deepEqual(numbers(mergeLines(shown, [line(2), line(3), line(4)], 3)), [4, 3, 2]);
  assert.equal(mergeLines(shown, [], 3), shown);
});

test('a service that was started anew begins anew', () => {
  assert.deepEqual(numbers(mergeLines([line(9), line(8)], [line(1), line(2)], 10)), [2, 1]);
});

test('levels and words are looked for', () => {
  const lines = [
    line(4, 'debug', 'office: detail'),
    line(3, 'info', 'office: connected'),
    line(2, 'warning', 'Office: slow gateway'),
    line(1, 'error', 'laboratory: failed'),
  ];
  assert.deepEqual(numbers(matchingLines(lines, 'warning', '')), [2, 1]);
  assert.deepEqual(numbers(matchingLines(lines, 'debug', ' gateway  OFFICE ')), [2]);
  assert.deepEqual(numbers(matchingLines(lines, 'info', 'office')), [3, 2]);
});
