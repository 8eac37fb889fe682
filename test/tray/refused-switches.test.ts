// What the packaged app does not start with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedSwitch } from '../../main/tray/refused-switches.ts';

test('switches that open the app to others are refused, its own and Chromium’s harmless ones are not', () => {
  const found = (...given: string[]) => refusedSwitch((name) => given.includes(name));
  for (const name of ['remote-debugging-port', 'remote-debugging-pipe', 'no-sandbox', 'js-flags']) {
    assert.equal(found('hidden', name), name);
  }
  assert.equal(found('hidden', 'lang', 'ozone-platform', 'force-device-scale-factor'), undefined);
});
