// What is done to addresses and routes on Windows, without a Windows: as steps of the journal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../main/engine/packet/address.ts';
import { bestRoutes, chooseWay, type RealRoutes } from '../../../main/host/link/choose-way.ts';
import {
  failClosedSteps,
  parseInterfaceAddress,
  routeOf,
  tunnelSteps,
} from '../../../main/host/routes/steps-win32.ts';
import type { SystemRoute } from '../../../native/iphlpapi.ts';
import type { SystemAdapter } from '../../../native/iphlpapi-adapters.ts';

const wifi = adapter(1n, 'Wi-Fi', 35, 40);
const wire = adapter(2n, 'Ethernet', 25, 60);
const real: RealRoutes = {
  adapters: [wifi, wire],
  routes: [
    route(1n, '0.0.0.0', 0, '192.168.1.1', 0),
    route(2n, '0.0.0.0', 0, '10.7.0.1', 20),
    route(1n, '192.168.1.0', 24, '0.0.0.0', 256),
    route(2n, '10.7.0.0', 16, '0.0.0.0', 256),
    route(2n, '::', 0, 'fe80::1', 0),
    route(1n, '::', 0, 'fe80::2', 0),
  ],
};

function adapter(luid: bigint, alias: string, metric4: number, metric6: number): SystemAdapter {
  const common = { index: Number(luid), mtu: 1500, up: true, loopback: false, addresses: [] };
  return { luid, alias, metric4, metric6, hardwareAddress: new Uint8Array(6), ...common };
}

function route(luid: bigint, destination: string, length: number, hop: string, metric: number): SystemRoute {
  return {
    luid,
    interfaceIndex: Number(luid),
    destination: parseAddress(destination)!.bytes,
    prefixLength: length,
    nextHop: parseAddress(hop)!.bytes,
    metric,
  };
}

function linkTowards(text: string): string | undefined {
  const address = parseAddress(text)!;
  return bestRoutes(real, { address, length: address.bytes.length * 8 })[0]?.adapter.alias;
}

test('the longest prefix wins, then the least sum of metrics, each family with its own', () => {
  assert.equal(linkTowards('203.0.113.1'), 'Wi-Fi', '35 + 0 is less than 25 + 20');
  assert.equal(linkTowards('10.7.3.4'), 'Ethernet');
  assert.equal(linkTowards('2001:db8::1'), 'Wi-Fi', '40 is less than 60');
  assert.deepEqual(bestRoutes({ ...real, routes: [] }, { address: parseAddress('::')!, length: 0 }), []);
});

test('the source lies in the network of the next hop, and is no address for the link alone unless the other is', () => {
  const at = (text: string, prefixLength: number) => ({ bytes: parseAddress(text)!.bytes, prefixLength });
  const addresses = [at('fe80::7', 64), at('2001:db8:7::7', 64), at('10.7.9.9', 32), at('10.7.0.7', 16)];
  const wired = { ...real, adapters: [wifi, { ...wire, addresses }] };
  const sourceTowards = (text: string) => {
    const address = parseAddress(text)!;
    const way = chooseWay(address.bytes, wired);
    return way && [way.interfaceName, formatAddress({ ...address, bytes: way.source })];
  };
  assert.deepEqual(sourceTowards('10.7.3.4'), ['Ethernet', '10.7.0.7']);
  assert.deepEqual(sourceTowards('203.0.113.1'), ['Ethernet', '10.7.0.7'], 'Wi-Fi has no address');
  assert.deepEqual(sourceTowards('2001:db8::1'), ['Ethernet', '2001:db8:7::7']);
  assert.deepEqual(sourceTowards('fe80::9'), ['Ethernet', 'fe80::7']);
});

test('everything is routed in two halves, so that no default route is as specific', () => {
  const steps = tunnelSteps({
    interfaceName: 'sealnic0',
    addresses: ['10.9.0.2/32'],
    routedPrefixes: ['0.0.0.0/0', '10.1.0.0/16'],
    sources: [
      { prefix: '10.1.0.0/16', source: '10.9.0.2' },
      { prefix: '::/0', source: undefined },
    ],
  });
  const place = { kind: 'interface-route', interfaceName: 'sealnic0' } as const;
  assert.deepEqual(steps, [
    { kind: 'interface-address', interfaceName: 'sealnic0', address: '10.9.0.2/32' },
    ...['0.0.0.0/1', '128.0.0.0/1', '10.1.0.0/16', '::/1', '8000::/1'].map((prefix) => ({
      ...place,
      prefix,
    })),
  ]);
});

test('blocked routes are the worst, and whoever may be asked beside them keeps the way by his link', () => {
  const steps = failClosedSteps(
    {
      protectedPrefixes: ['0.0.0.0/0', '10.0.0.0/8'],
      nameServers: ['9.9.9.9', '192.168.1.1', '2620:fe::fe'],
      passages: [{ address: '198.51.100.7', ports: [80] }],
    },
    real,
  );
  const beside = { kind: 'interface-route', interfaceName: 'Wi-Fi', nextHop: '192.168.1.1' } as const;
  assert.deepEqual(steps, [
    { ...beside, prefix: '9.9.9.9/32' },
    { ...beside, prefix: '198.51.100.7/32' },
    { kind: 'blocked-route', prefix: '0.0.0.0/1' },
    { kind: 'blocked-route', prefix: '128.0.0.0/1' },
  ]);
  const [first, , blocked] = steps.flatMap((step) =>
    step.kind === 'interface-address' ? [] : [routeOf(step)],
  );
  assert.equal(first!.metric < blocked!.metric, true);
  assert.deepEqual([...first!.nextHop!], [192, 168, 1, 1]);
  assert.equal(blocked!.nextHop, undefined);
});

test('an address without a prefix length is none', () => {
  assert.deepEqual(parseInterfaceAddress('10.9.0.2/24'), { bytes: Uint8Array.of(10, 9, 0, 2), length: 24 });
  for (const text of ['10.9.0.2', '10.9.0.2/33', '10.9.0/24', '', '::1/129', '10.9.0.2/']) {
    assert.throws(() => parseInterfaceAddress(text), RangeError, text);
  }
});
