// What several connections together ask of the computer, and which of them cannot be together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AddressRange,
  everyAddress,
  parseAddress,
  parseRange,
  prefixToRange,
  rangeContains,
} from '../../../main/engine/packet/address.ts';
import { parseConfiguration } from '../../../main/service/configuration/configuration.ts';
import { compileFilter } from '../../../main/service/filter/compile.ts';
import {
  type Composition,
  dnsConfiguration,
  failClosedConfiguration,
  tunnelConfiguration,
  tunnelMtu,
  underlayLinks,
} from '../../../main/service/tunnel/composition.ts';
import type { Contribution } from '../../../main/service/tunnel/contribution.ts';
import { conflictWith } from '../../../main/service/tunnel/overlap.ts';

const range = (text: string) => parseRange(text)!;
const address = (text: string) => parseAddress(text)!;
const everything = [everyAddress(4), everyAddress(6)];
const noNames = new Map<string, readonly AddressRange[]>();
const terminal = { hostName: 'laptop', links: [], defaultLink4: 'wlan0', defaultLink6: undefined };

function part(
  profile: string,
  association: number,
  remote: readonly AddressRange[],
  change: Partial<Contribution> = {},
): Contribution {
  return {
    profile,
    rows: [],
    protections: [{ association, label: { code: 'label-protects', profile }, local: [], remote }],
    association,
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

function compose(...contributions: readonly Contribution[]): Composition {
  const filter = compileFilter({ version: 1, userRows: [], contributions, names: noNames });
  return { contributions, filter, configuration: parseConfiguration('') };
}

const office = (change: Partial<Contribution> = {}) => part('office', 1, [range('10.1.0.0/16')], change);
const home = (change: Partial<Contribution> = {}) => part('home', 2, [range('10.2.0.0/16')], change);

test('DNS: of the one that protects everything, else of the first that offers any, and of no other', () => {
  const servers = (...contributions: readonly Contribution[]) =>
    dnsConfiguration(compose(...contributions))?.servers;
  const first = office({ dnsServers: [address('10.1.0.53')] });
  const second = home({ dnsServers: [address('10.2.0.53')] });
  assert.deepEqual(servers(first, second), ['10.1.0.53']);
  assert.deepEqual(servers(second, first), ['10.2.0.53']);
  assert.deepEqual(servers(office(), second), ['10.2.0.53']);
  assert.equal(servers(office(), home()), undefined);
  const all = part('all', 3, everything, { dnsServers: [address('10.3.0.53')] });
  assert.deepEqual(servers(first, all), ['10.3.0.53']);
});

test('the least MTU, also of one that is wished', () => {
  const over = (mtu: number) =>
    ({ underlay: { interfaceName: 'eth0', source: '192.0.2.1', mtu, family: 4 } }) as const;
  assert.equal(tunnelMtu([office(over(1500)), home(over(1400))]), 1338);
  assert.equal(tunnelMtu([office({ ...over(1500), mtu: 1300 }), home(over(1500))]), 1300);
  assert.equal(tunnelMtu([office(over(1500)), home({ mtu: 9000 })]), 1438);
});

test('block, lockdown and routes are each connection’s own', () => {
  const composition = compose(
    office({ lockdown: true, virtualAddresses: [address('10.9.0.1')] }),
    home({ failClosed: false, routed: false }),
  );
  const shut = failClosedConfiguration(composition, [40_000], []);
  assert.deepEqual(shut.protectedPrefixes, ['10.1.0.0/16']);
  assert.deepEqual(shut.tappedPrefixes, ['10.1.0.0/16']);
  assert.deepEqual(shut.lockdown, ['10.1.0.0/16']);
  assert.deepEqual(tunnelConfiguration(composition, 1400, terminal)?.routedPrefixes, ['10.1.0.0/16']);
  const both = compose(office({ lockdown: true }), home());
  assert.deepEqual(failClosedConfiguration(both, [], []).protectedPrefixes, ['10.1.0.0/16', '10.2.0.0/16']);
  assert.deepEqual(
    failClosedConfiguration(both, [], []).lockdown,
    ['10.1.0.0/16'],
    'of the one that asks for it',
  );
  assert.equal(failClosedConfiguration(compose(office(), home()), [], []).lockdown, undefined);
});

test('one captures all: what another one lets pass while it is down passes', () => {
  const composition = compose(office({ captureAll: true }), home({ failClosed: false, routed: false }));
  const { routed } = composition.filter;
  const covers = (text: string) =>
    routed.some((prefix) => rangeContains(prefixToRange(prefix), address(text)));
  assert.deepEqual([covers('10.1.0.1'), covers('10.2.0.1'), covers('203.0.113.1')], [true, false, true]);
});

test('what passes by leaves by the link towards the Internet first', () => {
  const by = (interfaceName: string) =>
    ({ underlay: { interfaceName, source: '192.0.2.1', mtu: 1500, family: 4 } }) as const;
  assert.deepEqual(underlayLinks([office(by('eth0')), home(by('wlan0'))], terminal), ['wlan0', 'eth0']);
  assert.deepEqual(underlayLinks([office(by('eth0')), home(by('eth0'))], terminal), ['eth0']);
});

test('an overlap by networks, by rows, by a default or by what a gateway keeps for its peers', () => {
  const conflict = (one: Contribution, other: Contribution) => conflictWith(one, [other], noNames);
  assert.equal(conflict(office(), home()), undefined);
  const shared = { code: 'networks-overlap', other: 'office', prefixes: ['10.1.0.0/16'] };
  assert.deepEqual(conflict(part('all', 3, everything), office()), shared);
  assert.deepEqual(conflict(part('all', 3, [], { defaultAction: 'PROTECT' }), office()), shared);
  assert.deepEqual(conflict(part('all', 3, [], { uncarried: everything }), office()), shared);
  const row = { source: 'terminal', destination: '10.1.7.0/24', protocol: 'tcp', action: 'PROTECT' } as const;
  const names = new Map([['terminal', [range('192.0.2.10')]]]);
  const reaching = home({ rows: [{ ...row, destinationPorts: '443' }] });
  assert.deepEqual(conflictWith(reaching, [office()], names), { ...shared, prefixes: ['10.1.7.0/24'] });
  const handing = home({ rows: [{ ...row, profile: 'office' }] });
  assert.equal(conflictWith(handing, [office()], names), undefined, 'the row says that the other protects');
  const leaving = part('all', 3, everything, {
    rows: [{ source: 'any', destination: '10.1.0.0/16', protocol: 'any', action: 'BYPASS' }],
  });
  assert.equal(conflict(leaving, office()), undefined);
  const gateway = part('own', 4, [], { gatewayRole: { reserved: [range('10.1.9.0/24')], offered: [] } });
  assert.deepEqual(conflict(gateway, office()), { ...shared, prefixes: ['10.1.9.0/24'] });
});

test('the same virtual address, and defaults that differ', () => {
  const mine = { virtualAddresses: [address('10.9.0.1')] };
  assert.deepEqual(conflictWith(office(mine), [home(mine)], noNames), {
    code: 'address-taken',
    other: 'home',
    address: '10.9.0.1',
  });
  const stating = (defaultAction: Contribution['defaultAction']) => home({ defaultAction });
  const differ = { code: 'defaults-differ', other: 'home' };
  assert.deepEqual(conflictWith(office(), [stating('BYPASS')], noNames), differ);
  assert.deepEqual(conflictWith(office({ defaultAction: 'DISCARD' }), [stating('BYPASS')], noNames), differ);
  assert.equal(conflictWith(office(), [stating('DISCARD')], noNames), undefined);
  assert.equal(conflictWith(office({ defaultAction: 'BYPASS' }), [stating('BYPASS')], noNames), undefined);
});

test('a profile’s rows say nothing about what another one protects', () => {
  const rows = [{ source: 'any', destination: 'any', protocol: 'udp', action: 'BYPASS' }] as const;
  const { filter } = compose(office({ rows }), home());
  const row = filter.table.rows.find(({ id }) => id === 'office-1')!;
  const about = (text: string) => row.remote.some((each) => rangeContains(each, address(text)));
  assert.deepEqual([about('10.1.0.1'), about('10.2.0.1'), about('203.0.113.1')], [true, false, true]);
});
