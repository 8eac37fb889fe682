// The tray app in a real Electron, its menu read and clicked over D-Bus as a desktop does, against a service of fixed
// answers at the real control endpoint.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { connectedStatus, FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { Desktop } from './desktop.ts';
import { TrayHost } from './status-notifier.ts';
import { startTrayApp } from './tray-app.ts';

const patienceMilliseconds = 20_000;

test('connect, disconnect and quit from the tray', {
  skip: (await Desktop.missing()) ?? false,
}, async (t) => {
  const service = new FakeService({
    'profiles.list': () => ({
      profiles: [{ name: 'office', role: 'client', authentication: 'psk', state: 'disconnected' }],
    }),
    'connection.up': ({ profile }) => {
      const connecting = connectedStatus({ profile, state: 'connecting', owner: desktop.user });
      service.setStatus(statusOf(connecting));
      return connecting;
    },
    'connection.down': () => {
      service.setStatus(statusOf());
      return {};
    },
  });
  service.status = statusOf();
  await using fake = await runFake(service, { sources: { hasActiveLocalSession: () => true } });
  chmodSync(fake.directory, 0o755);

  const desktop = await Desktop.start();
  t.after(() => desktop.close());
  const host = await TrayHost.start(desktop.busAddress);
  t.after(() => host.close());
  const app = await startTrayApp(desktop, fake.path);
  try {
    await host.item(patienceMilliseconds);
    const menu = await host.menuWith('Connect office', patienceMilliseconds);
    assert.deepEqual(
      menu.filter(({ separator }) => !separator).map(({ label }) => label),
      ['Not connected', 'Connect office', 'Open SealNIC', 'Copy diagnostics', 'Start at login', 'Quit'],
    );
    assert.equal(await host.tooltip(), 'SealNIC: not connected');
    const disconnectedIcon = await host.iconBytes();
    assert.ok((await host.iconSizes()).every(([width]) => width >= 16));

    await host.click('Connect office');
    await host.menuWith('office: connecting …', patienceMilliseconds);
    const up = service.calls.find(({ method }) => method === 'connection.up');
    assert.deepEqual(up?.parameters, { profile: 'office', wait: false });
    assert.equal(up?.caller.uid, desktop.user);

    service.setStatus(statusOf(connectedStatus({ owner: desktop.user, since: fixtureNow })));
    await host.menuWith('office: connected', patienceMilliseconds);
    assert.notEqual(await host.iconBytes(), disconnectedIcon);

    await host.click('Disconnect office');
    await host.menuWith('Connect office', patienceMilliseconds);
    assert.ok(service.calls.some(({ method }) => method === 'connection.down'));
    assert.equal(await host.iconBytes(), disconnectedIcon);

    await host.click('Quit');
    assert.equal(await app.ended, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${app.errors()}`, { cause: error });
  }
});
