import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { connect, type Office, openOffice, profileFrom, startGateway, terminalText } from './office.ts';

const page = 'http://portal.test:8080/login';
const portalAddress = '198.51.100.80';

let office: Office;
beforeEach(async () => {
  office = openOffice();
  await startGateway(office);
  office.terminal.resolve = async (name) => [parseAddress(name) ?? parseAddress(portalAddress)!];
});
afterEach(() => office.close());

/** The gateway is behind a portal, and the terminal has noticed. */
async function captive(profile = profileFrom(terminalText)): Promise<Connection> {
  office.wire.cut = true;
  office.terminal.portal = { kind: 'portal', url: page };
  const connection = office.terminal.connections.up(profile, 1000, false) as Connection;
  await office.clock.advance(2000);
  return connection;
}

async function openIt(): Promise<void> {
  office.wire.cut = false;
  office.terminal.portal = { kind: 'open' };
}

const passing = () => office.terminal.host.failClosed?.passages ?? [];
const forEveryone = () => passing().filter(({ forEveryoneUntil }) => forEveryoneUntil !== undefined);

test('a gateway that answers: nobody is asked about portals', async () => {
  await connect(office);
  await office.clock.advance(60_000);
  assert.equal(office.terminal.portalQuestions, 0);
});

test('a silent gateway behind a portal: told within two seconds, and tried again by itself', async () => {
  const connection = await captive();
  assert.deepEqual(connection.model.why, { code: 'captive-portal', url: page });
  assert.equal(connection.model.state, 'connecting');
  await office.clock.advance(10 * 60_000);
  assert.equal(connection.model.why?.code, 'captive-portal');
  openIt();
  await office.clock.advance(4000);
  assert.equal(connection.model.state, 'connected');
});

test('a silent gateway without a portal fails as before', async () => {
  office.wire.cut = true;
  const connection = office.terminal.connections.up(profileFrom(terminalText), 1000, false) as Connection;
  await office.clock.advance(11_000);
  assert.equal(connection.model.state, 'failed');
  assert.equal(connection.model.why?.code, 'no-answer');
  assert.equal(office.terminal.portalQuestions, 1);
});

test('until the person asks for it, only the answers to our own question come in', async () => {
  await captive();
  assert.deepEqual(passing(), [{ address: portalAddress, ports: [80] }]);
});

test('the sign-in page passes, with the names, until the connection is up', async () => {
  const connection = await captive();
  const { url } = await office.terminal.connections.allowPortal('office');
  assert.equal(url, page);
  assert.deepEqual(
    forEveryone().map(({ address, ports }) => ({ address, ports })),
    [{ address: portalAddress, ports: [80, 443, 8080] }],
  );
  assert.ok(office.terminal.host.failClosed?.nameServersForEveryoneUntil !== undefined);
  openIt();
  await office.clock.advance(4000);
  assert.equal(connection.model.state, 'connected');
  assert.deepEqual(passing(), []);
  assert.equal(office.terminal.host.failClosed?.nameServersForEveryoneUntil, undefined);
});

test('it passes for five minutes at most', async () => {
  await captive();
  await office.terminal.connections.allowPortal('office');
  await office.clock.advance(5 * 60_000 - 10);
  assert.equal(forEveryone().length, 1);
  await office.clock.advance(20);
  assert.equal(forEveryone().length, 0);
});

test('down ends it', async () => {
  await captive();
  await office.terminal.connections.allowPortal('office');
  const down = office.terminal.connections.down('office');
  await office.clock.advance(10_000);
  await down;
  assert.equal(office.terminal.host.failClosed, undefined);
  const asked = office.terminal.portalQuestions;
  await office.clock.advance(60_000);
  assert.equal(office.terminal.portalQuestions, asked, 'and nobody is asked any more');
});

test('a page that claims an address which the profile protects is not let through', async () => {
  const inside = '10.1.0.7';
  office.terminal.resolve = async () => [parseAddress(inside)!];
  await captive();
  await assert.rejects(office.terminal.connections.allowPortal('office'), {
    failure: { code: 'portal-shielded', profile: 'office', host: 'portal.test' },
  });
  assert.deepEqual(forEveryone(), []);
});

test('where everything is protected, a page anywhere is let through', async () => {
  await captive(profileFrom(terminalText, ['networks = ["10.1.0.0/24"]', 'networks = "everything"']));
  await office.terminal.connections.allowPortal('office');
  assert.equal(forEveryone().length, 1);
});

test('without a portal there is nothing to let through', async () => {
  await connect(office);
  await assert.rejects(office.terminal.connections.allowPortal('office'), {
    failure: { code: 'no-portal', profile: 'office' },
  });
});
