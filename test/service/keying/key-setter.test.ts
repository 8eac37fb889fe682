import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChildKeys } from '../../../main/engine/ike/contract.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import type { DataPlane } from '../../../main/engine/path/data-plane.ts';
import { KeySetter } from '../../../main/service/keying/key-setter.ts';

const keyed = { lifetime: { softSeconds: 10 }, replayWindow: 64 };
const remote = { address: parseAddress('192.0.2.1')!, port: 4500 };
const none = new Uint8Array(0);

function childKeys(
  inboundSpi: number,
  outboundSpi: number,
  direction: 'inbound' | 'outbound' | 'both',
): ChildKeys {
  return {
    association: 5,
    proposal: { encryption: 'aes-256-gcm-16' },
    encapsulation: 'udp',
    inbound: { spi: inboundSpi, keyMaterial: direction === 'outbound' ? none : new Uint8Array(36) },
    outbound: { spi: outboundSpi, keyMaterial: direction === 'inbound' ? none : new Uint8Array(36) },
    localSelectors: [],
    remoteSelectors: [],
  };
}

function start() {
  const calls: unknown[][] = [];
  const freed: Uint8Array[] = [];
  const dataPlane = new Proxy({} as DataPlane, {
    get:
      (_target, name) =>
      (...parameters: unknown[]) =>
        calls.push([name, ...parameters]),
  });
  return { calls, freed, keys: new KeySetter(dataPlane, (secret) => freed.push(secret)) };
}

test('a child becomes SAs with the lifetime, window and peer of its connection', () => {
  const { keys, calls } = start();
  keys.serve(1, keyed);
  keys.movePeer(1, remote);
  keys.install(1, childKeys(1000, 2000, 'both'), 'both', 77);
  assert.deepEqual(calls[0], ['setPeer', 0, remote]);
  const [, [, inbound], [, outbound]] = calls as [unknown, [string, object], [string, object]];
  const common = { association: 5, peer: 0, replayWindow: 64, lifetime: { softSeconds: 10 } };
  assert.partialDeepStrictEqual(inbound, { ...common, spi: 1000 });
  assert.partialDeepStrictEqual(outbound, { ...common, spi: 2000 });
  assert.deepEqual(
    keys.installed(1).map((child) => [child.direction, child.parameters.spi, child.installedAtMilliseconds]),
    [
      ['inbound', 1000, 77],
      ['outbound', 2000, 77],
    ],
  );
  assert.ok(
    keys.installed().every(({ parameters }) => !('keyMaterial' in parameters)),
    'no keys for those who look',
  );
});

test('each direction comes and goes by itself, and only once', () => {
  const { keys, calls } = start();
  keys.serve(1, keyed);
  keys.install(1, childKeys(1000, 2000, 'inbound'), 'inbound', 0);
  assert.equal(keys.installed().length, 1);
  keys.install(1, childKeys(1000, 2000, 'outbound'), 'outbound', 0);
  keys.remove(1, 5, 1000, 2000, 5);
  keys.remove(1, 5, 1000, 2000, 5);
  assert.deepEqual(calls.slice(2), [
    ['removeInbound', 1000, 5],
    ['removeOutbound', 5, 2000],
  ]);
});

test('a connection that ends takes its SAs along and no others', () => {
  const { keys, calls } = start();
  keys.serve(1, keyed);
  keys.serve(2, keyed);
  keys.install(1, childKeys(1000, 2000, 'both'), 'both', 0);
  keys.install(2, childKeys(1001, 2001, 'both'), 'both', 0);
  keys.release(1);
  assert.deepEqual(
    keys.installed().map(({ connection }) => connection),
    [2, 2],
  );
  assert.deepEqual(
    calls.slice(4).map(([name]) => name),
    ['removeInbound', 'removeOutbound'],
  );
});

test('keys that come after the end are wiped, not installed', () => {
  const { keys, calls, freed } = start();
  keys.serve(1, keyed);
  keys.release(1);
  const child = childKeys(1000, 2000, 'both');
  keys.install(1, child, 'both', 0);
  assert.deepEqual(freed, [child.inbound.keyMaterial, child.outbound.keyMaterial]);
  keys.install(1, childKeys(1000, 2000, 'inbound'), 'inbound', 0);
  assert.equal(freed.length, 3);
  assert.deepEqual(calls, []);
});

test('however many come and go, nobody gets the place of one that is still there', () => {
  const { keys, calls } = start();
  keys.serve(1, keyed);
  for (let connection = 2; connection < 70_000; connection += 1) {
    keys.serve(connection, keyed);
    keys.release(connection);
  }
  keys.serve(70_000, keyed);
  keys.movePeer(1, remote);
  keys.movePeer(70_000, remote);
  const [first, last] = calls.map(([, peer]) => peer);
  assert.notEqual(first, last);
});
