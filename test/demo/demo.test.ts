// The demo as a person starts it: it ends by itself with exit code 0, and says what crossed the tunnel and the wire.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { findIsolation } from '../../build/demo/namespaces.ts';

const main = join(import.meta.dirname, '..', '..', 'build', 'demo', 'main.ts');
const limitMilliseconds = 60_000;

async function demonstrate(words: readonly string[]): Promise<{ code: number | null; output: string }> {
  const [program, ...programArguments] = words;
  const child = spawn(program!, programArguments, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMilliseconds,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

const isolation = findIsolation();
const skip = isolation.possible ? false : `no network namespaces: ${isolation.why}`;

test('in namespaces, as whoever runs this', { skip }, async () => {
  const { code, output } = await demonstrate([process.execPath, main]);
  assert.equal(code, 0, output);
  assert.match(output, /✔ the sniffer saw +.*ICMP.*TCP/);
  assert.match(output, /✔ download +100 MB in .*SHA-256 as sent/);
  assert.match(output, /✔ anything else +0 frames/);
  assert.match(output, /✔ missed by the sniffer +0 frames/);
  assert.doesNotMatch(output, /✖/);
});

const isRoot = process.getuid?.() === 0;
const skipUser = isRoot ? skip : 'needs root to become another user';

test('in a user namespace, as a user without rights', { skip: skipUser }, async () => {
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
  const { code, output } = await demonstrate([...user, process.execPath, main]);
  assert.equal(code, 0, output);
  assert.match(output, /✔ anything else +0 frames/);
});

test('in memory, where there are no namespaces', async () => {
  const { code, output } = await demonstrate([process.execPath, main, '--in-memory']);
  assert.equal(code, 0, output);
  assert.match(output, /no network namespaces/);
  assert.match(output, /✔ ICMP/);
  assert.match(output, /✔ DNS/);
  assert.match(output, /✔ TCP segments +10\.0 MB .*SHA-256 as sent/);
  assert.match(output, /✔ anything else +0 packets/);
});
