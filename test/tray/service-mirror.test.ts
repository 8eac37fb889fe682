// The mirror shows what the service says, and nothing once it is away.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { ServiceState } from '../../main/tray/ipc.ts';
import { ServiceMirror } from '../../main/tray/service-mirror.ts';
import { throughputBetween } from '../../main/tray/throughput.ts';
import { connectedStatus, FakeService, runFake, statusOf } from '../control/fake-service.ts';

const patienceMilliseconds = 10_000;

class Watched {
  readonly states: ServiceState[] = [];
  readonly #events = new EventEmitter();
  readonly mirror: ServiceMirror;

  constructor(controlPath: string) {
    this.mirror = new ServiceMirror({
      controlPath,
      changed: (state) => {
        this.states.push(state);
        this.#events.emit('changed');
      },
      measured: () => undefined,
    });
  }

  async until(condition: (state: ServiceState) => boolean): Promise<ServiceState> {
    const signal = AbortSignal.timeout(patienceMilliseconds);
    while (!condition(this.mirror.state)) await once(this.#events, 'changed', { signal });
    return this.mirror.state;
  }
}

const isPresent = (state: ServiceState) => state.service === 'present';

test('it is starting, then present with status and profiles, then away', async (t) => {
  const service = new FakeService();
  await using fake = await runFake(service, { sources: { hasActiveLocalSession: () => true } });
  const watched = new Watched(fake.path);
  t.after(() => watched.mirror.close());
  assert.deepEqual(watched.mirror.state, { service: 'starting' });
  const state = await watched.until(isPresent);
  assert.ok(state.service === 'present');
  assert.equal(state.status.connections[0]?.profile, 'office');
  assert.deepEqual(
    state.profiles.map(({ name }) => name),
    ['office', 'lab', 'broken'],
  );

  service.setStatus(statusOf());
  await watched.until((each) => each.service === 'present' && each.status.connections.length === 0);

  await fake.endpoint.close();
  await watched.until(({ service: is }) => is === 'away');
  assert.deepEqual(watched.mirror.state, { service: 'away', controlPath: fake.path });
  const secret = new TextEncoder().encode('correct horse');
  await assert.rejects(watched.mirror.call('secrets.put', { name: 'x', kind: 'psk' }, { secret }), {
    failure: { code: 'no-service', path: fake.path, detail: 'away' },
  });
  assert.ok(secret.every((byte) => byte === 0));
});

test('counters alone are no change, and give the throughput', async (t) => {
  const service = new FakeService();
  await using fake = await runFake(service, { sources: { hasActiveLocalSession: () => true } });
  const watched = new Watched(fake.path);
  t.after(() => watched.mirror.close());
  await watched.until(isPresent);
  const told = watched.states.length;
  await watched.mirror.refresh();
  const more = connectedStatus();
  more.details!.counters.bytesIn += 5000;
  service.status = statusOf(more);
  const state = await watched.mirror.refresh();
  assert.ok(state.service === 'present');
  assert.equal(state.status.connections[0]?.details?.counters.bytesIn, 61_342_600);
  assert.equal(watched.states.length, told);
  assert.ok((watched.mirror.throughput.get('office')?.inward ?? 0) > 0);
});

test('throughput is the difference over time, of the same connection', () => {
  const earlier = statusOf(connectedStatus());
  const later = statusOf(connectedStatus());
  const counters = later.connections[0]!.details!.counters;
  counters.bytesIn += 3000;
  counters.bytesOut += 500;
  const between = (atMilliseconds: number, status = later) =>
    throughputBetween({ atMilliseconds: 0, status: earlier }, { atMilliseconds, status });
  assert.deepEqual(between(2000).get('office'), { inward: 1500, outward: 250 });
  assert.equal(between(0).size, 0);
  const anew = statusOf(connectedStatus({ since: 1 }));
  assert.equal(between(1000, anew).size, 0);
});
