import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FiveTuple } from '../../../main/engine/path/data-plane.ts';
import { explain, formatFiveTuple } from '../../../main/engine/policy/explain.ts';
import { address } from '../packet/packets.ts';
import { row, table } from './tables.ts';

const policy = table([
  row('DISCARD', { id: 'mail', protocol: 6, remotePorts: 25 }),
  row('BYPASS', { id: 'printer', remote: '192.168.1.9' }),
  row('BYPASS', { id: 'from-lab', local: '172.16.0.0/12' }),
  row('BYPASS', { id: 'dns', protocol: 17, remotePorts: 53 }),
  row('PROTECT', { id: 'office', remote: '10.1.0.0/16', protocol: 6, association: 3 }),
]);

function tuple(fields: Partial<FiveTuple> = {}): FiveTuple {
  return {
    source: address('10.9.0.2'),
    destination: address('10.1.0.80'),
    protocol: 6,
    sourcePort: 40_000,
    destinationPort: 443,
    ...fields,
  };
}

test('the row that decides, why, and what was passed over', () => {
  const told = explain(policy, tuple());
  assert.deepEqual([told.id, told.action, told.association, told.isDefault], ['office', 'PROTECT', 3, false]);
  assert.equal(
    told.words,
    'tcp 10.9.0.2:40000 to 10.1.0.80:443 matches "office" (filter): PROTECT by association 3',
  );
  assert.deepEqual(
    told.passed.map(({ id, field, words }) => [id, field, words]),
    [
      ['mail', 'destination port', 'destination port 443 is not 25'],
      ['printer', 'destination', 'destination 10.1.0.80 is not in 192.168.1.9'],
      ['from-lab', 'source', 'source 10.9.0.2 is not in 172.16.0.0/12'],
      ['dns', 'protocol', 'protocol tcp is not udp'],
    ],
  );
});

test('the default says why it is the one inside or outside', () => {
  const inside = explain(policy, tuple({ protocol: 47 }));
  assert.deepEqual([inside.id, inside.isDefault, inside.action], ['inside', true, 'DISCARD']);
  assert.match(inside.words, /no row matches; 10\.1\.0\.80 lies within what PROTECT rows touch/);
  const outside = explain(policy, tuple({ destination: address('203.0.113.9') }));
  assert.equal(outside.id, 'outside');
  assert.match(outside.words, /203\.0\.113\.9 lies outside/);
});

test('inbound, source and destination change places but not names', () => {
  const told = explain(
    policy,
    tuple({
      source: address('10.1.0.80'),
      destination: address('10.9.0.2'),
      sourcePort: 443,
      destinationPort: 40_000,
    }),
    'inbound',
  );
  assert.equal(told.id, 'office');
  assert.equal(told.passed[0]?.words, 'source port 443 is not 25');
  assert.equal(told.passed[2]?.words, 'destination 10.9.0.2 is not in 172.16.0.0/12');
});

test('a protocol without ports, and ICMP types', () => {
  const ports = table([
    row('BYPASS', { id: 'web', remotePorts: 443 }),
    row('BYPASS', { protocol: 1, remotePorts: 0x0304 }),
  ]);
  const gre = explain(ports, tuple({ protocol: 47, sourcePort: 0, destinationPort: 0 }));
  assert.equal(gre.passed[0]?.words, 'the packet has no ports, the row asks for 443');
  const echo = explain(ports, tuple({ protocol: 1, sourcePort: 0, destinationPort: 8 << 8 }));
  assert.match(echo.passed[1]?.words ?? '', /ICMP type 8 code 0 is not among/);
  assert.equal(
    formatFiveTuple(tuple({ protocol: 1, destinationPort: 0x0304 })),
    'icmp type 3 code 4 from 10.9.0.2 to 10.1.0.80',
  );
  const six = { source: address('fd00::1'), destination: address('fd00::2') };
  assert.equal(formatFiveTuple(tuple({ ...six, protocol: 17 })), 'udp [fd00::1]:40000 to [fd00::2]:443');
  assert.equal(formatFiveTuple(tuple({ ...six, protocol: 47 })), 'gre fd00::1 to fd00::2');
});
