// Over a crash: what was wanted up stays shut, whatever has become of the profile, until the user says down.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { WantedConnections } from '../../../main/service/wanted.ts';
import { connect, type Office, openOffice, profileFrom, startGateway, terminalText } from './office.ts';

let office: Office;
beforeEach(() => {
  office = openOffice();
});
afterEach(() => office.close());

test('what was up is wanted again, with its owner and its text; what was brought down is not', async () => {
  const { terminal, clock } = office;
  terminal.connections.up(profileFrom(terminalText), 1000, true, terminalText);
  await clock.advance(100);
  assert.deepEqual(office.restart(terminal).wanted.all, [
    { profile: 'office', owner: 1000, text: terminalText },
  ]);
  await terminal.connections.down('office');
  assert.deepEqual(office.restart(terminal).wanted.all, []);
});

test('killed during down: it is no longer wanted', async () => {
  const { terminal, clock } = office;
  terminal.connections.up(profileFrom(terminalText), 0, true);
  await clock.advance(100);
  const down = terminal.connections.down('office');
  assert.deepEqual(office.restart(terminal).wanted.all, []);
  await down;
});

test('a failed one is still wanted: only down opens what it protects', async () => {
  const { terminal, clock } = office;
  office.wire.cut = true;
  terminal.connections.up(profileFrom(terminalText), 0, false);
  await clock.advance(11_000);
  assert.equal(terminal.wanted.all.length, 1);
});

test('networks of the gateway are remembered: shut from the first moment of the next service', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['["10.1.0.0/24"]', '"gateway"']);
  await connect(office, profile);
  office.wire.cut = true;
  const reborn = office.restart(office.terminal);
  await reborn.host.undo({ keepFailClosed: true });
  const before = reborn.host.calls.length;
  reborn.connections.up(profile, 0, true);
  await office.clock.advance(15_000);
  const shut = reborn.host.calls
    .slice(before)
    .flatMap((call) => (call.name === 'applyFailClosed' ? [call.configuration.protectedPrefixes] : []));
  assert.ok(shut.length > 0);
  for (const prefixes of shut) assert.deepEqual(prefixes, ['10.1.0.0/24']);
  await reborn.connections.down('office');
  assert.deepEqual(office.restart(reborn).wanted.all, [], 'with down this is forgotten too');
});

test('networks of the gateway: shut from the first moment of every connection but the first, also after down', async () => {
  await startGateway(office);
  const profile = profileFrom(terminalText, ['["10.1.0.0/24"]', '"gateway"']);
  const { terminal, clock } = office;
  await connect(office, profile);
  await terminal.connections.down('office');
  assert.equal(terminal.host.failClosed, undefined);
  office.wire.cut = true;
  const shutFirst = async (service: typeof terminal, wanted: typeof profile) => {
    service.connections.up(wanted, 0, true);
    await clock.advance(100);
    const shut = service.host.failClosed?.protectedPrefixes;
    await service.connections.down('office');
    return shut;
  };
  const reborn = office.restart(terminal);
  assert.deepEqual(await shutFirst(reborn, profile), ['10.1.0.0/24']);
  const elsewhere = { ...profile, gateway: { ...profile.gateway, address: '192.0.2.2' } };
  assert.deepEqual(await shutFirst(reborn, elsewhere), [], 'another gateway has other networks');
  reborn.connections.forget('office');
  assert.deepEqual(await shutFirst(reborn, profile), [], 'removed');
});

test('down works for one that is wanted and could not be brought up', async () => {
  const { terminal } = office;
  terminal.connections.up(profileFrom(terminalText), 1000, true);
  await office.clock.advance(100);
  const reborn = office.restart(terminal);
  await reborn.host.undo({ keepFailClosed: true });
  assert.equal(reborn.connections.ownerOf('office'), 1000, 'whose right it is to say so');
  assert.notEqual(reborn.host.failClosed, undefined);
  await reborn.connections.down('office');
  assert.equal(reborn.host.failClosed, undefined);
  assert.deepEqual(reborn.wanted.all, []);
  await assert.rejects(reborn.connections.down('office'), {
    failure: { code: 'not-connected', profile: 'office' },
  });
});

test('a file that is spoilt counts as empty', () => {
  const { directory } = office.terminal;
  for (const content of ['{', '[{"profile":1}]', '']) {
    writeFileSync(join(directory, 'wanted.json'), content);
    assert.deepEqual(new WantedConnections(directory).all, []);
  }
});
