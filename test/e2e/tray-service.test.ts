// Tray and window against the real service and the demo's gateway, through what happens to a person in a week: gateway
// and service die and come back, the computer sleeps, a second connection, another user, a wrong secret.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { ElectronApplication, Page } from 'playwright-core';
import { laptopProfile, officeNetwork, secretName } from '../../build/demo/profiles.ts';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import { commandChannel } from '../../main/tray/channels.ts';
import type { SealnicBridge } from '../../main/tray/ipc.ts';
import { until } from '../interop/lab/command.ts';
import { Desktop } from './desktop.ts';
import { NotificationHost } from './notification-host.ts';
import { Office, officeSecret } from './office.ts';
import { TrayHost } from './status-notifier.ts';
import { bundleFor, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const patienceMilliseconds = 40_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';

declare const sealnic: SealnicBridge;

/** Asks soon whether the gateway is there, and soon gives up. */
const office = `${laptopProfile}
[ike]
dead_peer_detection_seconds = 2
give_up_seconds = 2
`;
/** Behind the same gateway; see office-process.ts. */
const warehouse = office
  .replaceAll(officeNetwork, '10.21.0.0/24')
  .replace('laptop@office.test', 'second@office.test');
const annex = office.replaceAll(officeNetwork, '10.20.0.128/25');
const login =
  '[gateway]\naddress = "192.0.2.1"\n[authentication]\nmethod = "eap"\nidentity = "alice"\nauthorities = ["system"]\n';

describe('tray, window and service', { skip: missing ?? false }, () => {
  const ends = new AsyncDisposableStack();
  let network: Office;
  let host: TrayHost;
  let notifications: NotificationHost;
  let app: ElectronApplication;
  let page: Page;
  let root: ControlClient;
  /** The pictures in the tray, by what they stood for. */
  const icons = new Map<string, string>();

  before(async () => {
    network = await Office.start();
    ends.defer(() => network.close());
    const desktop = await Desktop.start();
    ends.defer(() => desktop.close());
    host = await TrayHost.start(desktop.busAddress);
    ends.defer(() => host.close());
    notifications = await NotificationHost.start(desktop.busAddress);
    ends.defer(() => notifications.close());
    await asRoot();
    ends.defer(() => root.close());
    await put('office', office);
    await bundleFor(desktop);
    app = await startWindowApp(desktop, { controlPath: network.controlPath });
    ends.defer(() => endApp(app));
    page = await pageOf(app);
    page.setDefaultTimeout(patienceMilliseconds);
    await host.item(patienceMilliseconds);
    await host.menuWith('Connect office', patienceMilliseconds);
    icons.set('disconnected', await host.iconBytes());
  });
  after(() => ends.disposeAsync());

  test('a click connects, traffic is sealed, and it is told once', async () => {
    await host.click('Connect office');
    await shows('office: connected', 'connected');
    await inWindow('Connected');
    await told(['office is connected']);
    const { answered, sealedFrames, readableFrames } = await network.ping();
    assert.deepEqual([answered, readableFrames], [5, 0]);
    // What leaves in one go is one frame here.
    assert.ok(sealedFrames > 0);
  });

  test('the gateway dies: blocked, in words; it returns: connected', async () => {
    await network.kill('gateway');
    const menu = await shows('office: reconnecting …', 'reconnecting');
    assert.deepEqual(texts(menu).slice(1, 3), [
      'The gateway of “office” has stopped answering.',
      'Traffic to its networks is blocked meanwhile',
    ]);
    await inWindow('Blocked: traffic to the protected networks does not leave this computer.');
    await inWindow('The gateway of “office” has stopped answering.');
    await button('Retry').waitFor();
    await button('Disconnect and allow').waitFor();
    await screenshot(page, 'office-gateway-gone');
    const { answered, readableFrames } = await network.ping();
    assert.deepEqual([answered, readableFrames], [0, 0]);
    await network.startAgain('gateway');
    await shows('office: connected', 'connected');
    await inWindow('Connected');
    await told(['office is reconnecting', 'office is connected']);
    assert.match(notifications.shown[1]!.body, /stopped answering.*blocked meanwhile/);
    assert.ok((await network.ping()).answered > 0);
  });

  test('a nap is no news', async () => {
    const before = texts(await host.menu());
    await network.sleep(10 * 60_000);
    await until('word of the sleep', patienceMilliseconds, async () => {
      const { lines } = await root.call('log.tail', {
        after: 0,
        limit: 1000,
        level: 'info',
        everything: true,
      });
      return lines.some(({ text }) => text.includes('slept for 600 s')) || undefined;
    });
    assert.equal((await network.ping()).answered, 5);
    assert.deepEqual(texts(await host.menu()), before);
    await told([]);
  });

  test('awake after a night, and the gateway is silent: reconnecting, with that reason', async () => {
    await network.kill('gateway');
    await network.sleep(8 * 3_600_000);
    const menu = await shows('office: reconnecting …', 'reconnecting');
    assert.match(texts(menu)[1]!, /the computer slept/);
    await inWindow(/the computer slept/);
    await network.startAgain('gateway');
    await shows('office: connected', 'connected');
    await told(['office is reconnecting', 'office is connected']);
  });

  test('two connections at once: a line for each, the last used first; an overlap is refused by name', async () => {
    await put('warehouse', warehouse);
    await put('annex', annex);
    await host.menuWith('Connect warehouse', patienceMilliseconds);
    await host.click('Connect warehouse');
    const menu = await host.menuWith('warehouse: connected', patienceMilliseconds);
    const labels = texts(menu);
    assert.deepEqual(labels.slice(0, 2), ['warehouse: connected', 'office: connected']);
    assert.deepEqual(
      labels.filter((label) => /^(Connect|Disconnect) /.test(label)),
      ['Disconnect warehouse', 'Disconnect office', 'Connect annex'],
    );
    assert.match(await host.tooltip(), /^SealNIC: warehouse connected.*, office connected/);
    await told(['warehouse is connected']);
    await page.getByRole('tab', { name: /^warehouse/ }).click();
    await screenshot(page, 'office-two-connections');

    const refusal = /^“annex” and “office” both protect 10\.20\.0\.128\/25/;
    await host.click('Connect annex');
    await host.menuWith(refusal, patienceMilliseconds);
    await page.getByRole('tab', { name: /^annex/ }).click();
    await button('Connect').click();
    await inWindow(/“annex” and “office” both protect 10\.20\.0\.128\/25/);
    await screenshot(page, 'office-overlap');
    assert.equal((await network.ping()).answered, 5);

    await host.click('Disconnect warehouse');
    await host.menuWith('Connect warehouse', patienceMilliseconds);
    await told(['warehouse is disconnected']);
    await root.call('profiles.remove', { profile: 'warehouse' });
    await root.call('profiles.remove', { profile: 'annex' });
    await host.menuWithout(/warehouse|annex/, patienceMilliseconds);
  });

  test('another language, at once, in menu, tooltip, window and news', async () => {
    await setLanguage('ja');
    try {
      await host.menuWith('office: 接続済み', patienceMilliseconds);
      assert.doesNotMatch(
        texts(await host.menu())
          .join(' ')
          .replaceAll(/office|SealNIC/g, ''),
        /[a-z]{3}/,
      );
      assert.doesNotMatch((await host.tooltip()).replaceAll(/office|SealNIC/g, ''), /[a-z]{3}/);
      await page.getByRole('button', { name: '接続', exact: true }).first().waitFor();
    } finally {
      await setLanguage('en');
    }
    await host.menuWith('office: connected', patienceMilliseconds);
  });

  test('the service dies: told once, nothing leaks; it returns, and the connection with it', async () => {
    await network.kill('laptop');
    root.close();
    await shows('The SealNIC service is not running', 'no-service');
    await inWindow('Known once the service is running.');
    const { answered, readableFrames } = await network.ping();
    assert.deepEqual([answered, readableFrames], [0, 0]);
    await network.startAgain('laptop');
    await asRoot();
    await shows('office: connected', 'connected');
    await inWindow('Connected');
    await told(['The SealNIC service has stopped', 'office is connected']);
    assert.equal((await network.ping()).answered, 5);
    await host.click('Disconnect office');
    await shows('Connect office', 'disconnected');
    await told(['office is disconnected']);
  });

  test("another user's connection: seen plainly, without its details or questions, and not ended", async () => {
    await root.call('connection.up', { profile: 'office', wait: true });
    await shows('office: connected', 'connected');
    await inWindow('Another user opened this connection.', false);
    assert.doesNotMatch(await page.locator('main').innerText(), /10\.99\.0\.|laptop@office/);
    await screenshot(page, 'office-others');
    await host.click('Disconnect office');
    await host.menuWith('Another user (uid 0) opened this connection.', patienceMilliseconds);
    await button('Disconnect').click();
    await inWindow('Another user (uid 0) opened this connection.');
    assert.equal((await network.ping()).answered, 5);

    await put('login', login);
    await root.call('connection.up', { profile: 'login', wait: false });
    const menu = await host.menuWith('login: connecting …', patienceMilliseconds);
    assert.equal((await root.call('prompts.list', {})).prompts.length, 1);
    assert.ok(!texts(menu).some((label) => label.startsWith('Enter ')));
    const seen = await page.evaluate(() => sealnic.invoke('state.refresh', {}));
    assert.ok(seen.ok && seen.value.service === 'present');
    assert.deepEqual(seen.value.status.prompts, []);
    await root.call('connection.down', { profile: 'login' });
    await root.call('profiles.remove', { profile: 'login' });
    await root.call('connection.down', { profile: 'office' });
    await shows('Connect office', 'disconnected');
    await told(['office is connected', 'office is disconnected']);
  });

  test('a wrong secret: told once, with what to check', async () => {
    await putSecret('not the one of the gateway');
    await host.click('Connect office');
    const menu = await host.menuWith('office: failed', patienceMilliseconds);
    assert.equal(texts(menu)[1], 'The gateway refused to authenticate us for “office”.');
    const icon = await host.iconBytes();
    assert.ok(icon !== icons.get('connected') && icon !== icons.get('disconnected'));
    await told(['office could not be connected']);
    assert.match(notifications.shown.at(-1)!.body, /refused to authenticate.*Check the identity/);
    await putSecret(officeSecret);
    await host.click('Retry office');
    await shows('office: connected', 'connected');
    await told(['office is connected']);
  });

  test('a hidden window: no timers, no questions, and an event only when the state changes', async () => {
    // Not the one that soon doubts its gateway: a busy computer would change its state.
    await host.click('Disconnect office');
    await host.menuWith('Connect office', patienceMilliseconds);
    await put('office', laptopProfile);
    await host.click('Connect office');
    await host.menuWith('office: connected', patienceMilliseconds);
    await page.context().addInitScript(countTimers);
    await page.reload();
    await page.getByText('Connected', { exact: true }).first().waitFor();
    // Counts what the page asks, in main's place; a window that is seen asks.
    await startCounting();
    await until('a question', patienceMilliseconds, async () => {
      const { asked, timers } = await counted();
      return (asked > 0 && timers > 0) || undefined;
    });
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide());
    // What was under way when it was hidden comes to its end.
    await until('silence', patienceMilliseconds, async () => {
      await startCounting();
      await wait(1500);
      const { asked, timers } = await counted();
      return (asked === 0 && timers === 0) || undefined;
    });
    await startCounting();
    // Counters move meanwhile.
    assert.equal((await network.ping()).answered, 5);
    await wait(10_000);
    assert.deepEqual(await counted(), { asked: 0, sent: [], timers: 0 });
    await host.click('Disconnect office');
    await shows('Connect office', 'disconnected');
    const { asked, sent, timers } = await counted();
    assert.deepEqual([asked, timers], [0, 0]);
    assert.ok(sent.length > 0);
  });

  async function startCounting(): Promise<void> {
    await app.evaluate(({ BrowserWindow }, channel) => {
      const contents = BrowserWindow.getAllWindows()[0]!.webContents;
      const counts = { asked: 0, sent: [] as string[] };
      Object.assign(globalThis, { counts });
      contents.ipc.removeHandler(channel);
      contents.ipc.handle(channel, () => {
        counts.asked += 1;
        return { ok: false, failure: { code: 'no-service', path: '', detail: '' } };
      });
      const { send } = Object.getPrototypeOf(contents) as typeof contents;
      contents.send = (...message) => {
        counts.sent.push(JSON.stringify(message));
        send.apply(contents, message);
      };
    }, commandChannel);
    await page.evaluate(() => {
      (window as unknown as { timersFired: number }).timersFired = 0;
    });
  }

  async function counted(): Promise<{ asked: number; sent: readonly string[]; timers: number }> {
    const counts = await app.evaluate(
      () => (globalThis as unknown as { counts: { asked: number; sent: string[] } }).counts,
    );
    const timers = await page.evaluate(() => (window as unknown as { timersFired: number }).timersFired);
    return { ...counts, timers };
  }

  /** The menu once it has the entry, with the picture of that state beside it. */
  async function shows(label: string, state: string) {
    const menu = await host.menuWith(label, patienceMilliseconds);
    const icon = await host.iconBytes();
    const known = icons.get(state);
    if (known === undefined) {
      const same = [...icons].filter(([, bytes]) => bytes === icon).map(([name]) => name);
      assert.deepEqual(same, [], `one picture for two states: ${state}`);
      icons.set(state, icon);
    } else {
      assert.ok(icon === known, `the picture is not that of "${state}"`);
    }
    return menu;
  }

  let alreadyTold = 0;
  /** These notifications and no others since the last call. */
  async function told(titles: readonly string[]): Promise<void> {
    await notifications.count(alreadyTold + titles.length, patienceMilliseconds);
    assert.deepEqual(
      notifications.shown.slice(alreadyTold).map(({ title }) => title),
      titles,
    );
    alreadyTold += titles.length;
  }

  async function inWindow(text: string | RegExp, exact = true): Promise<void> {
    try {
      await page.getByText(text, { exact }).first().waitFor();
    } catch (error) {
      throw new Error(`the window says: ${await page.locator('body').innerText()}`, { cause: error });
    }
  }

  const button = (name: string) => page.getByRole('button', { name, exact: true });

  async function setLanguage(language: 'en' | 'ja'): Promise<void> {
    await page.evaluate((each) => sealnic.invoke('settings.set', { language: each }), language);
  }

  async function asRoot(): Promise<void> {
    root = await connectToService({ path: network.controlPath });
  }

  async function put(name: string, text: string): Promise<void> {
    const content = Buffer.from(text);
    await root.call('profiles.import', { fileName: `${name}.toml`, replace: true }, { content });
  }

  async function putSecret(text: string): Promise<void> {
    await root.call('secrets.put', { name: secretName, kind: 'psk' }, { secret: Buffer.from(text) });
  }
});

/** Runs in the page before its own scripts: counts what any timer or frame calls. */
function countTimers(): void {
  const counting = window as unknown as { timersFired: number };
  counting.timersFired = 0;
  for (const name of ['setTimeout', 'setInterval', 'requestAnimationFrame'] as const) {
    const original = window[name] as (call: (...values: unknown[]) => void, ...rest: unknown[]) => number;
    const replacement = (call: (...values: unknown[]) => void, ...rest: unknown[]) =>
      original(
        (...values: unknown[]) => {
          counting.timersFired += 1;
          call(...values);
        },
        ...rest,
      );
    Object.assign(window, { [name]: replacement });
  }
}

function texts(menu: readonly { readonly label: string; readonly separator: boolean }[]): readonly string[] {
  return menu.filter(({ separator }) => !separator).map(({ label }) => label);
}
