// Both sides of the control endpoint against each other: every method, its validation, secrets, status, captures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError, type ControlFailure } from '../../main/control/failure.ts';
import { type MethodName, type MethodParameters, methods } from '../../main/control/schema.ts';
import type { Status } from '../../main/control/values.ts';
import { connectedStatus, FakeService, runFake, statusOf } from './fake-service.ts';
import { keyExamples } from './key-examples.ts';

const row = {
  source: 'terminal',
  destination: 'any',
  protocol: 'tcp',
  destinationPorts: '25',
  action: 'DISCARD',
};
const examples: { [Name in MethodName]?: unknown } = {
  'connection.up': { profile: 'office', wait: true },
  'connection.down': { profile: 'office' },
  'connection.retry': { profile: 'office' },
  'connection.measure': { profile: 'office' },
  'connection.allowPortal': { profile: 'office' },
  'profiles.show': { profile: 'office' },
  'profiles.import': { fileName: 'office.toml', replace: false },
  'profiles.validate': { fileName: 'office.toml' },
  'profiles.lockdown': { profile: 'office', on: true },
  'profiles.remove': { profile: 'office' },
  'filter.add': { row, position: 0 },
  'filter.replace': { id: 'u1', row },
  'filter.move': { id: 'u1', position: 0 },
  'filter.remove': { id: 'u1' },
  'filter.explain': { destination: '10.1.0.9', protocol: 'tcp', destinationPort: 443 },
  'sa.rekey': { profile: 'office', layer: 'child' },
  'sa.delete': { spi: 'c0ffee01' },
  'secrets.put': { name: 'office psk', kind: 'psk' },
  'secrets.remove': { name: 'office psk' },
  'log.tail': { after: 0, limit: 10, level: 'info', everything: false },
  ...keyExamples(),
  'card.test': { slot: '9a' },
  'card.setup': {
    slot: '9a',
    algorithm: 'ecc-p256',
    subject: 'CN=alice',
    names: [],
    kind: 'request',
    days: 365,
    replace: false,
  },
  'card.put-certificate': { slot: '9a', replace: false },
  'card.store': { profile: 'office' },
  'prompts.answer': { id: 'prompt-1', store: true },
  'prompts.cancel': { id: 'prompt-1' },
  'verdicts.tail': { after: 0, limit: 10 },
};
const served = (Object.keys(methods) as MethodName[]).filter(
  (name) => !/^(service\.version|rights\.mine|status\.(un)?subscribe|capture\..*)$/.test(name),
);

test('every method reaches the service with its parameters and brings its result back', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  for (const name of served) {
    const parameters = (examples[name] ?? {}) as MethodParameters<typeof name>;
    const uploads = Object.fromEntries(
      Object.keys(methods[name].uploads).map((upload) => [upload, Buffer.from(`${upload} of ${name}`)]),
    );
    const result = await client.call(name as 'secrets.put', parameters as never, uploads as never);
    const call = fake.api.calls.at(-1)!;
    assert.equal(call.method, name);
    assert.deepEqual(call.parameters, parameters);
    for (const [upload, hex] of Object.entries(call.uploads)) {
      assert.equal(Buffer.from(hex, 'hex').toString(), `${upload} of ${name}`);
    }
    assert.equal(methods[name].result.safeParse(result).success, true, name);
  }
  assert.deepEqual(fake.reports, []);
});

test('the version is the endpoint’s own answer', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  assert.deepEqual(await client.call('service.version', {}), { version: '0.1.0', protocol: 1 });
});

test('many calls at once are answered each with its own result', async () => {
  await using fake = await runFake(
    new FakeService({ 'profiles.show': async ({ profile }) => ({ profile, text: profile.repeat(2) }) }),
  );
  const client = await fake.connect();
  const names = Array.from({ length: 50 }, (_, index) => `profile ${index}`);
  const answers = await Promise.all(names.map((profile) => client.call('profiles.show', { profile })));
  assert.deepEqual(
    answers.map((answer) => answer.text),
    names.map((name) => name + name),
  );
});

test('parameters that the schema does not allow never reach the service', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const wrong: [MethodName, unknown][] = [
    ['connection.up', {}],
    ['connection.up', { profile: '../../etc/passwd', wait: true }],
    ['connection.up', { profile: 'office', wait: true, extra: 1 }],
    ['connection.up', { profile: 'office', wait: 'yes' }],
    ['filter.add', { row: { ...row, action: 'ALLOW' } }],
    ['filter.add', { row: { ...row, source: 'x'.repeat(2000) } }],
    ['sa.delete', { spi: 'not hexadecimal' }],
    ['verdicts.tail', { after: 0, limit: 1e9 }],
    ['status', { __proto__: null, constructor: 1 }],
  ];
  for (const [name, parameters] of wrong) {
    assert.equal(
      (await failureOf(client.call(name as 'status', parameters as never))).code,
      'invalid-request',
    );
  }
  assert.deepEqual(fake.api.calls, []);
});

test('an unknown method is named', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  for (const method of ['connection.explode', 'toString', '__proto__']) {
    const failure = await failureOf(client.call(method as 'status', {}));
    assert.deepEqual(failure, { code: 'unknown-method', method });
  }
});

test('a failure of the service arrives with its parameters', async () => {
  const failure: ControlFailure = {
    code: 'connection-failed',
    profile: 'office',
    failure: { code: 'peer-authentication-failed', problem: 'untrusted', detail: 'CN=gateway' },
  };
  await using fake = await runFake(
    new FakeService({
      'connection.up': () => {
        throw new ControlError(failure);
      },
    }),
  );
  const client = await fake.connect();
  assert.deepEqual(await failureOf(client.call('connection.up', { profile: 'office', wait: true })), failure);
});

test('a fault inside the service is reported there and told to nobody', async () => {
  await using fake = await runFake(
    new FakeService({
      'sa.rekey': () => {
        throw new Error('key 0123456789 is bad');
      },
    }),
  );
  const client = await fake.connect();
  const failure = await failureOf(client.call('sa.rekey', { profile: 'office', layer: 'ike' }));
  assert.equal(failure.code, 'internal');
  assert.equal(JSON.stringify(failure).includes('0123456789'), false);
  assert.equal(fake.reports.length, 1);
});

test('a result says nothing that the schema does not name', async () => {
  const keyed = { ...connectedStatus(), keyMaterial: 'deadbeef' };
  await using fake = await runFake(new FakeService({ status: () => statusOf(keyed) }));
  const client = await fake.connect();
  const status = await client.call('status', {});
  assert.equal(JSON.stringify(status).includes('deadbeef'), false);
  const pushed = await new Promise<Status>((resolve) => void client.subscribe(resolve));
  assert.equal(JSON.stringify(pushed).includes('deadbeef'), false);
});

test('a secret crosses once, and is wiped on both sides', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const secret = Buffer.from('correct horse battery staple');
  const expected = secret.toString('hex');
  await client.call('secrets.put', { name: 'office psk', kind: 'psk' }, { secret });
  assert.equal(fake.api.calls[0]?.uploads.secret, expected);
  assert.deepEqual(secret, Buffer.alloc(secret.length));
  assert.deepEqual(fake.api.uploadBuffers[0], Buffer.alloc(secret.length));
});

test('a secret is wiped when the request is refused', async () => {
  const wiped: Buffer[] = [];
  await using fake = await runFake(
    new FakeService({
      'secrets.put': (_parameters, _caller, { secret }) => {
        wiped.push(secret);
        throw new ControlError({ code: 'secret-invalid', name: 'x', problem: { code: 'secret-empty' } });
      },
    }),
  );
  const client = await fake.connect();
  await failureOf(client.call('secrets.put', { name: 'x', kind: 'psk' }, { secret: Buffer.from('abc') }));
  assert.deepEqual(wiped, [Buffer.alloc(3)]);
});

test('a file larger than one frame arrives whole; one larger than the limit does not', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const content = Buffer.alloc(300_000, 'profile ');
  const expected = content.toString('hex');
  await client.call('profiles.validate', { fileName: 'big.toml' }, { content });
  assert.equal(fake.api.calls[0]?.uploads.content, expected);
  const tooLong = Buffer.alloc(1024 * 1024 + 1);
  const failure = await failureOf(
    client.call('profiles.validate', { fileName: 'big.toml' }, { content: tooLong }),
  );
  assert.equal(failure.code, 'invalid-request');
  const wayTooLong = Buffer.alloc(8 * 1024 * 1024);
  const lost = await failureOf(
    client.call('profiles.validate', { fileName: 'big.toml' }, { content: wayTooLong }),
  );
  assert.equal(lost.code, 'connection-lost');
  assert.equal(fake.api.calls.length, 1);
});

test('a missing upload is refused; an optional one may be absent', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const failure = await failureOf(client.call('secrets.put', { name: 'x', kind: 'psk' }, {}));
  assert.equal(failure.code, 'invalid-request');
  await client.call('profiles.import', { fileName: 'a.toml', replace: false }, { content: Buffer.from('a') });
  assert.deepEqual(fake.api.calls[0]?.uploads, { content: '61' });
});

test('a client that does not trust the socket sends no secret', async () => {
  await using fake = await runFake();
  const { connectToService } = await import('../../main/control/client.ts');
  const { chmodSync } = await import('node:fs');
  chmodSync(fake.directory, 0o777);
  const client = await connectToService(fake.clientOptions);
  const secret = Buffer.from('abc');
  const failure = await failureOf(client.call('secrets.put', { name: 'x', kind: 'psk' }, { secret }));
  client.close();
  assert.equal(failure.code, 'server-not-trusted');
  assert.deepEqual(fake.api.calls, []);
});

test('a subscriber hears the present status and every change after it', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const states: string[] = [];
  let heard: () => void = () => undefined;
  const next = () =>
    new Promise<void>((resolve) => {
      heard = resolve;
    });
  const first = next();
  const unsubscribe = await client.subscribe((status) => {
    states.push(status.connections.map((connection) => connection.state).join());
    heard();
  });
  await first;
  for (const state of ['reconnecting', 'connected', 'disconnected'] as const) {
    const changed = next();
    fake.api.setStatus(statusOf(connectedStatus({ state })));
    await changed;
  }
  assert.deepEqual(states, ['connected', 'reconnecting', 'connected', 'disconnected']);
  unsubscribe();
  fake.api.setStatus(statusOf());
  await client.call('service.version', {});
  assert.equal(states.length, 4);
});

test('captured packets arrive in order until the capture is stopped', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const blocks: string[] = [];
  const ended = Promise.withResolvers<unknown>();
  const stop = await client.capture(
    { side: 'adapter', snapLength: 65535 },
    { data: (block) => blocks.push(block.toString()), ended: ended.resolve },
  );
  for (const text of ['one', 'two', 'three']) fake.api.captureSink?.write(Buffer.from(text));
  await stop();
  assert.deepEqual(await ended.promise, { stream: 1, droppedPackets: 0 });
  assert.deepEqual(blocks, ['one', 'two', 'three']);
  assert.equal(fake.api.captureStops, 1);
});

test('a capture that ends by itself says why, and counts what was missed before it came to the endpoint', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  const ended = Promise.withResolvers<unknown>();
  await client.capture({ side: 'wire', snapLength: 65535 }, { data: () => undefined, ended: ended.resolve });
  fake.api.captureSink?.end('the tunnel was closed', 7);
  assert.deepEqual(await ended.promise, { stream: 1, droppedPackets: 7, detail: 'the tunnel was closed' });
});

test('a capture ends with its client', async () => {
  await using fake = await runFake();
  const client = await fake.connect();
  await client.capture(
    { side: 'wire', snapLength: 65535 },
    { data: () => undefined, ended: () => undefined },
  );
  client.close();
  const witness = await fake.connect();
  for (let turn = 0; fake.api.captureStops === 0 && turn < 1000; turn++)
    await witness.call('service.version', {});
  assert.equal(fake.api.captureStops, 1);
  assert.equal(fake.api.captureSink?.write(Buffer.from('late')), false);
});

test('a service that ends leaves its clients with connection-lost', async () => {
  const waiting = Promise.withResolvers<void>();
  const fake = await runFake(
    new FakeService({
      'connection.retry': () => {
        waiting.resolve();
        return new Promise(() => undefined);
      },
    }),
  );
  const client = await fake.connect();
  const failure = failureOf(client.call('connection.retry', { profile: 'office' }));
  await waiting.promise;
  await fake[Symbol.asyncDispose]();
  assert.equal((await failure).code, 'connection-lost');
  assert.equal((await failureOf(client.call('status', {}))).code, 'connection-lost');
  assert.equal(fake.api.watched, false);
});

async function failureOf(call: Promise<unknown>): Promise<ControlFailure> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    return error.failure;
  }
  throw new assert.AssertionError({ message: 'the call succeeded' });
}
