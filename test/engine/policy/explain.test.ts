import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FiveTuple } from '../../../main/engine/path/data-plane.ts';
import { explain } from '../../../main/engine/policy/explain.ts';
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
  assert.deepEqual(told.reason, { code: 'row-fits' });
  assert.deepEqual(
    told.passed.map(({ id, difference }) => [id, difference]),
    [
      ['mail', { code: 'destination-port-differs', found: 443, wanted: '25' }],
      ['printer', { code: 'destination-differs', found: '10.1.0.80', wanted: '192.168.1.9' }],
      ['from-lab', { code: 'source-differs', found: '10.9.0.2', wanted: '172.16.0.0/12' }],
      ['dns', { code: 'protocol-differs', found: 'tcp', wanted: 'udp' }],
    ],
  );
});

test('the default says why it is the one inside or outside', () => {
  const inside = explain(policy, tuple({ protocol: 47 }));
  assert.deepEqual([inside.id, inside.isDefault, inside.action], ['inside', true, 'DISCARD']);
  assert.deepEqual(inside.reason, { code: 'default-inside-decides', address: '10.1.0.80' });
  const outside = explain(policy, tuple({ destination: address('203.0.113.9') }));
  assert.equal(outside.id, 'outside');
  assert.deepEqual(outside.reason, { code: 'default-outside-decides', address: '203.0.113.9' });
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
  assert.deepEqual(told.passed[0]?.difference, { code: 'source-port-differs', found: 443, wanted: '25' });
  assert.deepEqual(told.passed[2]?.difference, {
    code: 'destination-differs',
    found: '10.9.0.2',
    wanted: '172.16.0.0/12',
  });
});

test('a protocol without ports, and ICMP types', () => {
  const ports = table([
    row('BYPASS', { id: 'web', remotePorts: 443 }),
    row('BYPASS', { protocol: 1, remotePorts: 0x0304 }),
  ]);
  const gre = explain(ports, tuple({ protocol: 47, sourcePort: 0, destinationPort: 0 }));
  assert.deepEqual(gre.passed[0]?.difference, { code: 'packet-without-ports', wanted: '443' });
  const echo = explain(ports, tuple({ protocol: 1, sourcePort: 0, destinationPort: 8 << 8 }));
  assert.deepEqual(echo.passed[1]?.difference, { code: 'icmp-type-differs', found: '8/0' });
});
