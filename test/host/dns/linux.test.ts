// Name servers: resolv.conf in all its shapes comes back to the byte, and systemd-resolved is told where it runs.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openHostNetwork } from '../../../main/host/network/index.ts';
import { cannotRun, outcome, TestNamespace } from '../namespace.ts';

const skip = process.platform !== 'linux' && 'Linux only';
const dns = { interfaceName: 'tun7', servers: ['10.1.0.53', 'fd10::53'], searchDomains: ['office.example'] };

function place() {
  const directory = mkdtempSync(join(tmpdir(), 'sn-host-dns-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const etc = join(directory, 'etc');
  mkdirSync(etc);
  const resolverPath = join(etc, 'resolv.conf');
  const options = {
    journal: join(directory, 'journal'),
    resolverPath,
    resolvedDirectory: join(directory, 'resolve'),
  };
  return { directory, etc, resolverPath, options };
}

test('a plain file comes back with its bytes, mode and time, and keeps its options meanwhile', {
  skip,
}, async () => {
  const { etc, resolverPath, options } = place();
  const original = Buffer.from('# caf\xe9\nnameserver 1.1.1.1\noptions edns0 trust-ad\n', 'latin1');
  writeFileSync(resolverPath, original);
  chmodSync(resolverPath, 0o640);
  utimesSync(resolverPath, 1_700_000_000, 1_700_000_000);
  const host = openHostNetwork(options);
  await host.applyDns(dns);
  const lines = readFileSync(resolverPath, 'utf8').trim().split('\n');
  assert.match(lines[0]!, /^# Written by SealNIC/);
  assert.deepEqual(lines.slice(1), [
    'nameserver 10.1.0.53',
    'nameserver fd10::53',
    'search office.example',
    'options edns0 trust-ad',
  ]);
  assert.equal(statSync(resolverPath).mode & 0o777, 0o640);
  await host.applyDns({ ...dns, servers: ['10.1.0.54'], searchDomains: [] });
  assert.match(readFileSync(resolverPath, 'utf8'), /^nameserver 10\.1\.0\.54$/m);
  await host.removeDns();
  assert.deepEqual(readFileSync(resolverPath), original);
  const status = statSync(resolverPath);
  assert.deepEqual([status.mode & 0o777, status.mtimeMs], [0o640, 1_700_000_000_000]);
  assert.deepEqual(readdirSync(etc), ['resolv.conf'], 'nothing is left beside it');
});

test('a symbolic link comes back as a link, its target untouched', { skip }, async () => {
  const { directory, resolverPath, options } = place();
  const target = join(directory, 'managed.conf');
  writeFileSync(target, 'nameserver 9.9.9.9\n');
  symlinkSync('../managed.conf', resolverPath);
  const host = openHostNetwork(options);
  await host.applyDns(dns);
  assert.equal(lstatSync(resolverPath).isSymbolicLink(), false);
  assert.equal(readFileSync(target, 'utf8'), 'nameserver 9.9.9.9\n');
  await openHostNetwork(options).undo({ keepFailClosed: false });
  assert.equal(readlinkSync(resolverPath), '../managed.conf');
});

test('a file that was not there is not there again', { skip }, async () => {
  const { resolverPath, options } = place();
  const host = openHostNetwork(options);
  await host.applyDns(dns);
  assert.equal(existsSync(resolverPath), true);
  await host.removeDns();
  assert.equal(existsSync(resolverPath), false);
});

test('what somebody else wrote meanwhile stays, and becomes the original', { skip }, async () => {
  const { resolverPath, options } = place();
  writeFileSync(resolverPath, 'nameserver 1.1.1.1\n');
  const host = openHostNetwork(options);
  await host.applyDns(dns);
  writeFileSync(resolverPath, 'nameserver 8.8.8.8\n');
  await host.removeDns();
  assert.equal(readFileSync(resolverPath, 'utf8'), 'nameserver 8.8.8.8\n');

  await host.applyDns(dns);
  writeFileSync(resolverPath, 'nameserver 4.4.4.4\n');
  await host.applyDns(dns);
  assert.match(readFileSync(resolverPath, 'utf8'), /10\.1\.0\.53/);
  await host.removeDns();
  assert.equal(readFileSync(resolverPath, 'utf8'), 'nameserver 4.4.4.4\n');
});

test('a file that a computer was switched off with is put back at the next start', { skip }, async () => {
  const { resolverPath, options } = place();
  writeFileSync(resolverPath, 'nameserver 1.1.1.1\n');
  await openHostNetwork({ ...options, boot: 'yesterday' }).applyDns(dns);
  const next = openHostNetwork({ ...options, boot: 'today' });
  assert.deepEqual(await next.undo({ keepFailClosed: true }), [{ code: 'change-file', path: resolverPath }]);
  assert.equal(readFileSync(resolverPath, 'utf8'), 'nameserver 1.1.1.1\n');

  await openHostNetwork({ ...options, boot: 'today' }).applyDns(dns);
  // Without an undo in between, the original is still not taken for ours.
  await openHostNetwork({ ...options, boot: 'tomorrow' }).applyDns(dns);
  await openHostNetwork({ ...options, boot: 'tomorrow' }).removeDns();
  assert.equal(readFileSync(resolverPath, 'utf8'), 'nameserver 1.1.1.1\n');
});

test('a file that is a mount of its own is written in place', { skip: cannotRun }, async () => {
  const { options } = place();
  const namespace = new TestNamespace('dns');
  const script = fileURLToPath(new URL('./mounted.ts', import.meta.url));
  const step = async (what: string) => {
    // `ip netns exec` binds the namespace's own file over /etc/resolv.conf.
    const child = namespace.start([
      'ip',
      'netns',
      'exec',
      namespace.name,
      process.execPath,
      script,
      what,
      JSON.stringify({ ...options, resolverPath: '/etc/resolv.conf' }),
    ]);
    const { code, stderr } = await outcome(child);
    assert.equal(code, 0, stderr);
    return readFileSync(namespace.resolverFile, 'utf8');
  };
  assert.match(await step('apply'), /^nameserver 10\.1\.0\.53$/m);
  assert.equal(await step('undo'), 'nameserver 192.0.2.53\n');
});

test('systemd-resolved is told about the link where programs ask it', { skip }, async () => {
  const { directory, resolverPath, options } = place();
  mkdirSync(options.resolvedDirectory);
  writeFileSync(join(options.resolvedDirectory, 'stub-resolv.conf'), 'nameserver 127.0.0.53\n');
  writeFileSync(resolverPath, 'nameserver 127.0.0.53\noptions edns0\n');
  const said = join(directory, 'said');
  const resolvedCommand = join(directory, 'resolvectl');
  writeFileSync(resolvedCommand, `#!/bin/sh\necho "$*" >> ${said}\n`, { mode: 0o755 });
  const host = openHostNetwork({ ...options, resolvedCommand });
  await host.applyDns({ ...dns, interfaceName: 'lo' });
  const calls = () => readFileSync(said, 'utf8').trim().split('\n').sort();
  assert.deepEqual(calls(), ['default-route lo no', 'dns lo 10.1.0.53 fd10::53', 'domain lo office.example']);
  rmSync(said);
  await host.applyDns({ ...dns, interfaceName: 'lo', searchDomains: [] });
  assert.deepEqual(calls().slice(0, 1), ['default-route lo yes']);
  assert.equal(calls().includes('domain lo ~.'), true);
  rmSync(said);
  await openHostNetwork({ ...options, resolvedCommand }).undo({ keepFailClosed: true });
  assert.deepEqual(calls(), ['revert lo']);
  assert.equal(readFileSync(resolverPath, 'utf8'), 'nameserver 127.0.0.53\noptions edns0\n');

  writeFileSync(resolverPath, 'nameserver 1.1.1.1\n');
  await host.applyDns(dns);
  assert.match(readFileSync(resolverPath, 'utf8'), /10\.1\.0\.53/, 'it runs, but nobody asks it');
  await host.removeDns();
});
