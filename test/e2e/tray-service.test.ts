// The tray app against the real service: a click in the menu brings up a tunnel to our own gateway, and traffic goes
// through it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Desktop } from './desktop.ts';
import { Office } from './office.ts';
import { TrayHost } from './status-notifier.ts';
import { startTrayApp } from './tray-app.ts';

const patienceMilliseconds = 20_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';

test('a click connects, traffic is sealed, a click disconnects', { skip: missing ?? false }, async (t) => {
  const office = await Office.start();
  t.after(() => office.close());

  const desktop = await Desktop.start();
  t.after(() => desktop.close());
  const host = await TrayHost.start(desktop.busAddress);
  t.after(() => host.close());
  const app = await startTrayApp(desktop, office.controlPath);
  try {
    await host.item(patienceMilliseconds);
    await host.menuWith('Connect office', patienceMilliseconds);
    await host.click('Connect office');
    await host.menuWith('office: connected', patienceMilliseconds);

    const { answered, sealedFrames, readableFrames } = await office.ping();
    assert.equal(answered, 5);
    assert.ok(sealedFrames >= 10);
    assert.equal(readableFrames, 0);

    await host.click('Disconnect office');
    await host.menuWith('Connect office', patienceMilliseconds);
    await host.click('Quit');
    assert.equal(await app.ended, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${app.errors()}`, { cause: error });
  }
});
