// The tray app against the real service: a click in the menu brings up a tunnel to our own gateway, and traffic goes
// through it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Desktop } from './desktop.ts';
import type { PingReport } from './office-process.ts';
import { TrayHost } from './status-notifier.ts';
import { startTrayApp } from './tray-app.ts';

const patienceMilliseconds = 20_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';
// The group of the user as whom the desktop runs.
const groupOfNobody = 'nogroup';

test('a click connects, traffic is sealed, a click disconnects', { skip: missing ?? false }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-office-'));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const office = startOffice(directory);
  t.after(() => endOffice(office));
  assert.equal(await answerOf(office), 'ready');

  const desktop = await Desktop.start();
  t.after(() => desktop.close());
  const host = await TrayHost.start(desktop.busAddress);
  t.after(() => host.close());
  const app = await startTrayApp(desktop, join(directory, 'laptop', 'control.sock'));
  try {
    await host.item(patienceMilliseconds);
    await host.menuWith('Connect office', patienceMilliseconds);
    await host.click('Connect office');
    await host.menuWith('office: connected', patienceMilliseconds);

    office.send('ping');
    const { answered, sealedFrames, readableFrames } = (await answerOf(office)) as PingReport;
    assert.equal(answered, 5);
    assert.ok(sealedFrames >= 10);
    assert.equal(readableFrames, 0);

    await host.click('Disconnect office');
    await host.menuWith('Connect office', patienceMilliseconds);
    await host.click('Quit (connections stay as they are)');
    assert.equal(await app.ended, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${app.errors()}`, { cause: error });
  }
});

function startOffice(directory: string): ChildProcess {
  const script = join(import.meta.dirname, 'office-process.ts');
  const words = ['--mount', '--net', process.execPath, script, directory, groupOfNobody];
  return spawn('unshare', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function answerOf(office: ChildProcess): Promise<unknown> {
  const ended = once(office, 'exit').then(([code]) => {
    throw new Error(`the office ended with code ${code}`);
  });
  const [message] = await Promise.race([once(office, 'message'), ended]);
  return message;
}

async function endOffice(office: ChildProcess): Promise<void> {
  if (office.exitCode !== null) return;
  const ended = once(office, 'exit');
  office.disconnect();
  await ended;
}
