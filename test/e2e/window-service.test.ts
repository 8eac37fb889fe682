// The window against the real service and the demo's gateway: a person connects and disconnects in it, traffic is
// sealed, and it follows what the command does elsewhere.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { laptopProfile, secretName } from '../../build/demo/profiles.ts';
import { connectToService } from '../../main/control/client.ts';
import type { ConnectionState } from '../../main/control/state.ts';
import type { SealnicBridge } from '../../main/tray/ipc.ts';
import { findingsOf } from '../diagnostics/search.ts';
import { Desktop } from './desktop.ts';
import { Office, officeSecret } from './office.ts';
import { TrayHost } from './status-notifier.ts';
import { bundleFor, choosePlace, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const patienceMilliseconds = 40_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';

declare const sealnic: SealnicBridge;

test('connect and disconnect in the window; it follows the command', {
  skip: missing ?? false,
}, async (t) => {
  // Ended in the opposite order: the app before its desktop.
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const office = await Office.start();
  ends.defer(() => office.close());
  const desktop = await Desktop.start();
  ends.defer(() => desktop.close());
  const host = await TrayHost.start(desktop.busAddress);
  ends.defer(() => host.close());
  await bundleFor(desktop);
  const startedAt = performance.now();
  const app = await startWindowApp(desktop, { controlPath: office.controlPath });
  ends.defer(() => endApp(app));
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  const usableAfter = Math.round(performance.now() - startedAt);
  t.diagnostic(`the window was usable after ${usableAfter} ms (wanted: 1500)`);
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });

  await t.test('a click connects, and traffic is sealed', async () => {
    await screenshot(page, 'office-disconnected');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    try {
      await page.getByText('Connected', { exact: true }).first().waitFor();
    } catch (error) {
      throw new Error(`the window says: ${await page.locator('body').innerText()}`, { cause: error });
    }
    await host.menuWith('office: connected', patienceMilliseconds);
    await screenshot(page, 'office-connected');
    const { answered, sealedFrames, readableFrames } = await office.ping();
    assert.equal(answered, 5);
    // What leaves in one go is one frame here.
    assert.ok(sealedFrames > 0);
    assert.equal(readableFrames, 0);
  });

  await t.test(
    'a report of the connection, from window and command, has no secret or name in it',
    async () => {
      const saved = join(desktop.directory, 'report.zip');
      await choosePlace(app, saved);
      await page.getByRole('button', { name: 'Diagnostics' }).click();
      await page.getByRole('tab', { name: 'Report' }).click();
      await page.getByRole('button', { name: 'Make the report' }).click();
      await page.getByRole('button', { name: 'status.json' }).click();
      const shown = await page.locator('.bundle-text').innerText();
      await screenshot(page, 'office-report');
      await page.getByRole('button', { name: 'Save as …' }).click();
      await page.getByRole('button', { name: 'Make the report' }).waitFor();
      const byCommand = join(desktop.directory, 'command.zip');
      await runCommand(['doctor', '--bundle', byCommand], office.controlPath);
      for (const path of [saved, byCommand]) {
        const archive = readFileSync(path);
        const files = Object.entries(unzipSync(archive));
        assert.ok(files.length >= 8, String(files.map(([name]) => name)));
        assert.deepEqual(findingsOf(archive, notInReports), []);
        for (const [name, content] of files) {
          assert.deepEqual(findingsOf(content, notInReports), [], `${name}: ${Buffer.from(content)}`);
        }
      }
      const status = unzipSync(readFileSync(saved))['status.json'];
      assert.deepEqual(JSON.parse(Buffer.from(status!).toString()), JSON.parse(shown));
      assert.match(shown, /"state": "connected"/);
      const log = unzipSync(readFileSync(byCommand))['log.txt'];
      assert.match(Buffer.from(log!).toString(), / info SealNIC /);
      await page.getByRole('button', { name: 'Connection' }).click();
    },
  );

  await t.test('a click disconnects', async () => {
    await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    await host.menuWith('Connect office', patienceMilliseconds);
  });

  await t.test('what the command does is seen soon', async (each) => {
    const client = await connectToService({ path: office.controlPath });
    each.after(() => client.close());
    const inService = new Map<ConnectionState, number>();
    await client.subscribe(({ connections }) => {
      const state = connections.find(({ profile }) => profile === 'office')?.state ?? 'disconnected';
      if (!inService.has(state)) inService.set(state, Date.now());
    });
    await watchStates(page);
    await runCommand(['up', 'office'], office.controlPath);
    await page.getByText('Connected', { exact: true }).first().waitFor();
    const inWindow = await seenStates(page);
    const delay = inWindow.connected! - inService.get('connected')!;
    each.diagnostic(`the window followed the command after ${delay} ms (wanted: 200)`);
    assert.ok(delay < 2000, `${delay} ms`);
    await runCommand(['down', 'office'], office.controlPath);
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  });

  await t.test('a wrong secret is said, and mended', async () => {
    await putSecret(office.controlPath, 'not the one of the gateway');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    const reason = page.getByText('The gateway refused to authenticate us for “office”.').first();
    await reason.waitFor();
    await screenshot(page, 'office-wrong-secret');
    const [line] = (await host.menu()).filter(({ label }) => label.startsWith('office: '));
    assert.ok(line !== undefined);
    await putSecret(office.controlPath, officeSecret);
    await page.getByRole('button', { name: 'Disconnect', exact: false }).first().click();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByText('Connected', { exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  });

  await t.test('a password is asked for in the window and the tray, and of nobody else', async (each) => {
    const root = await connectToService({ path: office.controlPath });
    each.after(() => root.close());
    const content = Buffer.from(
      '[gateway]\naddress = "192.0.2.1"\n[authentication]\nmethod = "eap"\nidentity = "alice"\nauthorities = ["system"]\n',
    );
    await root.call('profiles.import', { fileName: 'login.toml', replace: false }, { content });
    await page.evaluate(() => sealnic.invoke('connection.up', { profile: 'login', wait: false }));
    const dialog = page.getByRole('dialog', { name: 'Enter the password' });
    await dialog.getByText('alice', { exact: true }).waitFor();
    await screenshot(page, 'office-password');
    await host.menuWith('Enter the password …', patienceMilliseconds);
    assert.deepEqual(await root.call('prompts.list', {}), { prompts: [] });
    assert.deepEqual((await root.call('status', {})).prompts, []);
    const id = await page.evaluate(async () => {
      const state = await sealnic.invoke('state.get', {});
      return state.ok && state.value.service === 'present' ? state.value.status.prompts[0]?.id : undefined;
    });
    assert.ok(id !== undefined);
    await assert.rejects(root.call('prompts.answer', { id }, { answer: Buffer.from('x') }), {
      failure: { code: 'prompt-refused', reason: 'not-yours' },
    });
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    const { connections } = await root.call('status', {});
    const login = connections.find(({ profile }) => profile === 'login');
    assert.deepEqual(login?.failure, { code: 'prompt-cancelled', kind: 'eap-password' });
    await root.call('connection.down', { profile: 'login' });

    // Once one was typed, no report knows it, though the gateway takes no passwords.
    await page.evaluate(() => sealnic.invoke('connection.up', { profile: 'login', wait: false }));
    await dialog.locator('input[type=password]').fill(typedPassword);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    const report = await page.evaluate(() => sealnic.invoke('bundle.make', {}));
    assert.ok(report.ok);
    const byCommand = join(desktop.directory, 'after-password.zip');
    await runCommand(['doctor', '--bundle', byCommand], office.controlPath);
    const texts = [...report.value.files.map(({ text }) => Buffer.from(text)), ...contentsOf(byCommand)];
    for (const text of texts)
      assert.deepEqual(findingsOf(text, [...notInReports, typedPassword, 'alice']), []);
    await root.call('connection.down', { profile: 'login' });
    await root.call('profiles.remove', { profile: 'login' });
  });

  assert.deepEqual(problems, []);
});

const typedPassword = 'correct horse battery';

function contentsOf(path: string): readonly Uint8Array[] {
  return Object.values(unzipSync(readFileSync(path)));
}

const notInReports = [officeSecret, ...namesInProfiles()];

/** What the demo's profiles call gateway, person and secret. */
function namesInProfiles(): readonly string[] {
  return [...laptopProfile.matchAll(/(?:identity|address|secret) = "([^"]+)"/g)].map(([, name]) => name!);
}

async function putSecret(controlPath: string, text: string): Promise<void> {
  const client = await connectToService({ path: controlPath });
  try {
    await client.call('secrets.put', { name: secretName, kind: 'psk' }, { secret: Buffer.from(text) });
  } finally {
    client.close();
  }
}

/** Notes when the window's page shows each state for the first time: after React has drawn it. */
async function watchStates(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: Record<string, number> = {};
    Object.assign(window, { seen });
    sealnic.on('state', (state) => {
      if (state.service !== 'present') return;
      const connection = state.status.connections.find(({ profile }) => profile === 'office');
      requestAnimationFrame(() => {
        seen[connection?.state ?? 'disconnected'] ??= Date.now();
      });
    });
  });
}

function seenStates(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => (window as unknown as { seen: Record<string, number> }).seen);
}

async function runCommand(words: readonly string[], controlPath: string): Promise<void> {
  const script = join(import.meta.dirname, '..', '..', 'main', 'cli', 'sealnic.ts');
  const child = spawn(process.execPath, [script, ...words], {
    env: { ...process.env, SEALNIC_CONTROL: controlPath },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0, `sealnic ${words.join(' ')}`);
}
