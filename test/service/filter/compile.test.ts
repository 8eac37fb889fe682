import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  everyAddress,
  formatPrefix,
  formatRange,
  parseAddress,
  parseRange,
  prefixToRange,
} from '../../../main/engine/packet/address.ts';
import { AddressSet } from '../../../main/engine/packet/address-set.ts';
import { explain } from '../../../main/engine/policy/explain.ts';
import { compileFilter, type FilterSources } from '../../../main/service/filter/compile.ts';
import { namesOf } from '../../../main/service/filter/names.ts';
import type { Contribution } from '../../../main/service/tunnel/contribution.ts';

const range = (text: string) => parseRange(text)!;

function contribution(change: Partial<Contribution> = {}): Contribution {
  return {
    profile: 'office',
    rows: [],
    protections: [
      {
        association: 7,
        label: { code: 'label-protects', profile: 'office' },
        local: [],
        remote: [range('10.1.0.0/16')],
      },
    ],
    association: 7,
    uncarried: [],
    allowLocalNetwork: true,
    localNetwork: [],
    defaultAction: undefined,
    failClosed: true,
    lockdown: false,
    captureAll: false,
    gateway: undefined,
    underlay: undefined,
    routed: true,
    virtualAddresses: [],
    dnsServers: [],
    mtu: undefined,
    ...change,
  };
}

const compile = (change: Partial<FilterSources>) =>
  compileFilter({ version: 1, userRows: [], contributions: [contribution()], names: new Map(), ...change });

function verdict(filter: ReturnType<typeof compile>, destination: string, port = 80) {
  const packet = {
    source: parseAddress(destination.includes(':') ? 'fd00::5' : '192.168.1.5')!,
    destination: parseAddress(destination)!,
    protocol: 6,
    sourcePort: 1024,
    destinationPort: port,
  };
  const { action, id } = explain(filter.table, packet);
  return `${action} ${id}`;
}

test('user rows stand before the profile rows, and those before the networks', () => {
  const row = { source: 'any', protocol: 'tcp', action: 'BYPASS' } as const;
  const filter = compile({
    userRows: [{ id: 'filter-1', row: { ...row, destination: '10.1.0.0/16', destinationPorts: '80' } }],
    contributions: [
      contribution({
        rows: [
          { ...row, destination: '10.1.0.0/16', destinationPorts: '80', action: 'DISCARD' },
          { ...row, destination: '10.1.0.0/16', destinationPorts: '25', action: 'DISCARD' },
        ],
      }),
    ],
  });
  assert.equal(verdict(filter, '10.1.2.3', 80), 'BYPASS filter-1');
  assert.equal(verdict(filter, '10.1.2.3', 25), 'DISCARD office-2');
  assert.equal(verdict(filter, '10.1.2.3', 443), 'PROTECT office-protect-7');
  assert.equal(verdict(filter, '203.0.113.1'), 'BYPASS default-outside');
});

test('the local network is left out', () => {
  const everything = contribution({
    localNetwork: [range('192.168.1.0/24')],
    protections: [
      {
        association: 7,
        label: { code: 'label-text', text: 'all' },
        local: [],
        remote: [everyAddress(4), everyAddress(6)],
      },
    ],
  });
  const open = compile({ contributions: [everything] });
  assert.equal(verdict(open, '192.168.1.9'), 'BYPASS office-local-network');
  assert.equal(verdict(open, '203.0.113.1'), 'PROTECT office-protect-7');
  assert.ok(!open.routed.map(formatPrefix).includes('0.0.0.0/0'));
  const shut = compile({ contributions: [{ ...everything, localNetwork: [] }] });
  assert.equal(verdict(shut, '192.168.1.9'), 'PROTECT office-protect-7');
  assert.deepEqual(shut.routed.map(formatPrefix), ['0.0.0.0/0', '::/0']);
});

test('what the gateway does not carry is discarded, and shut', () => {
  const filter = compile({
    contributions: [
      contribution({
        protections: [
          {
            association: 7,
            label: { code: 'label-text', text: 'all' },
            local: [],
            remote: [everyAddress(4)],
          },
        ],
        uncarried: [everyAddress(6)],
      }),
    ],
  });
  assert.equal(verdict(filter, '2001:db8::1'), 'DISCARD office-uncarried');
  assert.ok(filter.shut.map(formatPrefix).includes('::/0'));
});

test('only connections that fail closed shut anything', () => {
  assert.deepEqual(compile({}).shut.map(formatPrefix), ['10.1.0.0/16']);
  assert.deepEqual(compile({ contributions: [contribution({ failClosed: false })] }).shut, []);
});

test('a row for a profile that is not up is told, not used', () => {
  const row = {
    source: 'any',
    destination: '10.5.0.0/16',
    protocol: 'any',
    action: 'PROTECT',
    profile: 'home',
  } as const;
  const filter = compile({ userRows: [{ id: 'filter-1', row }] });
  assert.deepEqual(filter.unusable.get('filter-1'), {
    code: 'profile-not-connected',
    profile: 'home',
  });
  assert.equal(verdict(filter, '10.5.0.1'), 'BYPASS default-outside');
});

test('DISCARD rows outside of what is protected go to the firewall, after the BYPASS rows that stand before them', () => {
  const row = { source: 'any', protocol: 'tcp' } as const;
  const filter = compile({
    userRows: [
      {
        id: 'filter-1',
        row: { ...row, destination: '203.0.113.7', destinationPorts: '25', action: 'BYPASS' },
      },
      { id: 'filter-2', row: { ...row, destination: 'any', destinationPorts: '25', action: 'DISCARD' } },
    ],
  });
  assert.deepEqual(
    filter.firewallRows.map(({ id, action }) => `${action} ${id}`),
    ['BYPASS filter-1', 'DISCARD filter-2'],
  );
  assert.ok(!filter.firewallRows[1]?.remotePrefixes.includes('10.1.0.0/16'));
});

test('without a connection nothing is routed or shut; what the user discards is the firewall’s', () => {
  const row = { source: 'any', destination: 'any', protocol: 'any', action: 'DISCARD' } as const;
  const filter = compile({ userRows: [{ id: 'filter-1', row }], contributions: [] });
  assert.deepEqual([filter.routed, filter.shut], [[], []]);
  assert.deepEqual(
    filter.firewallRows.map(({ id }) => id),
    ['filter-1'],
  );
});

test('a hostile network cannot take destinations out of the tunnel by its prefix', () => {
  const link = { name: 'eth0', index: 2, mtu: 1500, up: true, loopback: false, hardwareAddress: undefined };
  const terminal = (addresses: string[]) => ({
    hostName: 'laptop',
    links: [{ ...link, addresses }],
    defaultLink4: 'eth0',
    defaultLink6: undefined,
  });
  const local = (addresses: string[]) =>
    (namesOf(terminal(addresses), [], 'sealnic0', []).get('local-network') ?? []).map(formatRange);
  assert.deepEqual(local(['192.168.1.5/24', 'fd00:1::5/64']), ['192.168.1.0/24', 'fd00:1::/64']);
  assert.deepEqual(local(['128.0.0.5/1', '203.0.113.5/24', '10.0.0.5/7']), []);
});

test('a default that is not BYPASS holds for everything that no row lets pass: it enters, and is shut', () => {
  for (const defaultAction of ['DISCARD', 'PROTECT'] as const) {
    const filter = compile({
      contributions: [contribution({ defaultAction, localNetwork: [range('192.168.1.0/24')] })],
    });
    assert.equal(verdict(filter, '203.0.113.1'), `${defaultAction} default-inside`);
    assert.equal(verdict(filter, '192.168.1.9'), 'BYPASS office-local-network');
    const routed = new AddressSet(filter.routed.map(prefixToRange));
    assert.ok(routed.contains(parseAddress('203.0.113.1')!));
    assert.ok(!routed.contains(parseAddress('192.168.1.9')!));
    assert.deepEqual(filter.shut, filter.routed);
  }
});

test('what is uncarried is shut, but no row of the firewall: DHCP and resolvers pass ahead of it', () => {
  const filter = compile({ contributions: [contribution({ uncarried: [everyAddress(6)] })] });
  assert.deepEqual(filter.firewallRows, []);
  assert.ok(filter.shut.map(formatPrefix).includes('::/0'));
});
