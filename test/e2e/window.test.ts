// The life of the window and the tray beside it, on a desktop of the test, against a service of fixed answers.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ElectronApplication, Page } from 'playwright-core';
import type { SealnicBridge } from '../../main/tray/ipc.ts';
import { connectedStatus, FakeService, runFake, statusOf } from '../control/fake-service.ts';
import { Desktop } from './desktop.ts';
import { NotificationHost } from './notification-host.ts';
import { TrayHost } from './status-notifier.ts';
import { endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const skip = (await Desktop.missing()) ?? false;
const patienceMilliseconds = 20_000;

declare const sealnic: SealnicBridge;

interface Stage {
  readonly service: FakeService;
  readonly desktop: Desktop;
  readonly controlPath: string;
  stopService(): Promise<void>;
  /** Ended in the opposite order: the app before its desktop. */
  readonly ends: AsyncDisposableStack;
}

async function stageOf(t: TestContext): Promise<Stage> {
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const service = new FakeService();
  service.status = statusOf();
  const fake = ends.use(await runFake(service, { sources: { hasActiveLocalSession: () => true } }));
  chmodSync(fake.directory, 0o755);
  const desktop = ends.adopt(await Desktop.start(), (each) => each.close());
  return { service, desktop, controlPath: fake.path, ends, stopService: () => fake.endpoint.close() };
}

async function trayOf({ desktop, ends }: Stage): Promise<TrayHost> {
  return ends.adopt(await TrayHost.start(desktop.busAddress), (each) => each.close());
}

async function appOf(stage: Stage, ...words: string[]): Promise<ElectronApplication> {
  const { desktop, controlPath, ends } = stage;
  return ends.adopt(await startWindowApp(desktop, { controlPath, arguments: words }), endApp);
}

async function notificationsOf({ desktop, ends }: Stage): Promise<NotificationHost> {
  return ends.adopt(await NotificationHost.start(desktop.busAddress), (each) => each.close());
}

function visible(app: ElectronApplication): Promise<boolean> {
  return app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().some((each) => each.isVisible()));
}

async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + patienceMilliseconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not so in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function endOf(app: ElectronApplication): Promise<unknown> {
  return new Promise<void>((resolve) => app.once('close', () => resolve()));
}

/** Has the page count what reaches it. */
async function countEvents(page: Page): Promise<void> {
  await page.evaluate(() => {
    const counts = { state: 0, visibility: 0 };
    Object.assign(window, { counts });
    sealnic.on('state', () => counts.state++);
    sealnic.on('visibility', () => counts.visibility++);
  });
}

function counted(page: Page): Promise<{ state: number; visibility: number }> {
  return page.evaluate(() => (window as unknown as { counts: { state: number; visibility: number } }).counts);
}

test('the window opens, hides, and comes back from the tray and by a second start', { skip }, async (t) => {
  const stage = await stageOf(t);
  const { desktop, controlPath, service } = stage;
  const host = await trayOf(stage);
  const app = await appOf(stage);
  const page = await pageOf(app);
  await host.item(patienceMilliseconds);
  await eventually(() => visible(app), 'the window is visible at the start');
  const size = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getMinimumSize());
  assert.equal(size?.[0], 420);
  await screenshot(page, 'start');

  await countEvents(page);
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
  await eventually(async () => !(await visible(app)), 'closing hides it');
  await eventually(async () => (await counted(page)).visibility >= 1, 'the page is told that it is hidden');

  // Hidden: a change of state crosses, and nothing else does, however long it takes.
  const before = service.calls.length;
  service.setStatus(statusOf(connectedStatus({ owner: desktop.user })));
  await eventually(async () => (await counted(page)).state >= 1, 'a hidden page hears of a change');
  const refreshed = await page.evaluate(() => sealnic.invoke('state.refresh', {}));
  assert.equal(refreshed.ok, true);
  assert.ok(!service.calls.slice(before).some(({ method }) => method === 'verdicts.tail'));

  await host.click('Open SealNIC');
  await eventually(() => visible(app), 'the tray opens it');

  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
  await eventually(async () => !(await visible(app)), 'closing hides it again');
  const { default: electron } = await import('electron');
  const second = desktop.start([electron as unknown as string, join(desktop.directory, 'tray')], {
    SEALNIC_CONTROL: controlPath,
  });
  const ended = new Promise((resolve) => second.once('exit', resolve));
  await eventually(() => visible(app), 'a second start opens it');
  assert.equal(await ended, 0);
});

test('started at login it stays in the tray; the setting writes the autostart file', { skip }, async (t) => {
  const stage = await stageOf(t);
  const { desktop } = stage;
  const host = await trayOf(stage);
  const app = await appOf(stage, '--hidden');
  await host.item(patienceMilliseconds);
  await host.menuWith('Connect office', patienceMilliseconds);
  assert.equal(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length), 0);

  const file = join(desktop.directory, '.config', 'autostart', 'sealnic.desktop');
  await host.click('Start at login');
  await eventually(() => existsSync(file), 'the autostart file is written');
  assert.match(readFileSync(file, 'utf8'), /^Exec=".*" ".*\/tray" "--hidden"$/m);
  await host.click('Start at login');
  await eventually(() => !existsSync(file), 'the autostart file is removed');
});

test('settings hold at once and at the next start: language and theme', { skip }, async (t) => {
  const stage = await stageOf(t);
  const host = await trayOf(stage);
  const first = await appOf(stage);
  const page = await pageOf(first);
  await host.item(patienceMilliseconds);
  await host.menuWith('Connect office', patienceMilliseconds);
  const outcome = await page.evaluate(() =>
    sealnic.invoke('settings.set', { language: 'ja', theme: 'dark', notifications: false }),
  );
  assert.ok(outcome.ok && outcome.value.language === 'ja');
  await host.menuWith('office に接続', patienceMilliseconds);
  const dark = () => page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
  await eventually(dark, 'the page is dark');
  const ended = endOf(first);
  await host.click('終了');
  await ended;

  const again = await appOf(stage);
  const information = await (await pageOf(again)).evaluate(() => sealnic.invoke('app.information', {}));
  assert.ok(information.ok);
  assert.equal(information.value.language, 'ja');
  assert.equal(information.value.systemLanguage, 'en');
  assert.equal(information.value.trayAvailable, true);
});

test('a change of state is notified once, with its reason', { skip }, async (t) => {
  const stage = await stageOf(t);
  const { desktop, service } = stage;
  const host = await trayOf(stage);
  const notifications = await notificationsOf(stage);
  const _app = await appOf(stage, '--hidden');
  await host.item(patienceMilliseconds);
  await host.menuWith('Connect office', patienceMilliseconds);
  service.setStatus(statusOf(connectedStatus({ owner: desktop.user })));
  await notifications.count(1, patienceMilliseconds);
  service.setStatus(statusOf(connectedStatus({ owner: desktop.user })));
  service.setStatus(
    statusOf(
      connectedStatus({ state: 'reconnecting', failure: { code: 'dead-peer' }, protectedTraffic: 'blocked' }),
    ),
  );
  await notifications.count(2, patienceMilliseconds);
  assert.deepEqual(notifications.shown, [
    { title: 'office is connected', body: 'Traffic to its networks is sealed.' },
    {
      title: 'office is reconnecting',
      body:
        'The gateway of “office” has stopped answering. ' + 'Traffic to its networks is blocked meanwhile.',
    },
  ]);
});

test('the service goes and comes back, and the window says so', { skip }, async (t) => {
  const stage = await stageOf(t);
  const host = await trayOf(stage);
  const app = await appOf(stage);
  const page = await pageOf(app);
  await host.item(patienceMilliseconds);
  await host.menuWith('Connect office', patienceMilliseconds);
  const state = () => page.evaluate(() => sealnic.invoke('state.get', {}));

  await stage.stopService();
  await host.menuWith('The SealNIC service is not running', patienceMilliseconds);
  const away = await state();
  assert.ok(away.ok && away.value.service === 'away');
  const refused = await page.evaluate(() => sealnic.invoke('sa.list', {}));
  assert.ok(!refused.ok && refused.failure.code === 'no-service');
  await screenshot(page, 'service-away');

  const sources = { hasActiveLocalSession: () => true };
  stage.ends.use(await runFake(stage.service, { path: stage.controlPath, sources }));
  await host.menuWith('Connect office', patienceMilliseconds);
  const back = await state();
  assert.ok(back.ok && back.value.service === 'present');
});

test('without a place for tray icons it says so once, and lives in its window', { skip }, async (t) => {
  const stage = await stageOf(t);
  const notifications = await notificationsOf(stage);
  const app = await appOf(stage, '--hidden');
  await eventually(() => visible(app), 'the window opens even where it was started at login');
  await notifications.count(1, patienceMilliseconds);
  assert.equal(notifications.shown[0]?.title, 'SealNIC lives in its window');
  const ended = endOf(app);
  await app.evaluate(({ BrowserWindow }) => {
    setTimeout(() => BrowserWindow.getAllWindows()[0]?.close(), 0);
  });
  await ended;

  const again = await appOf(stage);
  const information = await (await pageOf(again)).evaluate(() => sealnic.invoke('app.information', {}));
  assert.ok(information.ok && !information.value.trayAvailable);
  assert.equal(notifications.shown.length, 1);
});
