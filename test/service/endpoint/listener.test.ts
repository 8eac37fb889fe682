// One service a path: a stale socket is taken over, a live one is not; everybody may connect, and is known by SO_PEERCRED.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { connectToService } from '../../../main/control/client.ts';
import { encodeJson, FrameDecoder, frameType, maximumAnswerBytes } from '../../../main/control/frame.ts';
import { ControlPathInUse, listenOnPath } from '../../../main/service/endpoint/listener.ts';
import { FakeService, runFake } from '../../control/fake-service.ts';

const run = promisify(execFile);

test('a second service on the path is refused, and the first goes on', async () => {
  await using fake = await runFake();
  await assert.rejects(
    listenOnPath(fake.path, () => undefined),
    (error) => error instanceof ControlPathInUse && error.path === fake.path,
  );
  const client = await fake.connect();
  assert.equal((await client.call('service.version', {})).version, '0.1.0');
});

test('a socket that a killed service left behind is taken over', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'listener-'));
  const path = join(directory, 'sub', 'control.sock');
  try {
    const killed = `
      const { createServer } = require('node:net');
      require('node:fs').mkdirSync(${JSON.stringify(join(directory, 'sub'))});
      createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'));`;
    await assert.rejects(run(process.execPath, ['-e', killed]), { signal: 'SIGKILL' });
    assert.ok(lstatSync(path).isSocket());
    const listener = await listenOnPath(path, (socket) => socket.end('hello'));
    const { mode } = lstatSync(path);
    assert.equal(mode & 0o777, 0o666);
    await listener.close();
    assert.equal(existsSync(path), false);
    const again = await listenOnPath(path, () => undefined);
    await again.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('an error of the system comes through and frees the lock', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'listener-'));
  try {
    const path = join(directory, 'x'.repeat(120));
    await assert.rejects(listenOnPath(path, () => undefined));
    await assert.rejects(
      listenOnPath(path, () => undefined),
      (error) => !(error instanceof ControlPathInUse),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('closing the endpoint removes the socket', async () => {
  const fake = await runFake();
  await fake.endpoint.close();
  assert.equal(existsSync(fake.path), false);
  await assert.rejects(connectToService({ path: fake.path }), {
    failure: { code: 'no-service', path: fake.path, detail: 'ENOENT' },
  });
  await fake[Symbol.asyncDispose]();
});

test('a path where nobody listens is "no service"', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'listener-'));
  try {
    const path = join(directory, 'control.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const gone = new Promise((resolve) => server.close(resolve));
    await gone;
    await assert.rejects(connectToService({ path }), {
      failure: { code: 'no-service', path, detail: 'ENOENT' },
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('two users: the service knows each by the socket', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('needs root, to be another user');
    return;
  }
  const api = new FakeService();
  await using fake = await runFake(api, { sources: { controlGroup: () => 12_345 } });
  chmodSync(fake.directory, 0o755);
  const asUser = async (groups: string) => {
    const call = { jsonrpc: '2.0', id: 1, method: 'connection.down', params: { profile: 'office' } };
    const script = `
      const socket = require('node:net').connect(${JSON.stringify(fake.path)});
      socket.on('data', (bytes) => { process.stdout.write(bytes.toString('base64')); socket.destroy(); });
      socket.write(Buffer.from('${encodeJson(call).toString('base64')}', 'base64'));`;
    const user = ['--reuid=65534', '--regid=65534', groups];
    const { stdout } = await run('setpriv', [...user, process.execPath, '-e', script], { cwd: '/' });
    const [frame] = [...new FrameDecoder(maximumAnswerBytes).push(Buffer.from(stdout, 'base64'))];
    assert.ok(frame?.type === frameType.json);
    return JSON.parse(frame.text) as { result?: unknown; error?: { data: unknown } };
  };
  const refused = await asUser('--clear-groups');
  assert.deepEqual(refused.error?.data, { code: 'refused', method: 'connection.down', right: 'control' });
  const member = await asUser('--groups=12345');
  assert.deepEqual(member.result, {});
  const root = await fake.connect();
  await root.call('connection.down', { profile: 'office' });
  assert.deepEqual(
    api.calls.map(({ caller }) => [caller.uid, caller.administrator]),
    [
      [65534, false],
      [0, true],
    ],
  );
  assert.equal(api.calls[1]?.caller.pid, process.pid);
  assert.notEqual(api.calls[0]?.caller.pid, process.pid);
});
