import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { UserFilter } from '../../../main/service/filter/user-filter.ts';
import { repairComputer } from '../../../main/service/methods/doctor.ts';
import { explain, type FilterParts, listFilter } from '../../../main/service/methods/filter.ts';
import { addRow, moveRow, removeRow, replaceRow } from '../../../main/service/methods/filter-change.ts';
import { connect, type Office, openOffice, startGateway } from '../connection/office.ts';

let office: Office;
let parts: FilterParts;
beforeEach(() => {
  office = openOffice();
  const { terminal } = office;
  parts = {
    tunnel: terminal.tunnel,
    host: terminal.host,
    userFilter: terminal.userFilter,
    profileExists: (name) => name === 'office',
    profileOf: (association) =>
      terminal.connections.connections.find((connection) => connection.association === association)?.profile
        .name,
  };
});
afterEach(() => office.close());

const web = {
  action: 'BYPASS',
  source: 'any',
  destination: '10.1.0.7',
  protocol: 'tcp',
  destinationPorts: '80',
} as const;

test("the user's rows come first, in their order, are stored, and are in force at once", async () => {
  await startGateway(office);
  await connect(office);
  const first = await addRow(parts, { row: web });
  const second = await addRow(parts, {
    row: { ...web, destinationPorts: '25', action: 'DISCARD' },
    position: 0,
  });
  const { rows } = await listFilter(parts);
  assert.deepEqual(
    rows.slice(0, 2).map(({ id, removable }) => [id, removable]),
    [
      [second.id, true],
      [first.id, true],
    ],
  );
  assert.deepEqual(
    office.terminal.thread.table.rows.slice(0, 2).map(({ action }) => action),
    ['DISCARD', 'BYPASS'],
  );
  const stored = new UserFilter(join(office.terminal.directory, 'filter.toml'));
  assert.deepEqual(
    stored.rows.map(({ row }) => row.action),
    ['DISCARD', 'BYPASS'],
  );
  await removeRow(parts, second.id);
  assert.equal(office.terminal.thread.table.rows[0]?.action, 'BYPASS');
  await assert.rejects(removeRow(parts, second.id), { failure: { code: 'row-not-found', id: second.id } });
  await assert.rejects(removeRow(parts, 'office-protect-1'), (error: { failure: { code: string } }) => {
    assert.equal(error.failure.code, 'row-not-removable');
    return true;
  });
});

test('a row is replaced in its place, with its id, and moved; what is not the user’s stays', async () => {
  await startGateway(office);
  await connect(office);
  const ids = [];
  for (const destinationPorts of ['80', '81', '82']) {
    ids.push((await addRow(parts, { row: { ...web, destinationPorts } })).id);
  }
  const [first, second, third] = ids as [string, string, string];
  const own = async () => {
    const { rows } = await listFilter(parts);
    return rows
      .filter(({ removable }) => removable)
      .map(({ id, destinationPorts, allowInbound }) => `${id} ${destinationPorts} ${allowInbound ?? false}`);
  };
  await replaceRow(parts, { id: second, row: { ...web, destinationPorts: '8081', allowInbound: true } });
  assert.deepEqual(await own(), [`${first} 80 false`, `${second} 8081 true`, `${third} 82 false`]);
  assert.equal(office.terminal.thread.table.rows[1]?.allowInbound, true);
  await moveRow(parts, { id: third, position: 0 });
  assert.deepEqual(await own(), [`${third} 82 false`, `${first} 80 false`, `${second} 8081 true`]);
  await moveRow(parts, { id: third, position: 1 });
  await moveRow(parts, { id: first, position: 99 });
  assert.deepEqual(
    office.terminal.thread.table.rows.slice(0, 3).map(({ id }) => id),
    [third, second, first],
  );
  const stored = new UserFilter(join(office.terminal.directory, 'filter.toml'));
  assert.deepEqual(
    stored.rows.map(({ row }) => row.destinationPorts),
    ['82', '8081', '80'],
  );
  assert.equal(stored.rows[1]?.row.allowInbound, true);
  await assert.rejects(replaceRow(parts, { id: 'filter-99', row: web }), {
    failure: { code: 'row-not-found', id: 'filter-99' },
  });
  await assert.rejects(
    replaceRow(parts, { id: first, row: { ...web, action: 'DISCARD', allowInbound: true } }),
    {
      failure: { code: 'row-invalid', field: 'allowInbound', problem: { code: 'inbound-needs-bypass' } },
    },
  );
  const { rows } = await listFilter(parts);
  const foreign = rows.find(({ origin }) => origin.startsWith('profile'))!;
  await assert.rejects(moveRow(parts, { id: foreign.id, position: 0 }), {
    failure: { code: 'row-not-removable', id: foreign.id, origin: foreign.origin },
  });
});

test('a row for a profile that is not connected keeps its place in the list', async () => {
  const idle = { action: 'PROTECT', source: 'any', destination: '10.9.0.0/16', protocol: 'any' } as const;
  await addRow(parts, { row: { ...idle, profile: 'office' } });
  await addRow(parts, { row: web });
  const { rows } = await listFilter(parts);
  assert.deepEqual(
    rows.slice(0, 2).map(({ action, problem }) => [action, problem?.code]),
    [
      ['PROTECT', 'profile-not-connected'],
      ['BYPASS', undefined],
    ],
  );
});

test('a row that means nothing is refused and not stored', async () => {
  await assert.rejects(
    addRow(parts, { row: { ...web, destination: 'nonsense' } }),
    (error: { failure: { code: string } }) => {
      assert.equal(error.failure.code, 'row-invalid');
      return true;
    },
  );
  assert.deepEqual(parts.userFilter.rows, []);
});

test('explain names the row that decides, and who enforces it', async () => {
  await startGateway(office);
  await connect(office);
  const { id } = await addRow(parts, { row: web });
  const decided = async (destinationPort: number, destination = '10.1.0.7') => {
    const { explanations } = await explain(parts, { destination, protocol: 'tcp', destinationPort });
    const { rowId, action, outcome, enforcedBy, profile } = explanations[0]!;
    return { rowId, action, outcome, enforcedBy, profile };
  };
  assert.deepEqual(await decided(80), {
    rowId: id,
    action: 'BYPASS',
    outcome: 'passed',
    enforcedBy: 'engine',
    profile: undefined,
  });
  assert.partialDeepStrictEqual(await decided(443), {
    action: 'PROTECT',
    outcome: 'sealed',
    enforcedBy: 'engine',
    profile: 'office',
  });
  assert.partialDeepStrictEqual(await decided(443, '198.51.100.1'), {
    action: 'BYPASS',
    enforcedBy: 'nobody',
  });
});

test('with nothing connected, the firewall enforces what the user discards, and explain says so', async () => {
  const decided = async () => {
    const asked = { destination: '10.1.0.7', protocol: 'tcp', destinationPort: 80 };
    return (await explain(parts, asked)).explanations[0];
  };
  const { host } = office.terminal;
  const { id } = await addRow(parts, { row: { ...web, action: 'DISCARD' } });
  assert.deepEqual(
    host.failClosed?.discardRows.map((row) => row.id),
    [id],
  );
  assert.deepEqual(host.failClosed?.protectedPrefixes, []);
  assert.partialDeepStrictEqual(await decided(), {
    action: 'DISCARD',
    outcome: 'dropped',
    enforcedBy: 'firewall',
  });
  await startGateway(office);
  await connect(office);
  await office.terminal.connections.down('office');
  assert.deepEqual(
    host.failClosed?.discardRows.map((row) => row.id),
    [id],
    'after down too',
  );
  assert.deepEqual(host.failClosed?.protectedPrefixes, []);
  await removeRow(parts, id);
  assert.equal(host.failClosed, undefined);
  assert.partialDeepStrictEqual(await decided(), { action: 'BYPASS', outcome: 'not-in-force' });
});

test('what the firewall has of the user goes with the service, and comes back after a repair', async () => {
  const { host, tunnel, connections } = office.terminal;
  await addRow(parts, { row: { ...web, action: 'DISCARD' } });
  await repairComputer(host, tunnel, connections);
  assert.equal(host.failClosed?.discardRows.length, 1);
  await tunnel.abandon();
  assert.equal(host.failClosed, undefined);
});
