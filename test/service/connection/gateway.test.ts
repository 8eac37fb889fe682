import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { formatAddress } from '../../../main/engine/packet/address.ts';
import type { TrafficSelector } from '../../../main/engine/policy/selector.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import type { Gateway } from '../../../main/service/connection/gateway.ts';
import { gatewayStatus } from '../../../main/service/methods/status.ts';
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

const other = profileFrom(terminalText, ['laptop@', 'other@']);
const text = ({ addresses }: TrafficSelector) =>
  `${formatAddress(addresses.first)}-${formatAddress(addresses.last)}`;
const addressOf = (connection: Connection) => connection.details?.virtualAddresses.map(formatAddress).join();

test('many terminals: each has an address, an association and a row of its own', async () => {
  const gateway = await startGateway(office);
  const services = [office.terminal, office.addTerminal(11), office.addTerminal(12)];
  const connections = [];
  for (const [index, service] of services.entries()) {
    connections.push(
      await connect(office, profileFrom(terminalText, ['laptop@', `laptop-${index}@`]), service),
    );
  }
  assert.deepEqual(connections.map(addressOf), ['10.99.0.1', '10.99.0.2', '10.99.0.3']);
  assert.equal(gateway.peers.length, 3);
  assert.equal(new Set(gateway.peers.map(({ association }) => association)).size, 3);
  const { table, peers } = office.gateway.thread;
  assert.equal(table.rows.filter(({ action }) => action === 'PROTECT').length, 3);
  assert.equal(peers.size, 3);
  assert.equal(gatewayStatus(gateway, office.gateway.tunnel, []).details?.peers, 3);
  await services[1]!.connections.down('office');
  await office.clock.advance(100);
  assert.equal(gateway.peers.length, 2);
  assert.equal(office.gateway.thread.table.rows.filter(({ action }) => action === 'PROTECT').length, 2);
  const fourth = await connect(office, other, office.addTerminal(13));
  assert.equal(addressOf(fourth), '10.99.0.2', 'what was given back is given again');
});

test('a terminal that comes back while its former life lasts keeps its address to itself', async () => {
  const gateway = await startGateway(office);
  const first = await connect(office);
  // The former service is gone without a word.
  const reborn = office.restart(office.terminal);
  const second = await connect(office, profileFrom(terminalText), reborn);
  assert.equal(addressOf(second), addressOf(first));
  assert.equal(gateway.peers.length, 1, 'INITIAL_CONTACT ends the former one');
  const third = await connect(office, other, office.addTerminal(11));
  assert.notEqual(addressOf(third), addressOf(second));
});

test('the row of a new terminal is in force before it has our answer', async () => {
  await startGateway(office);
  const { gateway, wire } = office;
  const { thread } = gateway;
  const send = wire.send.bind(wire);
  let rowsAtLastAnswer = 0;
  wire.send = (bytes, from, to) => {
    if (thread.outbound.size > 0)
      rowsAtLastAnswer ||= thread.table.rows.filter((row) => row.action === 'PROTECT').length;
    send(bytes, from, to);
  };
  await connect(office);
  assert.equal(rowsAtLastAnswer, 1);
});

test('a terminal speaks for the address that it was given, whatever it claims', async () => {
  await startGateway(office);
  await connect(office);
  const [sa] = [...office.gateway.thread.inbound.values()];
  assert.deepEqual(sa?.parameters.remoteSelectors.map(text), ['10.99.0.1-10.99.0.1']);
});

test('without a pool, or without asking, it speaks for its own address', async () => {
  for (const pool of ['', 'pool4 = "192.0.2.0/24"']) {
    const again = openOffice();
    await startGateway(again, profileFrom(gatewayText, ['pool4 = "10.99.0.0/24"', pool]));
    await connect(again, profileFrom(terminalText, ['networks', 'virtual_address = false\nnetworks']));
    const [sa] = [...again.gateway.thread.inbound.values()];
    assert.deepEqual(sa?.parameters.remoteSelectors.map(text), ['192.0.2.10-192.0.2.10']);
    again.close();
  }
});

test('whoever does not prove itself leaves nothing behind', async () => {
  const gateway = await startGateway(office);
  const profile = profileFrom(terminalText, ['"office"', '"wrong"']);
  const before = office.gateway.secrets.liveCount;
  for (let lastByte = 20; lastByte < 25; lastByte += 1) {
    office.addTerminal(lastByte).connections.up(profile, 0, false);
    await office.clock.advance(500);
  }
  await office.clock.advance(60_000);
  assert.equal(gateway.peers.length, 0);
  assert.equal(office.gateway.secrets.liveCount, before);
  const { session } = office.gateway.tunnel;
  assert.equal(session?.keys.installed().length, 0);
  assert.equal(session?.agreement.partyCount, 0);
  await connect(office);
  assert.equal(gateway.peers.length, 1);
});

test('the adapter dies: opened anew after a pause, and terminals come back', async () => {
  const gateway = await startGateway(office);
  const connection = await connect(office);
  office.gateway.openFailure = new Error('no such device');
  office.gateway.thread.die();
  assert.equal(gateway.state, 'failed');
  await office.clock.advance(1100);
  assert.equal(gateway.state, 'failed');
  await office.clock.advance(2100);
  assert.equal(gateway.state, 'connected');
  assert.equal(gateway.peers.length, 0);
  office.terminal.tunnel.session!.agreement.disconnect(connection.ikeConnection!, true);
  await office.clock.advance(5000);
  assert.equal(gateway.peers.length, 1);
  await office.gateway.connections.down('office');
  assert.equal(office.gateway.secrets.liveCount, 0);
});

test('ports that cannot be bound: failed, and up again works', async () => {
  office.gateway.openFailure = new Error('port 500 is taken');
  const { connections } = office.gateway;
  const gateway = connections.up(profileFrom(gatewayText), 0, true);
  await office.clock.advance(10);
  assert.deepEqual(await connections.settled(gateway), {
    code: 'adapter-failed',
    detail: 'port 500 is taken',
  });
  const again = connections.up(profileFrom(gatewayText), 0, true);
  assert.equal(connections.up(profileFrom(gatewayText), 0, true), again, 'the one that is starting');
  assert.equal(await connections.settled(again), undefined);
  assert.deepEqual(connections.gateways, [again]);
});

test('down while terminals come: none of them opens anything again', async () => {
  const gateway = (await startGateway(office)) as Gateway;
  office.terminal.connections.up(profileFrom(terminalText), 0, false);
  await office.clock.advance(2);
  await office.gateway.connections.down('office');
  await office.clock.advance(60_000);
  assert.equal(gateway.state, 'disconnected');
  assert.equal(office.gateway.tunnel.session, undefined);
  assert.equal(office.gateway.host.tunnel, undefined);
  assert.equal(office.gateway.secrets.liveCount, 0);
  assert.deepEqual(office.gateway.connections.gateways, []);
});
