import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { connectionStatus } from '../../../main/service/methods/status.ts';
import { connect, type Office, openOffice, profileFrom, startGateway, terminalText } from './office.ts';

let office: Office;
beforeEach(async () => {
  office = openOffice();
  await startGateway(office);
});
afterEach(() => office.close());

const hour = 3_600_000;

/** The terminal alone sleeps: nothing of its rings meanwhile, and the gateway hears nothing from it. */
async function sleep(milliseconds: number): Promise<void> {
  await office.clock.oversleep(milliseconds);
  office.terminal.connections.wokeUp(milliseconds);
}

function statusOf(connection: Connection) {
  return connectionStatus(connection, office.terminal.tunnel);
}

test('awake again with a gateway that knows us: still connected, by one exchange', async () => {
  const connection = await connect(office);
  const { sent } = office.wire;
  await sleep(20_000);
  await office.clock.advance(10);
  assert.equal(connection.model.state, 'connected');
  assert.equal(office.wire.sent - sent, 2, 'a question and its answer');
});

test('awake after an hour with a gateway that forgot us: connected anew within seconds', async () => {
  const connection = await connect(office);
  const before = [...office.terminal.thread.outbound.keys()];
  office.wire.cut = true;
  const forgetting = office.gateway.connections.down('office');
  await office.clock.advance(10_000);
  await forgetting;
  await startGateway(office);
  await sleep(hour);
  office.wire.cut = false;
  await office.clock.advance(5000);
  assert.equal(connection.model.state, 'connected');
  const now = [...office.terminal.thread.outbound.keys()];
  assert.ok(now.length === 1 && !before.includes(now[0]!), 'under new keys');
  assert.ok(office.terminal.log.includes('office: reconnecting (woke-up)'), office.terminal.log.join('\n'));
});

test('awake where nobody answers: reconnecting within seconds, because the computer slept', async () => {
  const connection = await connect(office);
  office.wire.cut = true;
  await sleep(hour);
  await office.clock.advance(4000);
  const { state, failure } = statusOf(connection);
  assert.equal(state, 'reconnecting');
  assert.deepEqual(failure, { code: 'woke-up', sleptSeconds: 3600 });
});

test('a gateway that answered after the sleep and dies later is not gone because of the sleep', async () => {
  const soon = '[ike]\ndead_peer_detection_seconds = 2\ngive_up_seconds = 2\n';
  const connection = await connect(office, profileFrom(`${terminalText}\n${soon}`));
  await sleep(20_000);
  await office.clock.advance(1500);
  office.wire.cut = true;
  await office.clock.advance(6000);
  const { state, failure } = statusOf(connection);
  assert.equal(state, 'reconnecting');
  assert.deepEqual(failure, { code: 'dead-peer' });
});

test('awake in the middle of an attempt, it begins anew at once', async () => {
  const connection = await connect(office);
  office.wire.cut = true;
  await office.clock.advance(10 * 60_000);
  assert.equal(connection.model.state, 'reconnecting');
  office.wire.cut = false;
  await sleep(hour);
  await office.clock.advance(500);
  assert.equal(connection.model.state, 'connected');
});

test('a rekeying that the sleep interrupted does not keep the truth back', async () => {
  const connection = await connect(office);
  const { session } = office.terminal.tunnel;
  office.wire.cut = true;
  session!.agreement.rekeyIke(connection.ikeConnection!);
  await sleep(hour);
  await office.clock.advance(4000);
  assert.equal(connection.model.state, 'reconnecting');
});

test('something changed around the connection and the peer is gone: known within seconds', async () => {
  const connection = await connect(office);
  office.wire.cut = true;
  await office.terminal.connections.networkChanged();
  await office.clock.advance(4000);
  assert.equal(connection.model.state, 'reconnecting');
  assert.equal(statusOf(connection).failure?.code, 'network-changed');
});

test('links that come and go all the time do not make it ask all the time', async () => {
  const connection = await connect(office);
  const { sent } = office.wire;
  for (let change = 0; change < 50; change += 1) {
    await office.terminal.connections.networkChanged();
    await office.clock.advance(200);
  }
  assert.equal(connection.model.state, 'connected');
  assert.ok(office.wire.sent - sent <= 12, `${office.wire.sent - sent} datagrams in ten seconds`);
});

test('the round trip is measured when somebody looks, at most once in ten seconds', async () => {
  const connection = await connect(office);
  await office.clock.advance(20_000);
  const { sent } = office.wire;
  for (let second = 0; second < 20; second += 1) {
    office.terminal.connections.measure('office');
    await office.clock.advance(1000);
  }
  assert.equal(office.wire.sent - sent, 4);
  const { details } = statusOf(connection);
  assert.equal(details?.roundTripMilliseconds, 2);
  assert.ok(details?.roundTripAt !== undefined);
});

test('an answer to a request that was sent twice measures nothing', async () => {
  const connection = await connect(office);
  office.wire.cut = true;
  office.terminal.connections.measure('office');
  await office.clock.advance(100);
  office.wire.cut = false;
  await office.clock.advance(2000);
  assert.equal(statusOf(connection).details?.roundTripMilliseconds, undefined);
  assert.equal(connection.model.state, 'connected');
});

test('an IKE SA whose life ended during the sleep is not used', async () => {
  const profile = profileFrom(`${terminalText}\n[ike]\nlifetime_seconds = 1800\n`);
  const connection = await connect(office, profile);
  const ike = connection.ikeConnection;
  await sleep(hour);
  await office.clock.advance(1000);
  assert.equal(connection.model.state, 'connected');
  assert.notEqual(connection.ikeConnection, ike);
});
