// What counts as the local network, and prefixes as texts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../../../main/engine/packet/address.ts';
import { counterName, rowIdOf } from '../../../main/host/firewall/rows-linux.ts';
import { localNetworks } from '../../../main/host/network/local-network.ts';
import { enclosingPrefix, splitPrefixes } from '../../../main/host/network/prefixes.ts';

const always = ['169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'];

test('private prefixes of the links are local, public and over-wide ones are not', () => {
  assert.deepEqual(
    localNetworks(
      ['192.168.1.7/24', '10.2.3.4/8', '2001:db8::5/64', 'fd12::1/64', '203.0.113.4/24'],
      ['0.0.0.0/0', '::/0'],
    ),
    [...always, '192.168.1.0/24', '10.0.0.0/8', 'fd12::/64'],
  );
  assert.deepEqual(localNetworks(['10.2.3.4/7', '192.168.1.7/0', '172.16.0.1/11'], []), always);
});

test('a protected prefix that is as specific wins over the local network', () => {
  assert.deepEqual(localNetworks(['192.168.1.7/24'], ['192.168.1.0/24']), always);
  assert.deepEqual(localNetworks(['192.168.1.7/24'], ['192.168.1.9/32']), always);
  assert.deepEqual(localNetworks(['192.168.1.7/24'], ['192.168.0.0/16']), [...always, '192.168.1.0/24']);
  assert.deepEqual(localNetworks([], ['169.254.169.254/32']), always.slice(1));
});

test('prefixes inside others are left out, and texts that are none are errors', () => {
  assert.deepEqual(splitPrefixes(['10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8', 'fd00::/8', 'fd00::1']), {
    4: ['10.0.0.0/8'],
    6: ['fd00::/8'],
  });
  assert.throws(() => splitPrefixes(['10.0.0.0/8; flush ruleset']), /is no address prefix/);
  assert.throws(() => splitPrefixes(['10.0.0.1/8']), RangeError);
  assert.equal(formatPrefix(enclosingPrefix('172.16.5.9/20')!), '172.16.0.0/20');
  assert.equal(formatPrefix(enclosingPrefix('2001:db8:1:2:3::4/63')!), '2001:db8:1:2::/63');
  assert.equal(enclosingPrefix('172.16.5.9'), undefined);
  assert.equal(enclosingPrefix('172.16.5.9/33'), undefined);
});

test('ids of rows survive as names of counters, whatever stands in them', () => {
  for (const id of ['1', 'profile office:3', '"; flush ruleset; #', 'größe']) {
    assert.match(counterName(id), /^row_[0-9a-f]+$/);
    assert.equal(rowIdOf(counterName(id)), id);
  }
  assert.equal(rowIdOf('fail_closed'), undefined);
  assert.throws(() => counterName('x'.repeat(200)), RangeError);
});
