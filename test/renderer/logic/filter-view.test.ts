// The filter table as the window edits it, the verdicts that it keeps, and the SAs as it groups them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { algorithmName, proposalNames } from '../../../renderer/logic/algorithms.ts';
import { associationGroups, ikeBar, lifetimeBars } from '../../../renderer/logic/association-view.ts';
import {
  checkRow,
  emptyRow,
  endpointText,
  fitsVerdict,
  formOf,
  mergeSamples,
  positionAfterMove,
  rowTextOf,
  type VerdictFilter,
} from '../../../renderer/logic/filter-view.ts';
import { associations, filterRows, verdicts } from '../fixtures.ts';

const now = 1_700_000_000_000;

test('a row goes through the form unchanged', () => {
  const row = filterRows().find(({ id }) => id === 'filter-3')!;
  assert.deepEqual(rowTextOf(formOf(row)), {
    action: 'PROTECT',
    source: 'terminal',
    destination: '2001:db8:1234:5678::/64',
    protocol: 'udp',
    sourcePorts: '5060',
    destinationPorts: '5060-5070',
    profile: 'laboratory-tokyo',
  });
});

test('what is missing is told at its field', () => {
  assert.deepEqual(checkRow(emptyRow), { destination: 'destination-needed' });
  assert.deepEqual(checkRow({ ...emptyRow, action: 'PROTECT', destination: 'any', destinationPorts: '25' }), {
    profile: 'profile-needed',
    destinationPorts: 'ports-need-protocol',
  });
});

test('a row moves among the user’s own', () => {
  const rows = filterRows();
  const move = (id: string, direction: 'up' | 'down') => {
    const position = positionAfterMove(rows, id, direction);
    if (position === undefined) return undefined;
    const own = rows.filter((row) => row.removable && row.id !== id).map((row) => row.id);
    return own.toSpliced(position, 0, 'moved');
  };
  assert.deepEqual(move('filter-2', 'up'), ['moved', 'filter-1', 'filter-3']);
  assert.deepEqual(move('filter-2', 'down'), ['filter-1', 'filter-3', 'moved']);
  assert.equal(move('filter-1', 'up'), undefined);
  assert.equal(move('filter-3', 'down'), undefined);
  assert.equal(move('built-in-1', 'down'), undefined);
});

test('permission for the other side goes with BYPASS only', () => {
  const row = { ...emptyRow, destination: 'any', allowInbound: true };
  assert.equal(rowTextOf({ ...row, action: 'BYPASS' }).allowInbound, true);
  assert.equal(rowTextOf({ ...row, action: 'DISCARD' }).allowInbound, undefined);
});

test('the live tail is narrowed by what is shown', () => {
  const samples = verdicts(9, 9, now);
  const shown = (text: string, show: VerdictFilter['show'], words = '') =>
    samples.filter((sample) => fitsVerdict(sample, { text, show }, words)).length;
  assert.equal(shown('', 'all'), 9);
  assert.equal(shown('', 'PROTECT'), 3);
  assert.equal(shown('', 'dropped'), 6);
  assert.equal(shown('10.1.4.20:443', 'all'), 3);
  assert.equal(shown(' TCP ', 'DISCARD'), 6);
  assert.equal(shown('mail', 'all'), 0);
  assert.equal(shown('Mail', 'all', 'no mail'), 9);
});

test('verdicts are shown once, newest first, and not without end', () => {
  const first = mergeSamples([], verdicts(5, 5, now), 6);
  assert.deepEqual(
    mergeSamples(first, verdicts(8, 5, now), 6).map(({ sequence }) => sequence),
    [8, 7, 6, 5, 4, 3],
  );
  assert.equal(mergeSamples(first, verdicts(5, 2, now), 6), first);
});

test('an IPv6 address with a port stands in brackets', () => {
  assert.equal(endpointText('2001:db8::1', 443), '[2001:db8::1]:443');
  assert.equal(endpointText('10.1.0.1', 443), '10.1.0.1:443');
  assert.equal(endpointText('2001:db8::1', undefined), '2001:db8::1');
});

test('pairs of child SAs stand together, outbound first', () => {
  const { ike, children } = associations(now);
  const [group] = associationGroups(ike, children);
  assert.equal(group?.profile, 'office');
  assert.deepEqual(
    group?.pairs.map((pair) => pair.map(({ direction }) => direction)),
    [['outbound', 'inbound']],
  );
  const renewed = children.map((child) => ({ ...child, spi: `${child.spi}0`, installedAt: now }));
  assert.deepEqual(
    associationGroups(ike, [...children, ...renewed])[0]?.pairs.map((pair) => pair.length),
    [2, 2],
  );
  assert.deepEqual(
    associationGroups([], children.slice(0, 1))[0]?.pairs.map((pair) => pair.length),
    [1],
  );
});

test('bars show how much of a life is used up', () => {
  const { ike, children } = associations(now);
  const bars = lifetimeBars(children[0]!, now);
  assert.deepEqual(
    bars.map(({ measure }) => measure),
    ['time', 'bytes'],
  );
  assert.equal(bars[0]?.fraction, 29 / 60);
  assert.equal(bars[0]?.renewedAt, 0.9);
  assert.equal(lifetimeBars(children[0]!, now + 7_200_000)[0]?.fraction, 1);
  assert.equal(ikeBar(ike[0]!, now)?.fraction, 83 / 227);
});

test('algorithms in the words that people use', () => {
  assert.deepEqual(proposalNames('aes-256-cbc / hmac-sha2-256-128 / hmac-sha2-256 / modp2048'), {
    cipher: 'AES-256-CBC',
    integrity: 'HMAC-SHA-256-128',
    pseudoRandomFunction: 'HMAC-SHA-256',
    keyExchange: 'MODP-2048',
  });
  assert.equal(proposalNames('aes-256-gcm-16 / hmac-sha2-384 / curve25519').integrity, undefined);
  assert.equal(algorithmName('new-cipher'), 'new-cipher');
});
