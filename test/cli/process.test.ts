// The command as a process: its exit code, its streams, and that it ends when its reader does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runFake } from '../control/fake-service.ts';

const program = fileURLToPath(new URL('../../main/cli/sealnic.ts', import.meta.url));

async function run(commandArguments: string[], control: string, input = '') {
  const environment = { ...process.env, SEALNIC_CONTROL: control, NO_COLOR: '1' };
  const child = spawn(process.execPath, [program, ...commandArguments], { env: environment });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.end(input);
  const [exitCode] = await once(child, 'close');
  return { exitCode, output, errors };
}

test('no service: 3, two lines, no stack trace', async () => {
  const { exitCode, output, errors } = await run(['status'], '/nonexistent/control.sock');
  assert.equal(exitCode, 3);
  assert.equal(output, '');
  assert.equal(errors.trimEnd().split('\n').length, 2);
  assert.doesNotMatch(errors, /at .*\.ts:/);
});

test('status of a service', async () => {
  await using fake = await runFake();
  const { exitCode, output, errors } = await run(['status', '--json'], fake.path);
  assert.deepEqual([exitCode, errors], [0, '']);
  assert.equal(JSON.parse(output).connections[0].profile, 'office');
});

test('a secret from standard input', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('the command trusts a service of root only');
    return;
  }
  await using fake = await runFake();
  const { exitCode, output } = await run(['secrets', 'put', 'office psk'], fake.path, 's3cret\n');
  assert.deepEqual([exitCode, output], [0, 'Stored office psk.\n']);
  assert.equal(fake.api.calls[0]?.uploads.secret, Buffer.from('s3cret').toString('hex'));
});

test('a reader that stops early ends the command without complaint', async () => {
  await using fake = await runFake();
  const child = spawn(process.execPath, [program, 'status', '--watch'], {
    env: { ...process.env, SEALNIC_CONTROL: fake.path },
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const ended = once(child, 'exit');
  fake.api.setStatus({ ...fake.api.status, connections: [] });
  const [exitCode] = await ended;
  assert.deepEqual([exitCode, errors], [0, '']);
});
