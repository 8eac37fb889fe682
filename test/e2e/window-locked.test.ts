// What the window may not do, asserted on the running app: its preferences, its policy, its sandbox, and every way out
// of its pages tried.
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { ElectronApplication, Page } from 'playwright-core';
import type { SealnicBridge } from '../../main/tray/ipc.ts';
import { contentSecurityPolicy, startPage } from '../../main/tray/page-protocol.ts';
import { FakeService, runFake, statusOf } from '../control/fake-service.ts';
import { Desktop } from './desktop.ts';
import { TrayHost } from './status-notifier.ts';
import { endApp, pageOf, startWindowApp } from './window-app.ts';

const skip = (await Desktop.missing()) ?? false;

interface Started {
  readonly app: ElectronApplication;
  readonly page: Page;
  readonly desktop: Desktop;
  readonly service: FakeService;
}

async function start(t: TestContext): Promise<Started> {
  // Ended in the opposite order: the app before its desktop.
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const service = new FakeService();
  service.status = statusOf();
  const fake = await runFake(service, { sources: { hasActiveLocalSession: () => true } });
  ends.use(fake);
  chmodSync(fake.directory, 0o755);
  const desktop = await Desktop.start();
  ends.defer(() => desktop.close());
  const host = await TrayHost.start(desktop.busAddress);
  ends.defer(() => host.close());
  const app = await startWindowApp(desktop, { controlPath: fake.path });
  ends.defer(() => endApp(app));
  return { app, page: await pageOf(app), desktop, service };
}

declare const sealnic: SealnicBridge;

test('the window is locked down', { skip }, async (t) => {
  const { app, page, desktop, service } = await start(t);

  await t.test('web preferences', async () => {
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      const contents = window?.webContents as unknown as {
        getLastWebPreferences(): Record<string, unknown>;
      };
      return contents.getLastWebPreferences();
    });
    assert.equal(preferences.sandbox, true);
    assert.equal(preferences.contextIsolation, true);
    assert.equal(preferences.nodeIntegration, false);
    assert.notEqual(preferences.webSecurity, false);
    for (const name of [
      'nodeIntegrationInWorker',
      'nodeIntegrationInSubFrames',
      'webviewTag',
      'allowRunningInsecureContent',
      'experimentalFeatures',
    ]) {
      assert.notEqual(preferences[name], true, name);
    }
  });

  await t.test('the sandbox is on, in truth', async () => {
    const commandLine = await app.evaluate(() => process.argv.join(' '));
    assert.doesNotMatch(commandLine, /no-sandbox|disable-setuid-sandbox/);
    const renderers = processesOf(desktop.user).filter(({ words }) => words.includes('--type=renderer'));
    assert.ok(renderers.length > 0);
    for (const { status, words } of renderers) {
      assert.match(status, /^Seccomp:\t2$/m, 'a renderer without its system call filter');
      assert.doesNotMatch(words.join(' '), /no-sandbox/);
      // In a process namespace of its own.
      assert.match(status, /^NSpid:\t\d+\t\d+/m);
    }
  });

  await t.test('the page is local, and its policy strict', async () => {
    assert.equal(page.url(), startPage);
    const policy = await app.evaluate(async ({ net }, address) => {
      const response = await net.fetch(address);
      return response.headers.get('content-security-policy');
    }, startPage);
    assert.equal(policy, contentSecurityPolicy);
    for (const directive of ["default-src 'none'", "script-src 'self'", "connect-src 'none'"]) {
      assert.ok(contentSecurityPolicy.includes(directive));
    }
    assert.doesNotMatch(contentSecurityPolicy, /unsafe/);
    assert.equal(
      await page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'window.ranInline = true';
        document.head.append(script);
        return 'ranInline' in window;
      }),
      false,
    );
  });

  await t.test('the page knows nothing of Node, and only the bridge', async () => {
    const known = await page.evaluate(() => ({
      require: typeof (globalThis as Record<string, unknown>).require,
      process: typeof (globalThis as Record<string, unknown>).process,
      bridge: Object.keys(sealnic).sort(),
    }));
    assert.deepEqual(known, { require: 'undefined', process: 'undefined', bridge: ['invoke', 'on'] });
  });

  await t.test('it cannot go elsewhere, open windows, embed, or reach the network', async () => {
    const tried = await page.evaluate(async () => {
      const opened = window.open('https://example.org/');
      const frame = document.createElement('iframe');
      frame.src = 'https://example.org/';
      document.body.append(frame);
      const webview = document.createElement('webview');
      webview.setAttribute('src', 'https://example.org/');
      document.body.append(webview);
      const fetched = await fetch('https://example.org/').then(
        () => true,
        () => false,
      );
      const file = await fetch('file:///etc/passwd').then(
        () => true,
        () => false,
      );
      window.location.href = 'https://example.org/';
      return { opened: opened !== null, fetched, file };
    });
    assert.deepEqual(tried, { opened: false, fetched: false, file: false });
    await page.evaluate(() => {
      const link = document.createElement('a');
      link.href = 'file:///etc/passwd';
      document.body.append(link);
      link.click();
    });
    assert.equal(page.url(), startPage);
    const contents = await app.evaluate(({ webContents }) =>
      webContents.getAllWebContents().map((each) => [each.getType(), each.getURL()]),
    );
    assert.deepEqual(contents, [['window', startPage]]);
  });

  await t.test('it gets no permission', async () => {
    const refused = await page.evaluate(async () => {
      const media = await navigator.mediaDevices?.getUserMedia({ audio: true }).then(
        () => 'given',
        () => 'refused',
      );
      const notifications = await Notification.requestPermission();
      const names = ['geolocation', 'notifications', 'camera'] as const;
      const states: string[] = [];
      for (const name of names) {
        states.push((await navigator.permissions.query({ name: name as PermissionName })).state);
      }
      return {
        media: media ?? 'refused',
        notifications,
        given: states.filter((state) => state === 'granted'),
      };
    });
    assert.deepEqual(refused, { media: 'refused', notifications: 'denied', given: [] });
  });

  await t.test('files outside the pages are not served', async () => {
    for (const address of [
      'sealnic://app/../package.json',
      'sealnic://app/%2e%2e/package.json',
      'sealnic://x/',
    ]) {
      const status = await app.evaluate(async ({ net }, each) => (await net.fetch(each)).status, address);
      assert.equal(status, 404, address);
    }
  });

  await t.test('what the page sends is checked in main', async () => {
    const outcomes = await page.evaluate(async () => {
      const invoke = sealnic.invoke as (name: unknown, parameters: unknown) => Promise<unknown>;
      return [
        await invoke('connection.up', { profile: '../../etc', wait: false }),
        await invoke('__proto__', {}),
        await invoke('settings.set', { theme: 'blinking' }),
        await invoke('filter.remove', undefined),
      ];
    });
    assert.deepEqual(
      (outcomes as { ok: boolean; failure: { code: string } }[]).map(({ ok, failure }) => [ok, failure.code]),
      [
        [false, 'invalid-request'],
        [false, 'unknown-method'],
        [false, 'invalid-request'],
        [false, 'invalid-request'],
      ],
    );
  });

  await t.test('a secret goes through as bytes', async () => {
    const outcome = await page.evaluate(() =>
      sealnic.invoke('secrets.put', {
        name: 'office',
        kind: 'psk',
        secret: new TextEncoder().encode('correct horse'),
      }),
    );
    assert.deepEqual(outcome, { ok: true, value: {} });
    const put = service.calls.find(({ method }) => method === 'secrets.put');
    assert.equal(Buffer.from(put?.uploads.secret ?? '', 'hex').toString(), 'correct horse');
  });
});

interface Process {
  readonly words: readonly string[];
  readonly status: string;
}

function processesOf(user: number): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((id) => {
      try {
        const status = readFileSync(`/proc/${id}/status`, 'utf8');
        if (!status.includes(`\nUid:\t${user}\t`)) return [];
        return [{ status, words: readFileSync(`/proc/${id}/cmdline`, 'utf8').split(/[\0 ]/) }];
      } catch {
        // Ended in between.
        return [];
      }
    });
}
