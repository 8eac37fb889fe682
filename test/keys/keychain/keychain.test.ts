// The user's keychain, a real Secret Service (gnome-keyring) on a private session bus: unlocked, locked, absent.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const programs = ['dbus-run-session', 'gnome-keyring-daemon', 'dbus-send'];
const missing = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
const skip = missing.length === 0 ? false : `SKIPPED: needs ${missing.join(', ')}`;
const session = join(import.meta.dirname, 'session.ts');

/** Runs the steps of session.ts on a bus of their own; with `daemon`, the keyring is there and unlocked. */
function onPrivateBus(daemon: boolean, ...steps: string[]): string[] {
  const home = mkdtempSync(join(tmpdir(), 'sealnic-keychain-'));
  // Without a daemon there is no bus either: one would start the daemon by itself.
  const start = daemon
    ? 'printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && '
    : 'export DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere; ';
  const command = `${start}exec "$0" "$@"`;
  try {
    const { DISPLAY, DBUS_SESSION_BUS_ADDRESS, ...environment } = process.env;
    const ran = spawnSync(
      'dbus-run-session',
      ['--', 'sh', '-c', command, process.execPath, session, ...steps],
      {
        encoding: 'utf8',
        timeout: 120_000,
        env: { ...environment, HOME: home, XDG_RUNTIME_DIR: home, XDG_DATA_HOME: home },
      },
    );
    assert.equal(ran.status, 0, ran.stderr);
    return JSON.parse(ran.stdout.trim().split('\n').at(-1)!);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

test('unlocked: a wrapping key is kept, read back, and forgotten', { skip }, () => {
  const outcomes = onPrivateBus(true, 'read', 'make', 'read', 'same', 'forget', 'read', 'forget');
  assert.deepEqual(outcomes, [
    'undefined',
    'key of 32 bytes',
    'key of 32 bytes',
    'true',
    'true',
    'undefined',
    'false',
  ]);
});

test('locked: reads as none, and nothing new is taken for made', { skip }, () => {
  const outcomes = onPrivateBus(true, 'make', 'lock', 'read', 'make');
  assert.deepEqual(outcomes.slice(0, 2), ['key of 32 bytes', 'locked']);
  assert.ok(['undefined', 'KeychainError'].includes(outcomes[2]!), outcomes[2]);
  assert.equal(outcomes[3], 'KeychainError');
});

test('absent: an error in words', { skip }, () => {
  assert.deepEqual(onPrivateBus(false, 'read', 'make'), ['KeychainError', 'KeychainError']);
});
