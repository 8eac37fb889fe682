// The autostart entry of Linux desktops.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { autostartEntry, linuxLoginItem } from '../../main/tray/login-item/linux.ts';
import { startCommand } from '../../main/tray/login-item/start-command.ts';

test('it is on while its file is there', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-autostart-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const item = linuxLoginItem(directory, ['/opt/SealNIC/sealnic', '--hidden']);
  assert.equal(item.on, false);
  item.set(true);
  assert.equal(item.on, true);
  const text = readFileSync(join(directory, 'autostart', 'sealnic.desktop'), 'utf8');
  assert.match(text, /^\[Desktop Entry\]\nType=Application\nName=SealNIC\n/);
  assert.match(text, /^Exec="\/opt\/SealNIC\/sealnic" "--hidden"$/m);
  item.set(false);
  assert.equal(existsSync(join(directory, 'autostart', 'sealnic.desktop')), false);
  item.set(false);
});

test('special characters of the path stay what they are', () => {
  const entry = autostartEntry(['/home/a b/50%/$x "y" \\z/app']);
  assert.match(entry, /^Exec="\/home\/a b\/50%%\/\\\\\$x \\\\"y\\\\" \\\\\\\\z\/app"$/m);
});

test('at login starts what is still there then: the package, the AppImage, or the clone', () => {
  const place = {
    packaged: true,
    executable: '/opt/SealNIC/sealnic-app',
    appPath: '/tmp/a/app',
    environment: {},
  };
  assert.deepEqual(startCommand(place), ['/opt/SealNIC/sealnic-app', '--hidden']);
  assert.deepEqual(startCommand({ ...place, environment: { APPIMAGE: '/home/a/SealNIC.AppImage' } }), [
    '/home/a/SealNIC.AppImage',
    '--hidden',
  ]);
  // What npm start bundled is deleted when the app ends.
  const again = ['/clone/node', '/clone/build/bootstrap.mjs', 'start'];
  const fromClone = { ...place, packaged: false, environment: { SEALNIC_START: JSON.stringify(again) } };
  assert.deepEqual(startCommand(fromClone), [...again, '--hidden']);
  assert.deepEqual(startCommand({ ...fromClone, packaged: true }), ['/opt/SealNIC/sealnic-app', '--hidden']);
});
