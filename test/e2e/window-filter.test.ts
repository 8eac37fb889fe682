// Against the real service and the demo's gateway: a file is imported and connected from the window, its filter changes
// what happens to live traffic at once, and nothing that the service says is left in English in a Japanese window.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { officeAddress, officeNetwork } from '../../build/demo/profiles.ts';
import { connectToService } from '../../main/control/client.ts';
import type { SealnicBridge } from '../../main/tray/ipc.ts';
import { Desktop } from './desktop.ts';
import { Office, officeSecret } from './office.ts';
import { bundleFor, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const patienceMilliseconds = 30_000;
const missing = process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';

declare const sealnic: SealnicBridge;

const swanctl = `connections {
  branch {
    remote_addrs = 192.0.2.1
    vips = 0.0.0.0
    local { auth = psk
      id = laptop@office.test }
    remote { auth = psk
      id = gateway.office.test }
    children { net { remote_ts = ${officeNetwork}
        updown = /usr/lib/ipsec/_updown } }
  }
  elsewhere { remote_addrs = 192.0.2.99
    local { auth = psk }
    remote { auth = psk } }
}
secrets { ike-branch { id = gateway.office.test
    secret = "${officeSecret}" } }
`;

/** Words that an English sentence hardly does without; technical words and names are not among them. */
const englishWords = /\b(the|is|are|not|was|were|of|for|with|this|that|and|does|which|it|be)\b/i;

test('import, connect, filter and explain in the window', { skip: missing ?? false }, async (t) => {
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const office = await Office.start({ consent: true });
  ends.defer(() => office.close());
  const service = await connectToService({ path: office.controlPath });
  ends.defer(() => service.close());
  await service.call('profiles.remove', { profile: 'office' });
  const desktop = await Desktop.start();
  ends.defer(() => desktop.close());
  await bundleFor(desktop);
  const app = await startWindowApp(desktop, { controlPath: office.controlPath });
  ends.defer(() => endApp(app));
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  const dialog = page.getByRole('dialog');
  const button = (name: string) => page.getByRole('button', { name, exact: true });

  await t.test('a swanctl.conf is dropped, one of its connections is chosen, and connects', async () => {
    await button('Profiles').click();
    await page.getByText('You can also drop').waitFor();
    const dropped = await page.evaluateHandle((text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text], 'swanctl.conf'));
      return transfer;
    }, swanctl);
    await page.dispatchEvent('.page', 'drop', { dataTransfer: dropped });
    await dialog.getByRole('button', { name: 'Import' }).click();
    await dialog.getByLabel('elsewhere').uncheck();
    await screenshot(page, 'import-choice');
    await dialog.getByRole('button', { name: 'Import' }).click();
    await dialog.getByText('Imported: branch').waitFor();
    await dialog.getByText('branch: updown = /usr/lib/ipsec/_updown has no counterpart').waitFor();
    await screenshot(page, 'import-remarks');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await button('Connection').click();
    await button('Connect').click();
    await page.getByText('Connected', { exact: true }).first().waitFor();
    const { answered, readableFrames } = await office.ping();
    assert.deepEqual([answered, readableFrames], [5, 0]);
  });

  await t.test('a DISCARD row holds at once, explain names it, and it goes at once', async () => {
    await button('Filter').click();
    await button('Add row').click();
    await dialog.getByLabel('Destination', { exact: true }).fill(officeAddress);
    await dialog.getByLabel('Note').fill('not today');
    await dialog.getByRole('button', { name: 'Add row' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await office.ping()).answered, 0);
    await screenshot(page, 'filter-live');

    await page.getByRole('tab', { name: 'Explain' }).click();
    await page.getByLabel('Destination', { exact: true }).fill(officeAddress);
    await button('Explain').click();
    await page.getByText('is dropped', { exact: true }).waitFor();
    await page.getByText('it is the first row that fits the packet').waitFor();
    assert.equal(await page.getByText('not today', { exact: true }).isVisible(), true);

    await page.getByRole('tab', { name: 'Table' }).click();
    await button('Edit not today').click();
    await dialog.getByLabel('Protocol').fill('tcp');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await office.ping()).answered, 5);
    await button('Edit not today').click();
    await dialog.getByLabel('Protocol').fill('icmp');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await office.ping()).answered, 0);
    await button('Remove not today').click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('The row is removed.').waitFor();
    assert.equal((await office.ping()).answered, 5);
  });

  await t.test('a Japanese window has no English sentence of the service', async () => {
    await page.evaluate(() => sealnic.invoke('settings.set', { language: 'ja' }));
    await page.getByRole('tab', { name: '判定の説明' }).click();
    await page.getByLabel('宛先', { exact: true }).fill('203.0.113.9');
    await page.getByRole('button', { name: '説明を表示', exact: true }).click();
    await page.getByText('その既定の扱いになります').waitFor();
    await screenshot(page, 'explain-ja');
    await onlyJapanese(page);
    await page.getByRole('tab', { name: 'テーブル' }).click();
    await page.getByText('branch が保護するもの').first().waitFor();
    await onlyJapanese(page);
  });
});

async function onlyJapanese(page: Page): Promise<void> {
  const lines = (await page.locator('main').innerText()).split('\n');
  assert.deepEqual(
    lines.filter((line) => englishWords.test(line)),
    [],
  );
}
