// What mends a computer: the unit looked for, the command a person could type, and how the asking for consent ends.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { linuxSetup } from '../../main/tray/setup/linux.ts';

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'setup-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function program(directory: string, name: string, script: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
}

test('the service is installed where systemd has its unit', (t) => {
  const directory = directoryOf(t);
  const setup = linuxSetup('/usr/bin/sealnic', 'alice', directory, [directory]);
  assert.equal(setup.serviceInstalled(), false);
  writeFileSync(join(directory, 'sealnic.service'), '');
  assert.equal(setup.serviceInstalled(), true);
});

test('the commands are those of the product, as one would type them', (t) => {
  const setup = linuxSetup("/opt/Seal's/sealnic", 'alice', directoryOf(t), []);
  assert.equal(setup.typed(setup.commands.install), "sudo '/opt/Seal'\\''s/sealnic' service install");
  assert.deepEqual(setup.commands.allow, ["/opt/Seal's/sealnic", 'service', 'allow', 'alice']);
  assert.deepEqual(setup.commands.importProfile.slice(1), ['profiles', 'import', 'FILE']);
  assert.deepEqual(setup.commands.start.slice(1), ['start', 'sealnic.service']);
});

test('consent given, refused, closed, or the command failed', async (t) => {
  const directory = directoryOf(t);
  const setup = linuxSetup('/usr/bin/sealnic', 'alice', directory, []);
  assert.equal(setup.asker(), undefined);
  assert.deepEqual(await setup.run(setup.commands.allow), { outcome: 'refused' });
  program(directory, 'pkexec', `echo "$@" > ${directory}/asked`);
  assert.deepEqual(await setup.run(setup.commands.allow), { outcome: 'done' });
  assert.equal(readFileSync(join(directory, 'asked'), 'utf8'), '/usr/bin/sealnic service allow alice\n');
  program(directory, 'pkexec', 'exit 126');
  assert.deepEqual(await setup.run(setup.commands.allow), { outcome: 'dismissed' });
  program(directory, 'pkexec', 'exit 127');
  assert.deepEqual(await setup.run(setup.commands.allow), { outcome: 'refused' });
  program(directory, 'pkexec', 'echo no systemd here >&2; exit 1');
  assert.deepEqual(await setup.run(setup.commands.allow), { outcome: 'failed', detail: 'no systemd here' });
});
