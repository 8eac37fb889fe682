// Clients that are malformed, oversized, many or slow get an error or are cut off; the service goes on for the others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBinary, encodeJson, maximumRequestBytes } from '../../../main/control/frame.ts';
import type { Schedule } from '../../../main/service/endpoint/limits.ts';
import { connectedStatus, FakeService, runFake, statusOf } from '../../control/fake-service.ts';
import { RawClient } from './raw-client.ts';

/** Time that passes when the test says so. */
class ManualSchedule {
  readonly pending = new Map<() => void, number>();
  readonly schedule: Schedule = (callback, milliseconds) => {
    this.pending.set(callback, milliseconds);
    return () => this.pending.delete(callback);
  };

  run(milliseconds: number): void {
    for (const [callback, delay] of [...this.pending]) {
      if (delay !== milliseconds) continue;
      this.pending.delete(callback);
      callback();
    }
  }
}

test('3,000 random and mutated frames: errors or a cut, and the service serves on', async () => {
  await using fake = await runFake();
  const witness = await fake.connect();
  const valid = encodeJson({
    jsonrpc: '2.0',
    id: 1,
    method: 'connection.up',
    params: { profile: 'office', wait: true },
  });
  const random = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = Buffer.from(valid);
      for (const [index, value] of changes) bytes[index] = value;
      return bytes;
    });
  const messages = fc.jsonValue({ maxDepth: 3 }).map((value) => encodeJson(value));
  const calls = fc
    .record({
      jsonrpc: fc.constantFrom('2.0', '1.0', 2),
      id: fc.oneof(fc.nat(), fc.string(), fc.constant(null), fc.object({ maxDepth: 1 })),
      method: fc.oneof(
        fc.constantFrom('status', 'secrets.put', 'capture.stop', '__proto__', 'constructor'),
        fc.string(),
      ),
      params: fc.jsonValue({ maxDepth: 2 }),
    })
    .map((value) => encodeJson(value));
  const binaries = fc
    .tuple(fc.nat(0xffffffff), fc.uint8Array({ maxLength: 100 }))
    .map(([stream, bytes]) => encodeBinary(stream, bytes));
  const anything = fc.oneof(random, mutated, messages, calls, binaries);
  const samples = fc.sample(fc.array(anything, { minLength: 1, maxLength: 20 }), {
    seed: 2026,
    numRuns: 300,
  });
  for (const frames of samples) {
    const client = new RawClient(fake.path);
    for (const frame of frames) client.send(frame);
    client.socket.end();
    await client.closed;
  }
  assert.equal((await witness.call('service.version', {})).version, '0.1.0');
  assert.deepEqual(fake.reports, []);
  for (const call of fake.api.calls) {
    if (call.method === 'connection.up')
      assert.match((call.parameters as { profile: string }).profile, /^[\p{L}\p{N}]/u);
  }
});

test('what is JSON but no request is answered as such, and the connection goes on', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  const wrong = [
    '[]',
    'null',
    '"x"',
    '{}',
    '{"jsonrpc":"2.0","method":"status"}',
    '{"jsonrpc":"2.0","id":null,"method":"status"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '[{"jsonrpc":"2.0","id":1,"method":"status"}]',
    '{"jsonrpc":',
    `{"jsonrpc":"2.0","id":"${'x'.repeat(65)}","method":"status"}`,
  ];
  for (const text of wrong) client.send(textFrame(text));
  client.request(99, 'service.version');
  const answer = await client.answer(wrong.length);
  assert.deepEqual(answer?.result, { version: '0.1.0', protocol: 1 });
  for (const { id, error } of client.answers.slice(0, wrong.length)) {
    assert.equal(id, null);
    assert.equal(error?.data?.code, 'invalid-request');
  }
  assert.deepEqual(fake.api.calls, []);
  client.end();
});

test('deep, wide and strange parameters are refused', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  const half = maximumRequestBytes / 2 - 100;
  client.send(
    textFrame(`{"jsonrpc":"2.0","id":1,"method":"status","params":${'['.repeat(half)}${']'.repeat(half)}}`),
  );
  client.request(
    2,
    'status',
    Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, index])),
  );
  client.request(3, 'status', 'x'.repeat(500_000));
  client.request(4, 'secrets.put', { name: 'x', kind: 'psk', uploads: 'x' });
  client.request(5, 'secrets.put', { name: 'x', kind: 'psk', uploads: { secret: 7 } });
  client.request(6, 'secrets.put', { name: 'x', kind: 'psk', uploads: { constructor: 7 } });
  await client.answer(5);
  for (const { error } of client.answers) assert.equal(error?.data?.code, 'invalid-request');
  assert.equal(client.answers.length, 6);
  client.end();
});

test('a frame that promises too much ends the connection at once', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  client.send(Buffer.from([0x00, 0x10, 0x00, 0x01, 1]));
  await client.closed;
  assert.deepEqual(client.answers, []);
});

test('nothing is served after the framing broke, though it came in the same packet', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  const call = encodeJson({
    jsonrpc: '2.0',
    id: 1,
    method: 'connection.down',
    params: { profile: 'office' },
  });
  client.send(Buffer.concat([Buffer.from([0, 0, 0, 1, 9]), call]));
  await client.closed;
  assert.deepEqual(fake.api.calls, []);
});

test('uploads that no request claims are bounded', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  for (let index = 0; index < 40; index++) client.send(encodeBinary(index, Buffer.alloc(60_000)));
  await client.closed;
});

test('half a frame, or an upload that nobody claims, ends the connection after a while', async () => {
  for (const bytes of [
    Buffer.from([0, 0]),
    Buffer.from([0, 0, 0, 9, 1, 0x5b]),
    encodeBinary(1, Buffer.from('x')),
  ]) {
    const time = new ManualSchedule();
    await using fake = await runFake(undefined, { schedule: time.schedule });
    const client = new RawClient(fake.path);
    client.request(1, 'service.version');
    client.send(bytes);
    await client.answer(0);
    await turns(fake, () => time.pending.size > 0);
    time.run(10_000);
    await client.closed;
  }
});

test('a client that is quiet between whole frames is left alone', async () => {
  const time = new ManualSchedule();
  await using fake = await runFake(undefined, { schedule: time.schedule });
  const client = new RawClient(fake.path);
  const request = encodeJson({ jsonrpc: '2.0', id: 1, method: 'service.version', params: {} });
  client.send(request.subarray(0, 9));
  await turns(fake, () => time.pending.size === 1);
  client.send(request.subarray(9));
  await client.answer(0);
  assert.equal(time.pending.size, 0);
  client.end();
});

test('one user has so many connections; others are not in the way', async () => {
  let uid = 1000;
  const options = { limits: { connectionsPerUser: 3 }, peerOf: () => peer(uid) };
  await using fake = await runFake(undefined, options);
  const clients = [1, 2, 3].map(() => new RawClient(fake.path));
  for (const client of clients) client.request(1, 'service.version');
  for (const client of clients) await client.answer(0);
  const fourth = new RawClient(fake.path);
  assert.equal((await fourth.answer(0))?.error?.data?.code, 'too-much');
  await fourth.closed;
  uid = 1001;
  const other = await fake.connect();
  assert.equal((await other.call('service.version', {})).version, '0.1.0');
  uid = 1000;
  clients[0]?.end();
  await clients[0]?.closed;
  await turns(fake, () => true);
  const again = new RawClient(fake.path);
  again.request(1, 'service.version');
  assert.notEqual((await again.answer(0))?.result, undefined);
  for (const client of [...clients, again]) client.end();
});

test('a typed client learns why it was turned away', async () => {
  await using fake = await runFake(undefined, { limits: { connectionsOfRoot: 0, connectionsPerUser: 0 } });
  const client = await fake.connect();
  await assert.rejects(client.call('status', {}), {
    failure: { code: 'too-much', limit: { code: 'limit-connections' } },
  });
});

test('requests that wait are bounded', async () => {
  const gate = Promise.withResolvers<void>();
  const api = new FakeService({
    'connection.retry': async () => {
      await gate.promise;
      return {};
    },
  });
  await using fake = await runFake(api, { limits: { pendingRequests: 5 } });
  const client = new RawClient(fake.path);
  for (let id = 0; id < 8; id++) client.request(id, 'connection.retry', { profile: 'office' });
  await client.answer(2);
  assert.deepEqual(
    client.answers.map(({ id, error }) => [id, error?.data?.code]),
    [5, 6, 7].map((id) => [id, 'too-much']),
  );
  gate.resolve();
  await client.answer(7);
  assert.equal(api.calls.length, 5);
  client.end();
});

test('a client that reads nothing stops being read, and is cut off when it stalls', async () => {
  const time = new ManualSchedule();
  const api = new FakeService({ 'profiles.show': ({ profile }) => ({ profile, text: 'x'.repeat(50_000) }) });
  await using fake = await runFake(api, { schedule: time.schedule });
  const client = new RawClient(fake.path);
  client.socket.pause();
  for (let id = 0; id < 40; id++) client.request(id, 'profiles.show', { profile: 'office' });
  await turns(fake, () => [...time.pending.values()].includes(30_000));
  for (let id = 40; id < 80; id++) client.request(id, 'profiles.show', { profile: 'office' });
  await turns(fake, () => true);
  assert.equal(api.calls.length, 40);
  time.run(30_000);
  client.socket.resume();
  await client.closed;
  const witness = await fake.connect();
  assert.equal((await witness.call('service.version', {})).version, '0.1.0');
});

test('a client that was slow and catches up gets everything', async () => {
  const time = new ManualSchedule();
  const api = new FakeService({ 'profiles.show': ({ profile }) => ({ profile, text: 'x'.repeat(50_000) }) });
  await using fake = await runFake(api, { schedule: time.schedule });
  const client = new RawClient(fake.path);
  client.socket.pause();
  for (let id = 0; id < 40; id++) client.request(id, 'profiles.show', { profile: 'office' });
  await turns(fake, () => [...time.pending.values()].includes(30_000));
  for (let id = 40; id < 80; id++) client.request(id, 'profiles.show', { profile: 'office' });
  client.socket.resume();
  await client.answer(79);
  assert.equal(api.calls.length, 80);
  assert.equal([...time.pending.values()].includes(30_000), false);
  client.end();
});

test('answers beyond the backlog’s limit end the connection', async () => {
  const api = new FakeService({ 'profiles.show': ({ profile }) => ({ profile, text: 'x'.repeat(500_000) }) });
  await using fake = await runFake(api);
  const client = new RawClient(fake.path);
  client.socket.pause();
  for (let id = 0; id < 60; id++) client.request(id, 'profiles.show', { profile: 'office' });
  await turns(fake, () => api.calls.length > 10);
  client.socket.resume();
  await client.closed;
  assert.ok(client.answers.length < 60);
});

test('a slow subscriber gets the latest status, not all of them', async () => {
  const time = new ManualSchedule();
  const big = { ...statusOf(connectedStatus()), drops: {} as Record<string, number> };
  for (let index = 0; index < 3000; index++) big.drops[`reason-${index}`] = index;
  await using fake = await runFake(undefined, { schedule: time.schedule });
  fake.api.status = big;
  const client = new RawClient(fake.path);
  client.request(1, 'status.subscribe');
  await client.answer(1);
  client.socket.pause();
  for (let round = 1; round <= 300; round++) {
    fake.api.setStatus({ ...big, startedAt: round });
    time.run(20);
    await turns(fake, () => true);
  }
  client.socket.resume();
  for (let index = 2; ; index++) {
    const answer = (await client.answer(index)) as { params?: { startedAt: number } } | undefined;
    if (answer?.params?.startedAt === 300) break;
  }
  assert.ok(client.answers.length < 290, `${client.answers.length} notifications`);
  client.end();
});

test('captured packets that a client does not take are counted, not kept', async () => {
  await using fake = await runFake();
  const client = new RawClient(fake.path);
  client.request(1, 'capture.start', { side: 'wire', snapLength: 65535 });
  await client.answer(0);
  client.socket.pause();
  let dropped = 0;
  for (let index = 0; index < 500; index++) {
    if (fake.api.captureSink?.write(Buffer.alloc(60_000)) === false) dropped++;
  }
  assert.ok(dropped > 400, `${dropped} of 500 dropped`);
  client.socket.resume();
  fake.api.captureSink?.end();
  const end = (await client.answer(1)) as { params?: { droppedPackets: number } } | undefined;
  assert.equal(end?.params?.droppedPackets, dropped);
  client.end();
});

test('a client that vanishes in the middle of a call disturbs nobody', async () => {
  const gate = Promise.withResolvers<void>();
  const api = new FakeService({
    'connection.retry': async () => {
      await gate.promise;
      return {};
    },
  });
  await using fake = await runFake(api);
  const client = new RawClient(fake.path);
  client.request(1, 'connection.retry', { profile: 'office' });
  await turns(fake, () => api.calls.length === 1);
  client.end();
  await client.closed;
  gate.resolve();
  await turns(fake, () => true);
  assert.deepEqual(fake.reports, []);
});

function textFrame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt8(1, 4);
  return Buffer.concat([head, body]);
}

function peer(uid: number) {
  return { pid: 1, uid, gid: uid, groups: [], startTime: '1' };
}

/** Lets the event loop turn, at least 20 times, until the condition holds. */
async function turns(fake: { path: string }, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turn >= 20 && holds()) return;
  }
  assert.fail(`not within 20,000 turns (${fake.path})`);
}
