// Keys in the window against the real service and the demo's gateway: a vault is made, a secret put into it, and a
// connection needs it opened: by a passphrase, by the recovery code, by a real keychain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElectronApplication } from 'playwright-core';
import { secretName } from '../../build/demo/profiles.ts';
import { connectToService } from '../../main/control/client.ts';
import type { Status } from '../../main/control/values.ts';
import { Desktop } from './desktop.ts';
import { startKeyring } from './keyring.ts';
import { Office, officeSecret } from './office.ts';
import { TrayHost } from './status-notifier.ts';
import { bundleFor, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const patienceMilliseconds = 40_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';
const passphrase = 'correct horse battery';

test('a vault in the window, and a connection that needs it', { skip: missing ?? false }, async (t) => {
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const office = await Office.start();
  ends.defer(() => office.close());
  const service = await connectToService({ path: office.controlPath });
  ends.defer(() => service.close());
  // Until now it lies in the service's files.
  await service.call('secrets.remove', { name: secretName });
  const status = new StatusWatch();
  ends.defer(await service.subscribe((each) => status.receive(each)));
  const desktop = await Desktop.start();
  ends.defer(() => desktop.close());
  await startKeyring(desktop, patienceMilliseconds);
  const host = await TrayHost.start(desktop.busAddress);
  ends.defer(() => host.close());
  await bundleFor(desktop);
  let app: ElectronApplication = await startWindowApp(desktop, { controlPath: office.controlPath });
  ends.defer(() => endApp(app));
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  const dialog = page.getByRole('dialog');
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const inDialog = (name: string) => dialog.getByRole('button', { name, exact: true });
  let code = '';

  await t.test(
    'made with a passphrase; its recovery code is shown once, and Escape does not close it',
    async () => {
      await button('Keys').click();
      await button('Create a vault').click();
      await dialog.getByLabel('Name of the vault').fill('Travel');
      await dialog.getByLabel('Recovery code').check();
      await dialog.getByLabel('Passphrase', { exact: true }).last().fill(passphrase);
      await dialog.getByLabel('Once more').fill(passphrase);
      await inDialog('Create a vault').click();
      await dialog.locator('.recovery-code').waitFor();
      code = (await dialog.locator('.recovery-code span').allInnerTexts()).join('-');
      assert.match(code, /^([0-9A-Z]{5}-){7}[0-9A-Z]{5}$/);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      assert.equal(await dialog.isVisible(), true);
      assert.equal(await inDialog('Done').isDisabled(), true);
      await dialog.getByLabel('I have written it down').check();
      await inDialog('Done').click();
      await dialog.waitFor({ state: 'detached' });
      await page.locator('.compartment').getByText('Open', { exact: true }).waitFor();
      await screenshot(page, 'keys-vault');
    },
  );

  await t.test('a pre-shared key goes in and is never shown again', async () => {
    await page.getByRole('tab', { name: 'Secrets' }).click();
    await button('Add a secret').click();
    await dialog.getByLabel('Name', { exact: true }).fill(secretName);
    await dialog.getByLabel('Pre-shared key').last().fill(officeSecret);
    await inDialog('Store').click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: 'office' }).waitFor();
    await screenshot(page, 'keys-secrets');
    assert.equal((await page.content()).includes(officeSecret), false);
  });

  await t.test('locked, a connection asks for the passphrase; wrong, then right', async () => {
    await page.getByRole('tab', { name: 'Vaults' }).click();
    await button('Lock').click();
    await page.locator('.compartment').getByText('Locked', { exact: true }).waitFor();
    await button('Connection').click();
    await button('Connect').click();
    const prompt = page.getByRole('dialog', { name: 'Enter the passphrase' });
    await prompt.getByText('Travel').first().waitFor();
    await screenshot(page, 'keys-prompt');
    await prompt.getByLabel('Passphrase').fill('wrong');
    await prompt.getByRole('button', { name: 'Continue' }).click();
    await prompt.getByText('That was wrong').waitFor();
    await prompt.getByLabel('Passphrase').fill(passphrase);
    await prompt.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Connected', { exact: true }).first().waitFor();
    const { answered, readableFrames } = await office.ping();
    assert.deepEqual([answered, readableFrames], [5, 0]);
  });

  await t.test(
    'locked again, it ends; the recovery code brings it back, a mistyped one is named',
    async () => {
      await button('Keys').click();
      await button('Lock').click();
      await status.until(({ connections }) => connections[0]?.failure?.code === 'vault-locked');
      await button('Recovery code …').click();
      const mistyped = `${code[0] === '7' ? '8' : '7'}${code.slice(1)}`;
      await dialog.getByLabel('Recovery code').fill(mistyped);
      await inDialog('Open').click();
      await dialog.getByText('Group 1 is mistyped.').waitFor();
      await dialog.getByLabel('Recovery code').fill(code.toLowerCase().replaceAll('-', ' '));
      await inDialog('Open').click();
      await dialog.waitFor({ state: 'detached' });
      await status.until(({ connections }) => connections[0]?.state === 'connected');
    },
  );

  await t.test('with a key in the keychain nobody is asked, and the tray opens it too', async () => {
    await button('Add a way to open it …').click();
    await dialog.getByLabel('Keychain of your account').check();
    await inDialog('Add').click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('Keychain of your account').waitFor();
    await button('Lock').click();
    await status.until(({ vaults }) => vaults.every(({ compartments }) => !compartments[0]!.open));
    await host.item(patienceMilliseconds);
    await host.menuWith('Unlock the keys in “Travel” …', patienceMilliseconds);
    await host.click('Unlock the keys in “Travel” …');
    await status.until(({ connections }) => connections[0]?.state === 'connected');
    assert.equal(await dialog.isVisible(), false);
  });

  await t.test('at its next start the app opens it by the keychain', async () => {
    await service.call('vault.close', { vault: 'Travel' });
    await endApp(app);
    app = await startWindowApp(desktop, { controlPath: office.controlPath, arguments: ['--hidden'] });
    await status.until(({ vaults }) => vaults.some(({ compartments }) => compartments[0]!.open));
  });
});

/** Waits for what the service tells, without asking it. */
class StatusWatch {
  #newest: Status | undefined;
  #waiting: (() => void)[] = [];

  receive(status: Status): void {
    this.#newest = status;
    for (const look of [...this.#waiting]) look();
  }

  async until(fits: (status: Status) => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (this.#newest !== undefined && fits(this.#newest)) resolve();
    };
    this.#waiting.push(look);
    const timer = setTimeout(() => {
      reject(new Error(`the service says ${JSON.stringify(this.#newest)}`));
    }, patienceMilliseconds);
    look();
    await promise.finally(() => {
      clearTimeout(timer);
      this.#waiting = this.#waiting.filter((each) => each !== look);
    });
  }
}
