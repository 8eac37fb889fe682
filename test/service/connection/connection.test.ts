import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  formatAddress,
  formatPrefix,
  parsePrefix,
  prefixToRange,
} from '../../../main/engine/packet/address.ts';
import { AddressSet } from '../../../main/engine/packet/address-set.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { listAssociations } from '../../../main/service/methods/associations.ts';
import { connectionStatus } from '../../../main/service/methods/status.ts';
import {
  connect,
  gatewayText,
  type Office,
  openOffice,
  profileFrom,
  startGateway,
  terminalText,
} from './office.ts';

let office: Office;
beforeEach(() => {
  office = openOffice();
});
afterEach(() => office.close());

test('from up to down: shut, agreed, routed, and everything taken back', async () => {
  await startGateway(office);
  const { terminal, clock } = office;
  const connection = await connect(office);
  const { host, thread } = terminal;
  const names = host.calls.map(({ name }) => name);
  assert.ok(
    names.indexOf('applyFailClosed') < names.indexOf('applyTunnel'),
    'shut before anything is routed',
  );
  assert.deepEqual(host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(host.tunnel?.addresses, ['10.99.0.1/32']);
  assert.deepEqual(host.tunnel?.routedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(host.dns?.servers, ['10.1.0.53']);
  assert.equal(thread.mtu, host.tunnel?.mtu);
  assert.equal(thread.bypassLinks[0]?.interfaceName, 'eth0');
  const far = office.gateway.thread;
  for (const [spi, { key }] of thread.outbound) assert.equal(far.inbound.get(spi)?.key, key);
  for (const [spi, { key }] of thread.inbound) assert.equal(far.outbound.get(spi)?.key, key);
  assert.equal(thread.outbound.size, 1);
  const status = connectionStatus(connection, terminal.tunnel);
  assert.equal(status.protectedTraffic, 'sealed');
  assert.equal(office.gateway.connections.gateways[0]?.peers.length, 1);

  await terminal.connections.down('office');
  await clock.advance(100);
  assert.equal(host.failClosed, undefined);
  assert.equal(host.tunnel, undefined);
  assert.equal(host.dns, undefined);
  assert.equal(terminal.tunnel.session, undefined);
  assert.equal(terminal.secrets.liveCount, 0, 'keys of IKE are wiped too');
  assert.equal(office.gateway.connections.gateways[0]?.peers.length, 0, 'the gateway was told');
  await office.gateway.connections.down('office');
  assert.equal(office.gateway.secrets.liveCount, 0);
  await clock.advance(1);
  assert.equal(clock.pending, 0, 'no timer is left');
});

for (const seed of [1, 2, 3, 4]) {
  test(`a quarter of the datagrams lost (seed ${seed}): connected all the same, and rekeyed`, async () => {
    const lossy = openOffice(seed);
    lossy.wire.loss = 0.25;
    const gateway = lossy.gateway.connections.up(profileFrom(gatewayText), 0, true);
    await lossy.clock.advance(10);
    const connection = lossy.terminal.connections.up(profileFrom(terminalText), 0, true);
    await lossy.clock.advance(30_000);
    assert.equal('model' in connection && connection.model.state, 'connected');
    const before = [...lossy.terminal.thread.outbound.keys()];
    const { session } = lossy.terminal.tunnel;
    const ike = session!.agreement.snapshot()[0]!;
    session!.agreement.rekeyChild(ike.connection, ike.children[0]!.association, ike.children[0]!.inboundSpi);
    session!.agreement.rekeyIke(ike.connection);
    await lossy.clock.advance(30_000);
    const after = [...lossy.terminal.thread.outbound.keys()];
    assert.equal(after.length, 1);
    assert.notDeepEqual(after, before);
    assert.equal(lossy.gateway.thread.inbound.has(after[0]!), true);
    assert.equal('peers' in gateway && gateway.peers.length, 1);
    await lossy.terminal.connections.down('office');
    await lossy.gateway.connections.down('office');
    assert.equal(lossy.terminal.secrets.liveCount, 0);
    assert.equal(lossy.gateway.secrets.liveCount, 0);
    lossy.close();
  });
}

test('a child that is deleted is agreed anew when a packet asks for it', async () => {
  await startGateway(office);
  const connection = await connect(office);
  const { terminal, clock } = office;
  const ike = connection.ikeConnection!;
  const [spi] = terminal.thread.outbound.keys();
  terminal.tunnel.session!.agreement.deleteChild(ike, connection.association, spi!);
  await clock.advance(100);
  assert.equal(terminal.thread.outbound.size, 0);
  assert.equal(connection.model.state, 'connected');
  terminal.thread.needAgreement(connection.association);
  await clock.advance(100);
  assert.equal(terminal.thread.outbound.size, 1);
  const { ike: sas, children } = listAssociations(terminal.connections, terminal.tunnel);
  assert.equal(sas.length, 1);
  assert.deepEqual(
    children.map(({ direction, profile }) => [direction, profile]),
    [
      ['inbound', 'office'],
      ['outbound', 'office'],
    ],
  );
});

test('on demand, the first packet makes the connection', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['networks', 'start = "on-demand"\nnetworks']);
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profile, 0, false);
  assert.equal(await Promise.race([terminal.connections.settled(connection), clock.advance(100)]), undefined);
  assert.ok('model' in connection);
  assert.equal(connection.model.phase, 'waiting-for-traffic');
  assert.deepEqual(terminal.host.tunnel?.routedPrefixes, ['10.1.0.0/24'], 'packets come to us');
  terminal.thread.needAgreement(connection.association);
  await clock.advance(100);
  assert.equal(connection.model.state, 'connected');
});

test('the packet that waits leaves with the address just assigned, also with another one after a reconnect', async () => {
  const gateway = await startGateway(office);
  const profile = profileFrom(terminalText, ['networks', 'start = "on-demand"\nnetworks']);
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profile, 0, false) as Connection;
  await clock.advance(100);
  const { thread } = terminal;
  const atInstallation: (string | undefined)[] = [];
  const install = thread.installOutbound.bind(thread);
  thread.installOutbound = (parameters) => {
    const source = thread.translation.virtual?.find(
      ({ association }) => association === parameters.association,
    );
    atInstallation.push(source && formatAddress(source.address));
    install(parameters);
  };
  thread.needAgreement(connection.association);
  await clock.advance(100);
  assert.deepEqual(atInstallation, ['10.99.0.1']);

  terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await clock.advance(1);
  gateway.assign('somebody who was quicker', true, false);
  await clock.advance(10_000);
  assert.equal(connection.model.state, 'connected');
  const [second] = connection.details!.virtualAddresses;
  assert.deepEqual(atInstallation, ['10.99.0.1', formatAddress(second!)]);
  assert.notEqual(atInstallation[1], atInstallation[0]);
});

test('on demand, a gateway that is silent is asked again by the next packet', async () => {
  office.wire.cut = true;
  const profile = profileFrom(terminalText, ['networks', 'start = "on-demand"\nnetworks']);
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profile, 0, false);
  await clock.advance(100);
  assert.ok('model' in connection);
  terminal.thread.needAgreement(connection.association);
  await clock.advance(11_000);
  assert.equal(connection.model.state, 'failed');
  assert.equal(terminal.thread.failedAgreements.length, 1, 'the waiting packets are answered');
  office.wire.cut = false;
  await startGateway(office);
  terminal.thread.needAgreement(connection.association);
  await clock.advance(200);
  assert.equal(connection.model.state, 'connected');
});

test('on demand with when_down = "bypass": what asked in vain goes its own way, and asks again after a while', async () => {
  office.wire.cut = true;
  const profile = profileFrom(
    terminalText,
    ['networks', 'start = "on-demand"\nnetworks'],
    ['[gateway]', 'when_down = "bypass"\n[gateway]'],
  );
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profile, 0, false) as Connection;
  await clock.advance(100);
  assert.deepEqual(tunnelOf(office)?.routedPrefixes, ['10.1.0.0/24']);
  terminal.thread.needAgreement(connection.association);
  await clock.advance(10_200);
  assert.equal(connection.model.phase, 'backing-off');
  assert.equal(tunnelOf(office), undefined);
  assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'clear');
  office.wire.cut = false;
  await startGateway(office);
  await clock.advance(30_000);
  assert.equal(connection.model.phase, 'waiting-for-traffic');
  assert.deepEqual(tunnelOf(office)?.routedPrefixes, ['10.1.0.0/24']);
  terminal.thread.needAgreement(connection.association);
  await clock.advance(100);
  assert.equal(connection.model.state, 'connected');
  office.wire.cut = true;
  terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await clock.advance(12_000);
  assert.equal(connection.model.state, 'reconnecting');
  assert.equal(tunnelOf(office), undefined);
  await clock.advance(5000);
  assert.equal(tunnelOf(office), undefined, 'also while it tries again by itself');
});

test('on demand with when_down = "bypass": a refusal ends it, in the clear', async () => {
  await startGateway(office);
  const profile = profileFrom(
    terminalText,
    ['networks', 'start = "on-demand"\nnetworks'],
    ['[gateway]', 'when_down = "bypass"\n[gateway]'],
    ['secret = "office"', 'secret = "wrong"'],
  );
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profile, 0, false) as Connection;
  await clock.advance(100);
  terminal.thread.needAgreement(connection.association);
  await clock.advance(1000);
  assert.equal(connection.model.phase, 'stopped');
  assert.equal(tunnelOf(office), undefined);
});

test('everything: the local network passes, the rest is shut; what the gateway does not carry is discarded', async () => {
  await startGateway(
    office,
    profileFrom(gatewayText, ['networks = ["10.1.0.0/24"]', 'networks = ["0.0.0.0/0"]']),
  );
  const profile = profileFrom(terminalText, ['["10.1.0.0/24"]', '"everything"']);
  const connection = await connect(office, profile);
  const { host, thread } = office.terminal;
  const shut = new AddressSet(
    host.failClosed!.protectedPrefixes.map((text) => prefixToRange(parsePrefix(text)!)),
  );
  const has = (prefix: string) =>
    !shut.intersect(new AddressSet([prefixToRange(parsePrefix(prefix)!)])).isEmpty;
  assert.deepEqual(['0.0.0.0/8', '8.8.8.8/32', '2001:db8::/32', '240.0.0.0/4'].map(has), [
    true,
    true,
    true,
    true,
  ]);
  assert.equal(has('169.254.1.0/24'), false, 'what never leaves the link');
  assert.equal(host.failClosed?.allowLocalNetwork, true);
  const rows = new Map(thread.table.rows.map((row) => [row.id, row]));
  assert.equal(rows.get('office-uncarried')?.action, 'DISCARD');
  assert.equal(rows.get('office-uncarried')?.remote[0]?.first.family, 6);
  const { details } = connectionStatus(connection, office.terminal.tunnel);
  const sealed = details?.protectedPrefixes ?? [];
  assert.ok(sealed.includes('0.0.0.0/1'), sealed.join());
  assert.ok(!sealed.some((prefix) => prefix.includes(':')), 'the gateway carries no IPv6');
  assert.ok(details?.uncarriedPrefixes?.includes('::/0'), details?.uncarriedPrefixes?.join());
});

test('everything, and the gateway carries one network: only that is sealed', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['["10.1.0.0/24"]', '"everything"']);
  const connection = await connect(office, profile);
  const { details } = connectionStatus(connection, office.terminal.tunnel);
  assert.deepEqual(details?.protectedPrefixes, ['10.1.0.0/24']);
  assert.ok((details?.uncarriedPrefixes?.length ?? 0) > 0);
});

test('a gateway that carries IPv6 seals none of it from a computer that sends only from IPv4', async () => {
  await startGateway(
    office,
    profileFrom(gatewayText, ['networks = ["10.1.0.0/24"]', 'networks = ["10.1.0.0/24", "2001:db8::/32"]']),
  );
  const profile = profileFrom(
    terminalText,
    ['["10.1.0.0/24"]', '["10.1.0.0/24", "2001:db8::/32"]'],
    ['networks', 'virtual_address = false\nnetworks'],
  );
  const connection = await connect(office, profile);
  const { details } = connectionStatus(connection, office.terminal.tunnel);
  assert.deepEqual(details?.protectedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(details?.uncarriedPrefixes, ['2001:db8::/32']);
});

test('networks of the gateway: what it says is protected, and stays shut while it is away', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['["10.1.0.0/24"]', '"gateway"']);
  const connection = await connect(office, profile);
  const { host } = office.terminal;
  assert.deepEqual(host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  office.wire.cut = true;
  office.terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await office.clock.advance(30_000);
  assert.equal(connection.model.state, 'reconnecting');
  assert.deepEqual(host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  assert.equal(connectionStatus(connection, office.terminal.tunnel).protectedTraffic, 'blocked');
});

test('the name servers that a tunnel brought stay while it reconnects, and the old ones are asked for the gateway', async () => {
  await startGateway(office);
  const asked: unknown[] = [];
  const { terminal, clock, wire } = office;
  const profile = profileFrom(terminalText, ['address = "192.0.2.1"', 'address = "vpn.office.test"']);
  const { resolve } = terminal;
  terminal.resolve = (name) => {
    asked.push(terminal.tunnel.nameServers);
    return resolve(name);
  };
  const connection = await connect(office, profile);
  wire.cut = true;
  terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await clock.advance(1000);
  assert.deepEqual(terminal.host.dns?.servers, ['10.1.0.53']);
  assert.deepEqual(asked.at(-1), { servers: ['192.0.2.53'], replaced: true });
  assert.deepEqual(terminal.host.failClosed?.nameServers, ['192.0.2.53']);
});

test('when_down = "bypass": while reconnecting, what is protected goes its own way, and says so', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['[gateway]', 'when_down = "bypass"\n[gateway]']);
  const connection = await connect(office, profile);
  const { terminal, wire, clock } = office;
  assert.deepEqual(terminal.host.tunnel?.routedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, []);
  assert.deepEqual(terminal.host.failClosed?.tappedPrefixes, ['10.1.0.0/24']);
  wire.cut = true;
  terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await clock.advance(5000);
  assert.equal(connection.model.state, 'reconnecting');
  assert.equal(terminal.host.tunnel, undefined);
  assert.deepEqual(terminal.host.failClosed?.tappedPrefixes, [], 'answers reach the system');
  assert.deepEqual(terminal.thread.bypassLinks, [], 'and nobody else');
  assert.equal(terminal.host.dns, undefined, 'nobody asks a name server that cannot be reached');
  assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'clear');
  wire.cut = false;
  await clock.advance(60_000);
  assert.equal(connection.model.state, 'connected');
  assert.deepEqual(tunnelOf(office)?.routedPrefixes, ['10.1.0.0/24']);
  assert.deepEqual(tappedOf(office), ['10.1.0.0/24']);
  assert.equal(terminal.thread.bypassLinks.length, 1);
});

test('a rekeyed child with other networks is followed by the filter and by what is shut', async () => {
  await startGateway(office);
  const connection = await connect(office, profileFrom(terminalText, ['["10.1.0.0/24"]', '"gateway"']));
  const { terminal } = office;
  const [child] = [...terminal.thread.outbound.values()];
  const narrower = child!.parameters.remoteSelectors.map((selector) => ({
    ...selector,
    addresses: { first: selector.addresses.first, last: selector.addresses.first },
  }));
  const { localSelectors } = child!.parameters;
  connection.childInstalled({ localSelectors, remoteSelectors: narrower } as never, 'both');
  await office.clock.advance(10);
  const prefix = `${formatAddress(narrower[0]!.addresses.first)}/32`;
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, [prefix]);
  assert.deepEqual(terminal.tunnel.state.filter.protectedPrefixes.map(formatPrefix), [prefix]);
});

/** Read anew: what was asserted before says nothing of it. */
function tunnelOf({ terminal }: Office) {
  return terminal.host.tunnel;
}

function tappedOf({ terminal }: Office) {
  return terminal.host.failClosed?.tappedPrefixes;
}
