// Several connections at the same time, each with its own part of the one adapter, filter, block and DNS.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { formatAddress } from '../../../main/engine/packet/address.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import type { Gateway } from '../../../main/service/connection/gateway.ts';
import { connectionStatus } from '../../../main/service/methods/status.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import {
  gatewayText,
  type Office,
  openOffice,
  profileFrom,
  startGateway,
  type TestService,
  terminalText,
} from './office.ts';

let office: Office;
let second: TestService;
let terminal: TestService;
beforeEach(() => {
  office = openOffice();
  ({ terminal } = office);
  second = office.addTerminal(20);
});
afterEach(() => office.close());

const homeTerminal = (...changes: readonly (readonly [string, string])[]) =>
  named(
    'home',
    terminalText,
    ['10.1.0.0/24', '10.2.0.0/24'],
    ['address = "192.0.2.1"', 'address = "192.0.2.20"'],
    ...changes,
  );
const homeGateway = (...changes: readonly (readonly [string, string])[]) =>
  named(
    'home',
    gatewayText,
    ['networks = ["10.1.0.0/24"]', 'networks = ["10.2.0.0/24"]'],
    ['10.99.0.0/24', '10.98.0.0/24'],
    ['10.1.0.53', '10.2.0.53'],
    ...changes,
  );

function named(name: string, text: string, ...changes: readonly (readonly [string, string])[]) {
  let changed = text;
  for (const [from, to] of changes) {
    assert.ok(changed.includes(from), `the profile has no ${from}`);
    changed = changed.replace(from, to);
  }
  return parseProfile(changed, name);
}

async function startGateways(home = homeGateway()): Promise<void> {
  await startGateway(office);
  const gateway = second.connections.up(home, 0, true) as Gateway;
  await office.clock.advance(10);
  assert.equal(gateway.state, 'connected', JSON.stringify(gateway.failure));
}

async function up(profile = homeTerminal()): Promise<Connection> {
  const connection = terminal.connections.up(profile, 1000, false) as Connection;
  await office.clock.advance(200);
  return connection;
}

async function both(): Promise<readonly [Connection, Connection]> {
  await startGateways();
  const first = await up(profileFrom(terminalText));
  const other = await up();
  for (const { model } of [first, other]) assert.equal(model.state, 'connected', JSON.stringify(model));
  return [first, other];
}

function sourcesNow(): readonly (readonly [string, string | undefined])[] {
  return (terminal.host.tunnel?.sources ?? []).map(({ prefix, source }) => [prefix, source] as const);
}

test('two at once: each its address, route, translation and SAs; one adapter and one table', async () => {
  const [first, other] = await both();
  const { host, thread, threads } = terminal;
  assert.equal(threads.length, 1);
  assert.deepEqual(host.tunnel?.addresses, ['10.99.0.1/32', '10.98.0.1/32']);
  assert.deepEqual(sourcesNow(), [
    ['10.1.0.0/24', '10.99.0.1'],
    ['10.2.0.0/24', '10.98.0.1'],
  ]);
  assert.deepEqual(
    thread.translation.virtual?.map(({ association, address }) => [association, formatAddress(address)]),
    [
      [first.association, '10.99.0.1'],
      [other.association, '10.98.0.1'],
    ],
  );
  assert.deepEqual(
    [...thread.outbound.values()].map(({ parameters }) => parameters.association).sort(),
    [first.association, other.association].sort(),
  );
  assert.deepEqual(host.failClosed?.protectedPrefixes, ['10.1.0.0/24', '10.2.0.0/24']);
  assert.deepEqual(host.failClosed?.gateways, ['192.0.2.1', '192.0.2.20']);
  assert.deepEqual(host.dns?.servers, ['10.1.0.53'], 'of the one that was brought up first');
  for (const [connection, sealed] of [
    [first, '10.1.0.0/24'],
    [other, '10.2.0.0/24'],
  ] as const) {
    const { details } = connectionStatus(connection, terminal.tunnel);
    assert.deepEqual(details?.protectedPrefixes, [sealed]);
    assert.equal(details?.uncarriedPrefixes, undefined);
  }
});

test('down of one leaves the other as it is: its SAs, block, routes and way to bypass', async () => {
  const [first, other] = await both();
  const { host, thread } = terminal;
  const kept = [...thread.outbound.values()].find(
    ({ parameters }) => parameters.association === other.association,
  );
  await terminal.connections.down('office');
  assert.equal(other.model.state, 'connected');
  assert.deepEqual([...thread.outbound.values()], [kept]);
  assert.equal(thread.running, true);
  assert.deepEqual(host.tunnel?.addresses, ['10.98.0.1/32']);
  assert.deepEqual(sourcesNow(), [['10.2.0.0/24', '10.98.0.1']]);
  assert.deepEqual(host.failClosed?.protectedPrefixes, ['10.2.0.0/24']);
  assert.deepEqual(host.dns?.servers, ['10.2.0.53'], 'the next one that offers them');
  assert.ok(!host.calls.some(({ name }) => name === 'removeFailClosed' || name === 'removeTunnel'));
  assert.equal(terminal.connections.connections.includes(first), false);
  await terminal.connections.down('home');
  assert.deepEqual([host.tunnel, host.dns, host.failClosed], [undefined, undefined, undefined]);
  assert.equal(terminal.secrets.liveCount, 0);
});

test('the one whose gateway is gone may pass by without opening the other', async () => {
  await startGateways();
  await up(profileFrom(terminalText));
  const home = await up(
    homeTerminal(
      ['networks', 'when_down = "bypass"\nnetworks'],
      ['[authentication]', '[ike]\ngive_up_seconds = 5\ndead_peer_detection_seconds = 5\n[authentication]'],
    ),
  );
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(
    sourcesNow().map(([prefix]) => prefix),
    ['10.1.0.0/24', '10.2.0.0/24'],
  );
  await second.connections.down('home');
  await office.clock.advance(3000);
  assert.notEqual(home.model.state, 'connected');
  assert.deepEqual(
    sourcesNow().map(([prefix]) => prefix),
    ['10.1.0.0/24'],
    'its packets go their own way',
  );
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  const [office1, home1] = terminal.connections.connections.map((each) =>
    connectionStatus(each, terminal.tunnel),
  );
  assert.equal(office1?.protectedTraffic, 'sealed');
  assert.equal(home1?.protectedTraffic, 'clear');
});

test('an overlap is refused by name before anything changes', async () => {
  await startGateways();
  await up(profileFrom(terminalText));
  const { host, connections, wanted } = terminal;
  const calls = host.calls.length;
  const wider = homeTerminal(['10.2.0.0/24', '10.1.0.128/25", "10.2.0.0/24']);
  assert.throws(() => connections.up(wider, 0, false), {
    failure: { code: 'networks-overlap', profile: 'home', other: 'office', prefixes: ['10.1.0.128/25'] },
  });
  assert.throws(() => connections.up(homeTerminal(['["10.2.0.0/24"]', '"everything"']), 0, false), {
    failure: { code: 'networks-overlap', profile: 'home', other: 'office', prefixes: ['10.1.0.0/24'] },
  });
  await office.clock.advance(100);
  assert.equal(host.calls.length, calls);
  assert.deepEqual(
    connections.connections.map(({ profile }) => profile.name),
    ['office'],
  );
  assert.deepEqual(
    wanted.all.map(({ profile }) => profile),
    ['office'],
  );
});

test('everything, less what its own row leaves to the other: both are up, and the order does not matter', async () => {
  await startGateways(homeGateway(['networks = ["10.2.0.0/24"]', 'networks = ["0.0.0.0/0"]']));
  const exclusion = '\n[[filter]]\nsource = "any"\ndestination = "10.1.0.0/24"\naction = "BYPASS"\n';
  const everything = named(
    'home',
    `${terminalText}${exclusion}`,
    ['["10.1.0.0/24"]', '"everything"'],
    ['address = "192.0.2.1"', 'address = "192.0.2.20"'],
  );
  const profiles = [everything, profileFrom(terminalText)];
  for (const order of [profiles, [...profiles].reverse()]) {
    for (const profile of order) assert.equal((await up(profile)).model.state, 'connected');
    const sources = new Map(sourcesNow());
    assert.equal(sources.get('10.1.0.0/24'), '10.99.0.1');
    assert.equal(sources.get('0.0.0.0/5'), '10.98.0.1');
    assert.deepEqual(terminal.host.dns?.servers, ['10.2.0.53'], 'of the one that protects everything');
    assert.deepEqual(terminal.tunnel.state.filter.unusable.get('home-1'), { code: 'protected-by-others' });
    for (const { name } of order) await terminal.connections.down(name);
  }
});

test('what the gateway turns out to carry is another’s: closed again, with both names', async () => {
  await startGateways(homeGateway(['networks = ["10.2.0.0/24"]', 'networks = ["10.1.0.0/16"]']));
  const first = await up(profileFrom(terminalText));
  const protecting = () => terminal.thread.table.rows.filter(({ action }) => action === 'PROTECT');
  const before = protecting();
  const home = await up(homeTerminal(['["10.2.0.0/24"]', '"gateway"']));
  assert.equal(home.model.state, 'failed');
  assert.deepEqual(home.model.why, { code: 'networks-overlap', other: 'office', prefixes: ['10.1.0.0/24'] });
  assert.equal(home.ikeConnection, undefined);
  assert.equal(first.model.state, 'connected');
  assert.deepEqual(protecting(), before);
  assert.deepEqual(
    [...terminal.thread.outbound.values()].map(({ parameters }) => parameters.association),
    [first.association],
  );
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
});

test('the same virtual address from two gateways: the later one is closed again', async () => {
  await startGateways(homeGateway(['10.98.0.0/24', '10.99.0.0/24']));
  const first = await up(profileFrom(terminalText));
  const home = await up();
  assert.deepEqual(home.model.why, { code: 'address-taken', other: 'office', address: '10.99.0.1' });
  assert.equal(home.model.state, 'failed');
  assert.equal(first.model.state, 'connected');
  assert.deepEqual(terminal.host.tunnel?.addresses, ['10.99.0.1/32']);
});

test('killed and started again: both are shut from the first change on, and come back', async () => {
  await both();
  const { host } = terminal;
  const again = office.restart(terminal);
  const calls = host.calls.length;
  for (const { profile, owner } of again.wanted.all) {
    again.connections.up(profile === 'office' ? profileFrom(terminalText) : homeTerminal(), owner, true);
  }
  await office.clock.advance(300);
  for (const call of host.calls.slice(calls)) {
    assert.notEqual(call.name, 'removeFailClosed');
    if (call.name !== 'applyFailClosed') continue;
    assert.deepEqual(call.configuration.protectedPrefixes, ['10.1.0.0/24', '10.2.0.0/24']);
  }
  assert.deepEqual(
    again.connections.connections.map(({ model }) => model.state),
    ['connected', 'connected'],
  );
});

test('another way to one gateway: only its connection is made anew', async () => {
  const [first, other] = await both();
  const since = first.model.sinceMilliseconds;
  terminal.host.routeTo = async (address: string) => ({
    interfaceName: address === '192.0.2.20' ? 'wlan0' : 'eth0',
    source: '192.0.2.10',
    mtu: 1400,
  });
  await terminal.connections.networkChanged();
  assert.equal(first.model.state, 'connected');
  assert.equal(other.model.state, 'reconnecting');
  await office.clock.advance(300);
  assert.equal(other.model.state, 'connected');
  assert.equal(first.model.sinceMilliseconds, since);
  assert.deepEqual(
    terminal.thread.bypassLinks.map(({ interfaceName }) => interfaceName),
    ['eth0', 'wlan0'],
  );
});

test('a client beside our own gateway, which must be up first', async () => {
  await startGateways();
  const own = named(
    'own',
    gatewayText,
    ['10.99.0.0/24', '10.97.0.0/24'],
    ['["10.1.0.0/24"]', '["192.0.2.0/24"]'],
  );
  await up();
  assert.throws(() => terminal.connections.up(own, 0, true), {
    failure: { code: 'gateway-first', profile: 'own', other: 'home' },
  });
  await terminal.connections.down('home');
  const gateway = terminal.connections.up(own, 0, true) as Gateway;
  await office.clock.advance(10);
  assert.equal(gateway.state, 'connected');
  assert.equal((await up()).model.state, 'connected');
  const guest = office.addTerminal(30);
  const guestProfile = named(
    'guest',
    terminalText,
    ['10.1.0.0/24', '192.0.2.0/24'],
    ['address = "192.0.2.1"', 'address = "192.0.2.10"'],
  );
  const visitor = guest.connections.up(guestProfile, 0, false) as Connection;
  await office.clock.advance(200);
  assert.equal(visitor.model.state, 'connected', JSON.stringify(visitor.model));
  assert.deepEqual(sourcesNow(), [
    ['10.97.0.1/32', '192.0.2.10'],
    ['10.2.0.0/24', '10.98.0.1'],
  ]);
  assert.equal(terminal.host.failClosed?.answersAnyone, true);
});

test('seventeen are too many', async () => {
  const many = (index: number) => named(`n${index}`, terminalText, ['10.1.0.0/24', `10.1.${index}.0/24`]);
  for (let index = 0; index < 16; index += 1) terminal.connections.up(many(index), 0, true);
  assert.throws(() => terminal.connections.up(many(16), 0, true), {
    failure: { code: 'too-much', limit: { code: 'limit-profiles', count: 16 } },
  });
});
