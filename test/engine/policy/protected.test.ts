import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../../../main/engine/packet/address.ts';
import { outsideDiscards, protectedRanges, protectedSet } from '../../../main/engine/policy/protected.ts';
import type { PolicyRow } from '../../../main/engine/policy/row.ts';
import { row } from './tables.ts';

const prefixes = (rows: PolicyRow[]): string[] => protectedSet(rows).toPrefixes().map(formatPrefix);

test('what PROTECT rows touch, merged, and nothing else', () => {
  const rows = [
    row('PROTECT', { remote: '10.1.0.0/17', protocol: 6, remotePorts: 443 }),
    row('BYPASS', { remote: '10.3.0.0/16' }),
    row('PROTECT', { remote: '10.1.128.0/17 fd01::/16' }),
    row('DISCARD'),
  ];
  assert.deepEqual(prefixes(rows), ['10.1.0.0/16', 'fd01::/16']);
  assert.equal(protectedRanges(rows).length, 2);
  assert.deepEqual(prefixes([row('BYPASS')]), []);
});

test('"any" is everything of the versions that the row’s other fields allow', () => {
  assert.deepEqual(prefixes([row('PROTECT')]), ['0.0.0.0/0', '::/0']);
  assert.deepEqual(prefixes([row('PROTECT', { local: '10.9.0.2' })]), ['0.0.0.0/0']);
  assert.deepEqual(prefixes([row('PROTECT', { protocol: 58 })]), ['::/0']);
  assert.deepEqual(prefixes([row('PROTECT', { protocol: 1 })]), ['0.0.0.0/0']);
});

test('DISCARD rows are left to the system as far as no PROTECT row touches them', () => {
  const rows = [
    row('BYPASS', { id: 'web', remote: '198.51.100.0/24', protocol: 6, remotePorts: 443 }),
    row('PROTECT', { id: 'office', remote: '10.1.0.0/16' }),
    row('DISCARD', { id: 'rest-of-10', remote: '10.0.0.0/15' }),
    row('DISCARD', { id: 'inside', remote: '10.1.2.0/24' }),
    row('BYPASS', { id: 'late', remote: '198.51.100.0/24' }),
    row('DISCARD', { id: 'test-net', remote: '198.51.100.0/23' }),
  ];
  const outside = outsideDiscards(rows).map(({ row: one, remote, exceptions }) => ({
    id: one.id,
    remote: remote.toPrefixes().map(formatPrefix),
    exceptions: exceptions.map((exception) => [
      exception.row.id,
      ...exception.remote.toPrefixes().map(formatPrefix),
    ]),
  }));
  assert.deepEqual(outside, [
    { id: 'rest-of-10', remote: ['10.0.0.0/16'], exceptions: [] },
    {
      id: 'test-net',
      remote: ['198.51.100.0/23'],
      exceptions: [
        ['web', '198.51.100.0/24'],
        ['late', '198.51.100.0/24'],
      ],
    },
  ]);
});
