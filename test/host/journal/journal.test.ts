// The journal: what is written before a change is there for the next process, whenever this one ends.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Journal, type UndoStep } from '../../../main/host/journal/journal.ts';

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sn-host-journal-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'deep', 'journal');
}

const rule = (line: string): UndoStep => ({ kind: 'ip', family: 4, line });
const linesOf = (journal: Journal) =>
  journal.outstanding().map(({ step }) => (step.kind === 'ip' ? step.line : step.kind));

test('a later process finds what is not undone, oldest first', () => {
  const path = place();
  const first = new Journal(path, 'boot');
  first.begin('tunnel', [rule('a'), rule('b')]);
  first.begin('dns', [rule('c')]);
  first.finish([first.outstanding('tunnel')[0]!.id]);
  const next = new Journal(path, 'boot');
  assert.deepEqual(linesOf(next), ['b', 'c']);
  assert.deepEqual(next.outstanding('dns').length, 1);
  next.finish(next.outstanding().map(({ id }) => id));
  assert.equal(readFileSync(path, 'utf8'), '');
  assert.deepEqual(linesOf(new Journal(path, 'boot')), []);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('beginning again names what is no longer wanted, and writes nothing twice', () => {
  const path = place();
  const journal = new Journal(path, 'boot');
  assert.deepEqual(journal.begin('tunnel', [rule('a'), rule('b')]), []);
  const stale = journal.begin('tunnel', [rule('b'), rule('c'), rule('c')]);
  assert.deepEqual(
    stale.map(({ step }) => step),
    [rule('a')],
  );
  assert.deepEqual(linesOf(journal), ['a', 'b', 'c']);
  journal.finish(stale.map(({ id }) => id));
  assert.deepEqual(linesOf(new Journal(path, 'boot')), ['b', 'c']);
});

test('a change that two groups stand for stays until both are done', () => {
  const journal = new Journal(place(), 'boot');
  journal.begin('fail-closed', [rule('shared'), rule('own')]);
  journal.begin('tunnel', [rule('shared')]);
  const [shared, own] = journal.outstanding('fail-closed');
  const ids = new Set([shared!.id, own!.id]);
  assert.equal(journal.heldByOthers(shared!, ids), true);
  assert.equal(journal.heldByOthers(own!, ids), false);
});

test('a line that a power cut left half written is of a change that was never made', () => {
  const path = place();
  const journal = new Journal(path, 'boot');
  journal.begin('tunnel', [rule('a')]);
  const whole = readFileSync(path).length;
  journal.begin('tunnel', [rule('a'), rule('b')]);
  for (let length = readFileSync(path).length - 2; length > whole; length -= 7) {
    truncateSync(path, length);
    assert.deepEqual(linesOf(new Journal(path, 'boot')), ['a']);
  }
  // And what comes after it counts.
  new Journal(path, 'boot').begin('tunnel', [rule('a'), rule('c')]);
  assert.deepEqual(linesOf(new Journal(path, 'boot')), ['a', 'c']);
  appendFileSync(path, 'null\n[]\n{"undone":7}\n"x"\n');
  assert.deepEqual(linesOf(new Journal(path, 'boot')), ['a', 'c']);
});

test('entries of an earlier boot are told apart', () => {
  const path = place();
  new Journal(path, 'yesterday').begin('tunnel', [rule('a')]);
  const today = new Journal(path, 'today');
  assert.deepEqual(today.begin('tunnel', [rule('a')]), []);
  assert.deepEqual(
    today.outstanding().map(({ boot }) => boot),
    ['yesterday', 'today'],
  );
  const [old, fresh] = today.outstanding();
  assert.equal(today.heldByOthers(fresh!, new Set([fresh!.id])), false);
  assert.equal(today.heldByOthers(old!, new Set([old!.id])), false);
});
