import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  deleteAssociation,
  listAssociations,
  rekeyAssociation,
} from '../../../main/service/methods/associations.ts';
import { connect, type Office, openOffice, startGateway } from '../connection/office.ts';

let office: Office;
beforeEach(() => {
  office = openOffice();
});
afterEach(() => office.close());

const list = ({ terminal }: Office) => listAssociations(terminal.connections, terminal.tunnel);

test('both layers are listed, with selectors and without keys', async () => {
  await startGateway(office);
  await connect(office);
  const { ike, children } = list(office);
  assert.partialDeepStrictEqual(ike, [
    {
      profile: 'office',
      role: 'initiator',
      state: 'established',
      localIdentity: 'laptop@office.test',
      remoteIdentity: 'vpn.office.test',
    },
  ]);
  assert.deepEqual(children[0]?.localSelectors, ['10.99.0.1']);
  assert.deepEqual(children[0]?.remoteSelectors, ['10.1.0.0/24']);
  const text = JSON.stringify({ ike, children });
  for (const { key } of office.terminal.thread.outbound.values()) assert.ok(!text.includes(key.slice(0, 16)));
});

test('rekeying either layer gives new SPIs under the same connection', async () => {
  await startGateway(office);
  await connect(office);
  const before = list(office);
  rekeyAssociation(office.terminal.connections, office.terminal.tunnel, 'office', 'child');
  rekeyAssociation(office.terminal.connections, office.terminal.tunnel, 'office', 'ike');
  await office.clock.advance(500);
  const after = list(office);
  assert.equal(after.children.length, 2);
  assert.notEqual(after.children[1]?.spi, before.children[1]?.spi);
  assert.notEqual(after.ike[0]?.initiatorSpi, before.ike[0]?.initiatorSpi);
  assert.throws(() => rekeyAssociation(office.terminal.connections, office.terminal.tunnel, 'other', 'ike'), {
    failure: { code: 'not-connected', profile: 'other' },
  });
});

test('a child that is deleted goes at both ends; the IKE SA of a connection comes back', async () => {
  await startGateway(office);
  const connection = await connect(office);
  deleteAssociation(office.terminal.tunnel, list(office).children[1]!.spi);
  await office.clock.advance(200);
  assert.deepEqual(list(office).children, []);
  assert.equal(office.gateway.thread.outbound.size, 0);
  const [ike] = list(office).ike;
  deleteAssociation(office.terminal.tunnel, ike!.initiatorSpi);
  await office.clock.advance(500);
  assert.equal(connection.model.state, 'connected');
  assert.notEqual(list(office).ike[0]?.initiatorSpi, ike?.initiatorSpi);
  assert.equal(list(office).children.length, 2);
  assert.throws(() => deleteAssociation(office.terminal.tunnel, 'abcd'), {
    failure: { code: 'association-not-found', spi: 'abcd' },
  });
});
