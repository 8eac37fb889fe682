// The live view: rates from counters, a frame that always fits its window, and a terminal left as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { displayWidth } from '../../main/cli/format.ts';
import { advance, type LiveModel, type Sample, withStatus } from '../../main/cli/live/model.ts';
import { renderLive, sparkline } from '../../main/cli/live/render.ts';
import { coloured, uncoloured } from '../../main/cli/style.ts';
import type { ChildAssociation, FilterRow } from '../../main/control/values.ts';
import { connectedStatus, FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { fakeWorld } from './fake-world.ts';

const root = { uid: 0, pid: 1, administrator: true };

async function sampleAt(milliseconds: number, bytesIn: number, hits: number): Promise<Sample> {
  const service = new FakeService();
  const { rows } = await service.methods['filter.list']({}, root, {});
  const { children } = await service.methods['sa.list']({}, root, {});
  const connection = connectedStatus();
  const counters = { packetsIn: 1000, bytesIn, packetsOut: 500, bytesOut: 2000 };
  return {
    at: fixtureNow + milliseconds,
    status: statusOf({ ...connection, details: { ...connection.details!, counters } }),
    rows: (rows as FilterRow[]).map((row) => ({ ...row, hits: { packets: hits, bytes: hits * 100 } })),
    children: children as ChildAssociation[],
  };
}

test('rates follow from counters and time', async () => {
  let model = advance(undefined, await sampleAt(0, 1000, 10));
  assert.equal(model.rates.size, 0);
  model = advance(model, await sampleAt(2000, 5000, 16));
  assert.deepEqual(model.rates.get('office')?.inHistory, [2000]);
  assert.equal(model.rowRates.get('p1'), 3);
  model = advance(model, await sampleAt(3000, 0, 0));
  assert.deepEqual(model.rates.get('office')?.inHistory, [2000, 0], 'a counter that began anew');
  assert.equal(model.rowRates.get('p1'), 0);
  const same = advance(model, await sampleAt(3000, 9000, 9));
  assert.deepEqual(same.rates, model.rates, 'no time, no rate');
});

test('each of several connections has its own card, and what is blocked is told', async () => {
  const sample = await sampleAt(0, 1000, 10);
  const [office] = sample.status.connections;
  const uncarriedPrefixes = ['::/0'];
  const home = { ...office!, profile: 'home', details: { ...office!.details!, uncarriedPrefixes } };
  const status = { ...sample.status, connections: [office!, home] };
  const lines = renderLive(
    advance(undefined, { ...sample, status }),
    { columns: 92, rows: 40 },
    uncoloured,
    fixtureNow,
  );
  const cards = lines.filter((line) => line.includes(' connected for '));
  assert.deepEqual(
    cards.map((line) => line.trim().split(/ +/)[1]),
    ['office', 'home'],
  );
  assert.deepEqual(
    lines.filter((line) => line.includes('blocked')).map((line) => line.trim()),
    ['blocked   ::/0  not carried by the gateway'],
  );
});

test('a status between samples changes the state and not the counters', async () => {
  const model = advance(undefined, await sampleAt(0, 1000, 10));
  const changed = withStatus(model, statusOf(connectedStatus({ state: 'reconnecting' })));
  const [connection] = changed.latest.status.connections;
  assert.equal(connection?.state, 'reconnecting');
  assert.equal(connection?.details?.counters.bytesIn, 1000);
});

test('the view', async () => {
  const lines = renderLive(await runningModel(), { columns: 92, rows: 24 }, uncoloured, fixtureNow + 2000);
  assert.equal(
    lines.map((line) => line.trimEnd()).join('\n'),
    ` SealNIC 0.1.0                                                           service up 1 d 0 h

 ● office  connected for 12 min 36 s                                        vpn.example.org
   ↓   16.0 kb/s                                        ▁█    3.0 KiB        1 000 packets
   ↑       0 b/s                                              2.0 KiB          500 packets
   address   10.9.0.2, fd00:9::2  DNS 10.1.0.53
   sealed    10.1.0.0/16, fd00:1::/64
   ESP       rekeys in 38 min 30 s  aes-256-gcm-16 in UDP
   IKE       rekeys in 2 h 44 min  aes-256-gcm-16 / hmac-sha2-384 / curve25519

 Filter                                              per second  packets    bytes
   PROTECT  office   terminal → 10.1.0.0/16                   ·       11  1.1 KiB
   DISCARD  no mail  terminal → 203.0.113.25 tcp 25           ·       11  1.1 KiB  firewall

 Security associations
   ↑  c0ffee01  office  aes-256-gcm-16  20 417   2.3 MiB  12 min 36 s old
   ↓  c0ffee02  office  aes-256-gcm-16  48 211  58.5 MiB  2 replayed

 Dropped  policy-discard 12 · bad-icv 3




 q quit`,
  );
});

test('whatever the window’s size, the view fits it', async () => {
  const model = await runningModel();
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 300 }), fc.integer({ min: 1, max: 100 }), (columns, rows) => {
      for (const style of [uncoloured, coloured]) {
        const lines = renderLive(model, { columns, rows }, style, fixtureNow);
        assert.equal(lines.length, rows);
        for (const line of lines) assert.ok(displayWidth(line) <= columns, line);
      }
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('a sparkline is as wide as its room, the newest value at the right', () => {
  assert.equal(sparkline([0, 1, 4, 8], 6), '   ▂▅█');
  assert.equal(sparkline([9, 9, 9, 0], 2), '█ ');
  assert.equal(sparkline([], 3), '   ');
});

test('status --watch draws, follows changes, and leaves the screen as it was', async () => {
  await using fake = await runFake();
  const world = fakeWorld({ outputIsTerminal: true }, fake);
  const exitCode = world.run('status', '--watch');
  await world.terminal.saying('connected for');
  assert.ok(world.terminal.output.startsWith('\u001b[?1049h'));
  assert.equal(world.scheduled.length, 1, 'one timer for the next sample');
  fake.api.setStatus(statusOf(connectedStatus({ state: 'reconnecting', failure: { code: 'dead-peer' } })));
  await world.terminal.saying('reconnecting for');
  await world.terminal.saying('has stopped answering');
  world.now += 1000;
  world.scheduled.shift()?.();
  await world.terminal.saying('for 12 min 35 s');
  for (const pressed of world.terminal.keyListeners) pressed('q');
  assert.equal(await exitCode, 0);
  assert.ok(world.terminal.output.endsWith('\u001b[?25h\u001b[?1049l'));
  assert.equal(world.scheduled.length, 0);
  assert.equal(world.terminal.keyListeners.size, 0);
});

test('status --watch shows what an observer may see', async () => {
  await using fake = await runFake(undefined, {
    peerOf: () => ({ pid: 1, uid: 65534, gid: 65534, groups: [], startTime: '1' }),
  });
  const world = fakeWorld({ outputIsTerminal: true }, fake);
  const exitCode = world.run('status', '--watch');
  await world.terminal.saying('connected for');
  for (const pressed of world.terminal.keyListeners) pressed('q');
  assert.equal(await exitCode, 0);
  assert.ok(!world.terminal.output.includes('vpn.example.org'));
  assert.ok(!world.terminal.output.includes('Filter'));
});

test('status --watch that is not on a terminal prints a line a change', async () => {
  await using fake = await runFake();
  const world = fakeWorld({}, fake);
  const exitCode = world.run('status', '--watch');
  await world.terminal.saying('● office  connected\n');
  fake.api.setStatus(statusOf(connectedStatus({ state: 'reconnecting' })));
  await world.terminal.saying('◐ office  reconnecting\n');
  fake.api.setStatus(statusOf());
  await world.terminal.saying('nothing is connected\n');
  for (const interrupt of [...world.terminal.interruptListeners]) interrupt();
  assert.equal(await exitCode, 0);
  assert.equal(world.terminal.output, '● office  connected\n◐ office  reconnecting\nnothing is connected\n');
});

test('status --watch --json prints a JSON line a change', async () => {
  await using fake = await runFake();
  const world = fakeWorld({ outputIsTerminal: true }, fake);
  const exitCode = world.run('status', '--watch', '--json');
  await world.terminal.saying('\n');
  for (const interrupt of [...world.terminal.interruptListeners]) interrupt();
  assert.equal(await exitCode, 0);
  assert.deepEqual(JSON.parse(world.terminal.output), statusOf(connectedStatus()));
});

test('status --watch ends with 3 when the service goes away', async () => {
  const fake = await runFake();
  const world = fakeWorld({ outputIsTerminal: true }, fake);
  const exitCode = world.run('status', '--watch');
  await world.terminal.saying('connected for');
  await fake[Symbol.asyncDispose]();
  assert.equal(await exitCode, 3);
  assert.ok(world.terminal.output.endsWith('\u001b[?1049l'));
  assert.match(world.terminal.errors, /The service went away/);
});

async function runningModel(): Promise<LiveModel> {
  const first = advance(undefined, await sampleAt(0, 1000, 10));
  const second = advance(first, await sampleAt(1000, 1064, 11));
  return advance(second, await sampleAt(2000, 3064, 11));
}
