// What happens while something else is under way: nothing of it may steer what comes later.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ControlError } from '../../../main/control/failure.ts';
import type { IpAddress } from '../../../main/engine/packet/address.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { checkComputer, repairComputer } from '../../../main/service/methods/doctor.ts';
import { connectionStatus } from '../../../main/service/methods/status.ts';
import {
  connect,
  gatewayAddress,
  type Office,
  openOffice,
  profileFrom,
  settle,
  startGateway,
  terminalText,
} from './office.ts';

const named = () => profileFrom(terminalText, ['address = "192.0.2.1"', 'address = "vpn.office.test"']);

let office: Office;
beforeEach(() => {
  office = openOffice();
});
afterEach(() => office.close());

test('down while the name is being looked up: the answer shuts nothing again', async () => {
  const { terminal, clock } = office;
  const answer = Promise.withResolvers<readonly IpAddress[]>();
  terminal.resolve = () => answer.promise;
  terminal.connections.up(named(), 0, true);
  await clock.advance(10);
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24'], 'shut from up on');
  await terminal.connections.down('office');
  answer.resolve([parseAddress(gatewayAddress)!]);
  await clock.advance(60_000);
  assert.equal(terminal.host.failClosed, undefined);
  assert.equal(terminal.tunnel.session, undefined);
  assert.equal(terminal.connections.connections.length, 0);
  assert.equal(clock.pending, 0);
});

test('up right after down: a new connection, on a computer that was put back in between', async () => {
  await startGateway(office);
  await connect(office);
  const { terminal, clock } = office;
  const down = terminal.connections.down('office');
  const again = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await down;
  await clock.advance(300);
  assert.equal(again.model.state, 'connected');
  assert.deepEqual(terminal.connections.connections, [again]);
  assert.deepEqual(
    terminal.wanted.all.map(({ profile }) => profile),
    ['office'],
  );
  const names = terminal.host.calls.map(({ name }) => name);
  assert.ok(names.lastIndexOf('removeFailClosed') < names.lastIndexOf('applyFailClosed'));
  assert.deepEqual(terminal.host.tunnel?.routedPrefixes, ['10.1.0.0/24']);
  assert.equal(terminal.thread.bypassLinks.length, 1);
});

test('another link: released and agreed anew at once, without a pause', async () => {
  await startGateway(office);
  const connection = await connect(office);
  const { terminal, clock } = office;
  terminal.host.route = { interfaceName: 'wlan0', source: '192.0.2.10', mtu: 1400 };
  const shutBefore = terminal.host.calls.length;
  await terminal.connections.networkChanged();
  await clock.advance(200);
  assert.equal(connection.model.state, 'connected');
  assert.ok(connection.model.sinceMilliseconds > 1000);
  assert.equal(connection.model.attempts, 0);
  assert.equal(terminal.thread.bypassLinks[0]?.interfaceName, 'wlan0');
  const since = terminal.host.calls.slice(shutBefore);
  for (const call of since) {
    assert.ok(call.name !== 'removeFailClosed');
    if (call.name === 'applyFailClosed') {
      assert.deepEqual(call.configuration.protectedPrefixes, ['10.1.0.0/24']);
    }
  }
});

test('no network, and then one: tried again when it comes, not when the pause is over', async () => {
  await startGateway(office);
  const connection = await connect(office);
  const { terminal, clock } = office;
  const { route } = terminal.host;
  terminal.host.route = undefined;
  await terminal.connections.networkChanged();
  await clock.advance(20_000);
  assert.deepEqual(connection.model.why, { code: 'no-network' });
  assert.ok(connection.model.retryAtMilliseconds! - clock.now > 1000);
  terminal.host.route = route;
  await terminal.connections.networkChanged();
  await clock.advance(200);
  assert.equal(connection.model.state, 'connected');
});

test('a change of network while the computer is being set: what is set is not taken for connected', async () => {
  await startGateway(office);
  const { terminal, clock } = office;
  const slow = Promise.withResolvers<void>();
  const { host } = terminal;
  const apply = host.applyTunnel.bind(host);
  host.applyTunnel = async (configuration) => {
    await slow.promise;
    return apply(configuration);
  };
  const connection = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await clock.advance(100);
  assert.equal(phaseOf(connection), 'configuring');
  host.route = { interfaceName: 'wlan0', source: '192.0.2.10', mtu: 1400 };
  connection.networkChanged();
  slow.resolve();
  await settle();
  assert.notEqual(phaseOf(connection), 'running');
  await clock.advance(300);
  assert.equal(connection.model.state, 'connected');
  assert.equal(terminal.thread.bypassLinks[0]?.interfaceName, 'wlan0');
  assert.equal(office.gateway.connections.gateways[0]?.peers.length, 1);
});

test('the gateway hangs up while the computer is being set: agreed anew', async () => {
  await startGateway(office);
  const { terminal, gateway, clock } = office;
  const slow = Promise.withResolvers<void>();
  const apply = terminal.host.applyTunnel.bind(terminal.host);
  terminal.host.applyTunnel = async (configuration) => {
    await slow.promise;
    return apply(configuration);
  };
  const connection = terminal.connections.up(profileFrom(terminalText), 0, true) as Connection;
  await clock.advance(100);
  const [peer] = gateway.connections.gateways[0]!.peers;
  gateway.tunnel.session!.agreement.disconnect(peer!.connection, true);
  await clock.advance(10);
  slow.resolve();
  await settle();
  assert.equal(connection.model.phase, 'backing-off');
  await clock.advance(2000);
  assert.equal(connection.model.state, 'connected');
  assert.equal(terminal.thread.outbound.size, 1);
});

test('the adapter dies: a new one is opened and set like the first, and nothing was open meanwhile', async () => {
  await startGateway(office);
  const connection = await connect(office);
  const { terminal, clock } = office;
  const first = terminal.thread;
  const before = terminal.host.calls.length;
  first.die();
  await clock.advance(500);
  assert.equal(connection.model.state, 'connected');
  assert.notEqual(terminal.thread, first);
  const names = terminal.host.calls.slice(before).map(({ name }) => name);
  assert.ok(names.includes('applyTunnel'), 'the new adapter has neither addresses nor routes of the old one');
  assert.ok(!names.includes('removeFailClosed'));
  assert.equal(terminal.thread.bypassLinks.length, 1);
  await terminal.connections.down('office');
  assert.equal(terminal.secrets.liveCount, 0, 'the keys of both are wiped');
});

test('the adapter cannot be opened: shut all the same, and told', async () => {
  const { terminal, clock } = office;
  terminal.openFailure = new Error('/dev/net/tun: no such device');
  const connection = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await clock.advance(100);
  assert.deepEqual(connection.model.why, {
    code: 'adapter-failed',
    detail: '/dev/net/tun: no such device',
  });
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24']);
  assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'blocked');
});

test('what is protected cannot be shut: told, and not claimed', async () => {
  const { terminal, clock } = office;
  terminal.host.failures.set('applyFailClosed', new Error('nft: not permitted'));
  const connection = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await clock.advance(100);
  assert.deepEqual(connection.model.why, { code: 'network-failed', detail: 'nft: not permitted' });
  assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'clear');
});

test('routes that cannot be set: the agreement is ended, what is protected stays shut, and retry makes it good', async () => {
  await startGateway(office);
  const { terminal, gateway, clock } = office;
  terminal.host.failures.set('applyTunnel', new Error('ip: file exists'));
  const connection = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await clock.advance(200);
  assert.deepEqual(connection.model.why, { code: 'network-failed', detail: 'ip: file exists' });
  assert.equal(connection.model.state, 'failed');
  assert.equal(gateway.connections.gateways[0]?.peers.length, 0);
  assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'blocked');
  terminal.connections.retry('office');
  await clock.advance(200);
  assert.equal(connection.model.state, 'connected');
});

for (const step of ['removeDns', 'removeTunnel', 'removeFailClosed'] as const) {
  test(`down fails at ${step}: said, and down again takes back the rest`, async () => {
    await startGateway(office);
    const connection = await connect(office);
    const { terminal } = office;
    terminal.host.failures.set(step, new Error('busy'));
    await assert.rejects(terminal.connections.down('office'), (error) => {
      assert.ok(error instanceof ControlError);
      assert.deepEqual(error.failure, {
        code: 'connection-failed',
        profile: 'office',
        failure: { code: 'network-failed', detail: 'busy' },
      });
      return true;
    });
    assert.equal(connection.model.state, 'failed');
    const { protectedTraffic } = connectionStatus(connection, terminal.tunnel);
    assert.equal(protectedTraffic, step === 'removeFailClosed' ? 'blocked' : 'clear');
    assert.equal(terminal.tunnel.session, undefined, 'the other steps were done');
    assert.deepEqual(terminal.wanted.all, [], 'after a crash it would be taken back, not brought up');
    await terminal.connections.down('office');
    assert.equal(terminal.host.failClosed, undefined);
    assert.equal(terminal.host.dns, undefined);
    assert.equal(terminal.host.tunnel, undefined);
    assert.equal(terminal.connections.connections.length, 0);
  });
}

test('after a down that failed, up and repair work too', async () => {
  await startGateway(office);
  await connect(office);
  const { terminal, clock } = office;
  terminal.host.failures.set('removeDns', new Error('busy'));
  await assert.rejects(terminal.connections.down('office'));
  const again = terminal.connections.up(profileFrom(terminalText), 0, false) as Connection;
  await clock.advance(200);
  assert.equal(again.model.state, 'connected');
  assert.deepEqual(terminal.host.dns?.servers, ['10.1.0.53']);
  terminal.host.failures.set('removeDns', new Error('busy'));
  await assert.rejects(terminal.connections.down('office'));
  terminal.host.findings = [
    { code: 'a', severity: 'good', message: { code: 'nothing-left' }, repairable: false },
    { code: 'b', severity: 'problem', message: { code: 'lockdown-left' }, repairable: true },
  ];
  const { findings } = await repairComputer(terminal.host, terminal.tunnel, terminal.connections);
  assert.deepEqual(
    findings.map(({ severity }) => severity),
    ['problem', 'good'],
  );
  assert.equal(terminal.host.dns, undefined);
  assert.equal(terminal.connections.connections.length, 0);
  assert.equal((await checkComputer(terminal.host, terminal.tunnel)).length, 2);
});

test('repair leaves alone what a connection uses', async () => {
  await startGateway(office);
  await connect(office);
  const { terminal } = office;
  assert.deepEqual((await repairComputer(terminal.host, terminal.tunnel, terminal.connections)).repaired, []);
  assert.ok(!terminal.host.calls.some(({ name }) => name === 'undo'));
});

test('the service stops: the gateway is told, and nothing begins anew behind its back', async () => {
  await startGateway(office);
  await connect(office);
  const { terminal, gateway, clock } = office;
  terminal.connections.abandon();
  await terminal.tunnel.abandon();
  await clock.advance(60_000);
  assert.equal(terminal.threads.length, 1);
  assert.equal(terminal.tunnel.session, undefined);
  assert.equal(terminal.host.tunnel, undefined);
  assert.deepEqual(terminal.host.failClosed?.protectedPrefixes, ['10.1.0.0/24'], 'what is shut stays shut');
  assert.equal(gateway.connections.gateways[0]?.peers.length, 0);
  assert.equal(terminal.secrets.liveCount, 0);
  assert.equal(terminal.wanted.all.length, 1);
});

test('up again after a failure takes the profile as it is now', async () => {
  await startGateway(office);
  const { terminal, clock } = office;
  const first = terminal.connections.up(profileFrom(terminalText, ['"office"', '"wrong"']), 0, false);
  await clock.advance(1000);
  assert.deepEqual((first as Connection).model.why?.code, 'authentication-failed');
  const shut = terminal.host.calls.length;
  const second = terminal.connections.up(profileFrom(terminalText), 0, false);
  await clock.advance(1000);
  assert.equal((second as Connection).model.state, 'connected');
  assert.ok(!terminal.host.calls.slice(shut).some(({ name }) => name === 'removeFailClosed'));
  assert.deepEqual(terminal.connections.connections, [second]);
});

test('who protects the same is refused by name, and not while the first is going', async () => {
  await startGateway(office);
  await connect(office);
  const { terminal, clock } = office;
  const other = { ...profileFrom(terminalText), name: 'other' };
  assert.throws(() => terminal.connections.up(other, 0, false), {
    failure: { code: 'networks-overlap', profile: 'other', other: 'office', prefixes: ['10.1.0.0/24'] },
  });
  const down = terminal.connections.down('office');
  const connection = terminal.connections.up(other, 0, false) as Connection;
  await down;
  await clock.advance(200);
  assert.equal(connection.model.state, 'connected');
});

/** Read anew: what was asserted before says nothing of it. */
function phaseOf({ model }: Connection): string {
  return model.phase;
}
