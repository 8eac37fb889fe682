// The files of the app: whole or not at all, and never a reason not to start.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { memoryFile, settingsFile, toConnectAtStart, usedNow } from '../../main/tray/app-memory.ts';
import type { ServiceState } from '../../main/tray/ipc.ts';
import { connectedStatus, statusOf } from '../control/fake-service.ts';

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-settings-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('settings outlive the app, and only the user reads them', (t) => {
  const path = join(directoryOf(t), 'below', 'settings.json');
  settingsFile(path).update({ theme: 'dark', connectOnStart: ['office'] });
  assert.deepEqual(settingsFile(path).value, {
    theme: 'dark',
    language: 'system',
    contrast: 'system',
    motion: 'system',
    notifications: true,
    checkForUpdates: false,
    startAtLogin: false,
    connectOnStart: ['office'],
  });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['settings.json']);
});

test('what is not valid has its default, key by key', (t) => {
  const path = join(directoryOf(t), 'settings.json');
  writeFileSync(path, JSON.stringify({ theme: 'pink', notifications: false, other: 1 }));
  const { value } = settingsFile(path);
  assert.equal(value.theme, 'system');
  assert.equal(value.notifications, false);
  assert.ok(!('other' in value));
  for (const text of ['', '{"theme":', '[1]', 'null']) {
    writeFileSync(path, text);
    assert.equal(settingsFile(path).value.theme, 'system');
  }
});

test('where the file cannot be written the settings stay as they were', (t) => {
  const directory = directoryOf(t);
  const path = join(directory, 'file', 'settings.json');
  writeFileSync(join(directory, 'file'), 'in the way');
  const file = settingsFile(path);
  assert.throws(() => file.update({ theme: 'dark' }));
  assert.equal(file.value.theme, 'system');
});

test('the memory starts empty', (t) => {
  const path = join(directoryOf(t), 'window.json');
  const file = memoryFile(path);
  assert.deepEqual(file.value, {
    bounds: null,
    lastUsed: [],
    toldAboutTray: false,
    trayDismissed: false,
    update: { serial: 0, told: '' },
  });
  file.update({ toldAboutTray: true });
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).toldAboutTray, true);
});

function present(...connections: Parameters<typeof connectedStatus>[0][]): ServiceState {
  return {
    service: 'present',
    status: statusOf(...connections.map((each) => connectedStatus(each))),
    profiles: [
      { name: 'office', role: 'client', authentication: 'psk', state: 'disconnected' },
      { name: 'lab', role: 'client', authentication: 'psk', state: 'disconnected' },
      {
        name: 'broken',
        role: 'client',
        authentication: 'psk',
        state: 'disconnected',
        problem: { problem: { code: 'missing' } },
      },
    ],
  };
}

test('what is in use moves to the front', () => {
  assert.deepEqual(usedNow(['a', 'office'], present({ profile: 'office' })), ['office', 'a']);
  assert.equal(usedNow(['office', 'a'], present({ profile: 'office' })), undefined);
  assert.equal(usedNow(['a'], present({ profile: 'office', state: 'failed' })), undefined);
  assert.deepEqual(usedNow([], present({ profile: 'a', since: 1 }, { profile: 'b', since: 2 })), ['b', 'a']);
});

test('only what can be connected, and is not, is connected at the start', () => {
  const settings = {
    theme: 'system',
    language: 'system',
    contrast: 'system',
    motion: 'system',
    notifications: true,
    checkForUpdates: false,
    startAtLogin: true,
    connectOnStart: ['office', 'lab', 'broken', 'gone'],
  } as const;
  const wanted = { ...settings, connectOnStart: [...settings.connectOnStart] };
  assert.deepEqual(toConnectAtStart(wanted, present({ profile: 'office' })), ['lab']);
  assert.deepEqual(toConnectAtStart(wanted, { service: 'starting' }), []);
});
