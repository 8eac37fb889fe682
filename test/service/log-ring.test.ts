// The kept lines of the log: whose they are, how many, and after which one goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestLog } from '../../main/control/diagnostics-methods.ts';
import { type LogQuestion, LogRing } from '../../main/service/log-ring.ts';

const everything: LogQuestion = { after: 0, limit: longestLog.lines, level: 'debug', owner: undefined };

function ringOf() {
  let now = 0;
  const written: string[] = [];
  const ring = new LogRing(() => ++now);
  const log = ring.recording((_level, text) => written.push(text));
  return { ring, log, written };
}

test('lines come oldest first, those above the level left out, and go on after a number', () => {
  const { ring, log, written } = ringOf();
  log('info', 'one');
  log('debug', 'two');
  log('error', 'three');
  assert.deepEqual(ring.tail({ ...everything, level: 'info' }), {
    lines: [
      { sequence: 1, at: 1, level: 'info', text: 'one' },
      { sequence: 3, at: 3, level: 'error', text: 'three' },
    ],
    newest: 3,
  });
  assert.deepEqual(
    ring.tail({ ...everything, after: 1 }).lines.map(({ text }) => text),
    ['two', 'three'],
  );
  assert.deepEqual(ring.tail({ ...everything, after: 3 }), { lines: [], newest: 3 });
  assert.deepEqual(
    ring.tail({ ...everything, limit: 1 }).lines.map(({ text }) => text),
    ['three'],
  );
  assert.deepEqual(written, ['one', 'two', 'three']);
});

test('a user sees the lines of their own connections only', () => {
  const { ring, log } = ringOf();
  log('info', 'the service');
  log('info', 'of alice', 1000);
  log('info', 'of bob', 1001);
  assert.deepEqual(
    ring.tail({ ...everything, owner: 1000 }).lines.map(({ text }) => text),
    ['of alice'],
  );
});

test('it is bounded in lines and in their length', () => {
  const { ring, log } = ringOf();
  const count = longestLog.lines + 7;
  for (let index = 1; index <= count; index++) log('info', `${index} ${'x'.repeat(2000)}`);
  const { lines, newest } = ring.tail(everything);
  assert.equal(newest, count);
  assert.equal(lines.length, longestLog.lines);
  assert.equal(lines[0]?.sequence, 8);
  assert.match(lines[0]!.text, /^8 x/);
  assert.equal(lines.at(-1)?.sequence, count);
  assert.ok(lines.every(({ text }) => text.length === longestLog.characters));
});
