// How polkit is asked: about which process, one question at a time for each user, and never when it is not there.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { polkitAllows, polkitStanding } from '../../../main/service/endpoint/polkit.ts';

const peer = { pid: 4711, uid: 1000, gid: 1000, groups: [], startTime: '987654' };
const { signal } = new AbortController();

test('its exit code decides, and it is asked about this process of this user', async () => {
  await withProgram(async (program, directory) => {
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${directory}/asked\nexit 0\n`, { mode: 0o755 });
    assert.equal(await polkitAllows(peer, signal, program), true);
    assert.equal(
      readFileSync(join(directory, 'asked'), 'utf8'),
      '--action-id org.sealnic.administer --process 4711,987654,1000 --allow-user-interaction\n',
    );
    for (const exitCode of [1, 2, 3, 127]) {
      writeFileSync(program, `#!/bin/sh\nexit ${exitCode}\n`, { mode: 0o755 });
      assert.equal(await polkitAllows(peer, signal, program), false, String(exitCode));
    }
  });
});

test('what it would say is asked without anybody being asked', async () => {
  await withProgram(async (program, directory) => {
    const answers = { 0: 'yes', 1: 'no', 2: 'after-asking', 3: 'no', 127: 'no' };
    for (const [exitCode, answer] of Object.entries(answers)) {
      const script = `#!/bin/sh\necho "$@" > ${directory}/asked\nexit ${exitCode}\n`;
      writeFileSync(program, script, { mode: 0o755 });
      assert.equal(await polkitStanding(peer, signal, program), answer);
    }
    assert.doesNotMatch(readFileSync(join(directory, 'asked'), 'utf8'), /interaction/);
    assert.equal(await polkitStanding(peer, signal, '/nonexistent/pkcheck'), 'no');
  });
});

test('without polkit, or for a process that is gone, the answer is no', async () => {
  assert.equal(await polkitAllows(peer, signal, '/nonexistent/pkcheck'), false);
  assert.equal(await polkitAllows({ ...peer, startTime: undefined }, signal, '/bin/true'), false);
});

test('a user’s questions come one after the other; leaving ends the one that is asked', async () => {
  await withProgram(async (program, directory) => {
    const asked = join(directory, 'asked');
    writeFileSync(program, `#!/bin/sh\necho x >> ${asked}\nexec sleep 60\n`, { mode: 0o755 });
    const appeared = new Promise<void>((resolve) => {
      const watcher = watch(directory, () => {
        if (!existsSync(asked) || readFileSync(asked, 'utf8') === '') return;
        watcher.close();
        resolve();
      });
    });
    const leaving = new AbortController();
    const first = polkitAllows(peer, leaving.signal, program);
    const second = polkitAllows(peer, leaving.signal, program);
    await appeared;
    leaving.abort();
    assert.deepEqual(await Promise.all([first, second]), [false, false]);
    assert.equal(readFileSync(asked, 'utf8'), 'x\n', 'the second was never asked');
  });
});

async function withProgram(use: (program: string, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'polkit-'));
  try {
    await use(join(directory, 'pkcheck'), directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
