// The autostart entry of Linux desktops.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { autostartEntry, linuxLoginItem } from '../../main/tray/login-item/linux.ts';

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
