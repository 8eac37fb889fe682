import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parsePrefix } from '../../../main/engine/packet/address.ts';
import { AddressPool } from '../../../main/service/agreement/address-pool.ts';

const text = (address: ReturnType<AddressPool['assign']>) => address && formatAddress(address);

test('gives the lowest free address, and the same one to the same holder', () => {
  const pool = new AddressPool(parsePrefix('10.9.0.0/29')!);
  assert.equal(text(pool.assign('alice')), '10.9.0.1');
  assert.equal(text(pool.assign('bob')), '10.9.0.2');
  assert.equal(text(pool.assign('alice')), '10.9.0.1');
  pool.release('alice');
  assert.equal(text(pool.assign('carol')), '10.9.0.1');
});

test('is exhausted before the broadcast address', () => {
  const pool = new AddressPool(parsePrefix('10.9.0.0/30')!);
  assert.deepEqual([pool.assign('a'), pool.assign('b'), pool.assign('c')].map(text), [
    '10.9.0.1',
    '10.9.0.2',
    undefined,
  ]);
});

test('carries over byte borders, also in IPv6', () => {
  const pool = new AddressPool(parsePrefix('fd00::/64')!);
  for (let holder = 1; holder <= 256; holder += 1) pool.assign(String(holder));
  assert.equal(text(pool.assign('last')), 'fd00::101');
});
