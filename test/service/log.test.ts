import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLog } from '../../main/service/log.ts';

test('whatever a peer puts into a text, a line is one line without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, underSystemd) => {
      const lines: string[] = [];
      createLog('debug', underSystemd, (line) => lines.push(line))('info', text);
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, /^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*\n$/u);
    }),
    { seed: 7, numRuns: 500 },
  );
  const lines: string[] = [];
  createLog('info', true, (line) => lines.push(line))('warning', 'a\n<0>b\x1b[31m\u2028c\x85d\u202ee');
  assert.deepEqual(lines, ['<4>a <0>b [31m c d e\n']);
});

test('what is above the level is left out', () => {
  const lines: string[] = [];
  const log = createLog('warning', true, (line) => lines.push(line));
  log('info', 'no');
  log('error', 'yes');
  assert.deepEqual(lines, ['<3>yes\n']);
});
