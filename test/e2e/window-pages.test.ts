// The built window in a real, sandboxed Electron with the fake bridge: accessible on every page in both themes, nothing
// missing, and its buttons ask the service for what they say.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missingForBrowser, startBrowser, startChromium, type TestBrowser } from '../renderer/browser.ts';
import type { FakeOptions } from '../renderer/fake-bridge.ts';
import { openWindow, preparePage, type Site, serveWindow } from '../renderer/pages.ts';
import { shots } from '../renderer/screenshots.ts';

const missing = process.env.SCREENSHOT_BROWSER === undefined ? await missingForBrowser() : undefined;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeViolation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

interface Asked {
  readonly name: string;
  readonly parameters: unknown;
}

describe('the window', { skip: missing }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-window-'));
  let browser: TestBrowser;
  let site: Site;

  before(async () => {
    site = await serveWindow(join(directory, 'site'));
    const path = process.env.SCREENSHOT_BROWSER;
    browser = path === undefined ? await startBrowser() : await startChromium(path);
    await preparePage(browser.context, browser.page, site);
  });
  after(async () => {
    await browser?.close();
    site?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const open = async (options: Partial<FakeOptions> = {}) =>
    openWindow(browser.page, site, { scenario: 'connected', language: 'en', theme: 'light', ...options });
  const asked = async (): Promise<readonly Asked[]> => browser.page.evaluate('window.sealnic.asked');
  const askedFor = async (name: string) => (await asked()).filter((each) => each.name === name);
  const button = (name: string) => browser.page.getByRole('button', { name, exact: true });

  for (const shot of shots) {
    test(`accessible and complete: ${shot.name}`, async () => {
      for (const look of [
        { width: 1000, language: 'en', theme: 'light' },
        { width: 420, language: 'ja', theme: 'dark' },
      ] as const) {
        await browser.resize(look.width, 900);
        const mistakes = await open({ scenario: shot.scenario, language: look.language, theme: look.theme });
        await shot.go?.(browser.page);
        await browser.page.evaluate(`document.getElementById('axe') ?? (() => { ${axe} })()`);
        const violations = (await browser.page.evaluate(
          'axe.run(document).then(({ violations }) => violations)',
        )) as readonly AxeViolation[];
        assert.deepEqual(
          violations.map(
            ({ id, nodes }) =>
              `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
          ),
          [],
        );
        assert.deepEqual(mistakes, []);
        const wider = await browser.page.evaluate(
          '[...document.querySelectorAll("body, .content, .page, .dialog-body")].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className)',
        );
        assert.deepEqual(wider, [], `nothing is wider than the window at ${look.width}`);
      }
    });
  }

  test('the names of the pages have room in a narrow window', async () => {
    await browser.resize(420, 900);
    for (const language of ['en', 'ja'] as const) {
      await open({ language });
      for (const each of await browser.page.locator('.navigation button').all()) {
        await each.click();
        const narrow = await browser.page.evaluate(
          '[...document.querySelectorAll(".navigation button")].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)',
        );
        assert.deepEqual(narrow, []);
      }
    }
    await browser.resize(1000, 900);
  });

  test('"Import a file …" of the first start opens the system\'s dialog at once', async () => {
    await open({ scenario: 'no-profile' });
    const asked = browser.page.waitForEvent('filechooser');
    await button('Import a file …').click();
    assert.equal((await asked).isMultiple(), false);
  });

  test('connects, retries, gives up', async () => {
    await open({ scenario: 'disconnected' });
    await button('Connect').click();
    assert.deepEqual((await askedFor('connection.up')).at(-1)?.parameters, {
      profile: 'laboratory-tokyo',
      wait: false,
    });
    await open({ scenario: 'blocked' });
    await button('Retry').click();
    assert.deepEqual((await askedFor('connection.retry')).at(-1)?.parameters, { profile: 'office' });
    await button('Disconnect and allow').click();
    assert.deepEqual((await askedFor('connection.down')).at(-1)?.parameters, { profile: 'office' });
  });

  test('a prompt opens by itself, is answered by the keyboard, and goes when it is gone', async () => {
    await open({ scenario: 'connecting' });
    const prompted = (scenario: string) =>
      browser.page.evaluate(`window.sealnic.emit("state", window.sealnic.stateOf("${scenario}"))`);
    await prompted('prompt');
    const dialog = browser.page.getByRole('dialog', { name: 'Enter the password' });
    await dialog.getByText('alice@example.org').waitFor();
    await dialog.getByText(/^Time left: [12] min/).waitFor();
    await browser.page.keyboard.type('hunter2');
    await dialog.getByLabel('Remember').check();
    await dialog.getByLabel('Password').press('Enter');
    const [answer] = await askedFor('prompts.answer');
    assert.deepEqual(Object.keys(answer?.parameters ?? {}).sort(), ['answer', 'id', 'store']);
    assert.equal(await dialog.getByLabel('Password').inputValue(), '');
    await prompted('connecting');
    await dialog.waitFor({ state: 'detached' });

    await prompted('prompt-last-try');
    await browser.page.keyboard.type('123456');
    assert.equal(await button('Continue').isDisabled(), true);
    await browser.page.getByLabel('Try although it is the last try').check();
    await button('Continue').click();
    const last = (await askedFor('prompts.answer')).at(-1)?.parameters;
    assert.equal((last as { confirmLastTry?: boolean }).confirmLastTry, true);
    await browser.page.keyboard.press('Escape');
    assert.deepEqual((await askedFor('prompts.cancel')).at(-1)?.parameters, { id: 'prompt-1' });

    await prompted('connecting');
    await prompted('prompt-pin-pad');
    await button('Begin').click();
    assert.deepEqual((await askedFor('prompts.answer')).at(-1)?.parameters, { id: 'prompt-1' });
  });

  test('follows what main tells, and the language of the settings', async () => {
    await open({ scenario: 'connected' });
    await browser.page.evaluate(
      'window.sealnic.emit("state", { service: "away", controlPath: "/run/other.sock" })',
    );
    await browser.page.getByText('It is installed, but not running.').waitFor();
    await button('Settings').click();
    await browser.page.getByLabel('日本語').click();
    await browser.page.getByRole('heading', { name: '設定' }).waitFor();
    assert.equal(await browser.page.evaluate('document.documentElement.lang'), 'ja');
    await browser.page.getByLabel('ダーク').click();
    await browser.page.waitForSelector('html[data-theme=dark]');
  });

  test('a hidden window asks nothing', async () => {
    await open({ scenario: 'connected' });
    await button('Filter').click();
    await browser.page.getByRole('tab', { name: 'Live verdicts' }).click();
    await browser.page.waitForSelector('tbody tr');
    await browser.page.evaluate('window.sealnic.emit("visibility", { visible: false })');
    // What was under way may still arrive; afterwards there is silence for longer than any interval.
    await browser.page.waitForTimeout(200);
    const before = (await asked()).length;
    await browser.page.waitForTimeout(2500);
    assert.equal((await asked()).length, before);
    await browser.page.evaluate('window.sealnic.emit("visibility", { visible: true })');
    await browser.page.waitForFunction(`window.sealnic.asked.length > ${before}`);
  });

  test('a row is refused at its field, then added', async () => {
    await open({ scenario: 'connected' });
    await button('Filter').click();
    await button('Add row').click();
    const dialog = browser.page.getByRole('dialog');
    await dialog.getByLabel('Destination', { exact: true }).fill('nonsense');
    await dialog.getByRole('button', { name: 'Add row' }).click();
    await dialog.getByText('“nonsense” is no IP address').waitFor();
    const field = dialog.getByLabel('Destination', { exact: true });
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    await field.fill('10.1.0.99');
    await dialog.getByRole('button', { name: 'Add row' }).click();
    await dialog.waitFor({ state: 'detached' });
    await browser.page.getByText('10.1.0.99').waitFor();
  });

  test('a row is moved by keyboard and keeps the focus, and is edited in its place', async () => {
    await open({ scenario: 'connected' });
    await button('Filter').click();
    const up = button('Move the public web site up');
    await up.focus();
    await browser.page.keyboard.press('Alt+ArrowUp');
    await browser.page.waitForFunction(
      'document.querySelector("[data-row=filter-2]").contains(document.activeElement) && !document.activeElement.matches("[data-move=up]")',
    );
    assert.equal(await up.isDisabled(), true);
    await button('Edit the public web site').click();
    const dialog = browser.page.getByRole('dialog');
    await dialog.getByLabel('The other side may begin, too').check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const changes = (await asked()).filter(({ name }) => /^filter\.(move|replace|add|remove)$/.test(name));
    assert.deepEqual(
      changes.map(({ name }) => name),
      ['filter.move', 'filter.replace'],
    );
    assert.deepEqual(changes[0]?.parameters, { id: 'filter-2', position: 0 });
    const { row } = changes[1]!.parameters as { row: { allowInbound?: boolean } };
    assert.equal(row.allowInbound, true);
    await browser.page.getByText('also begun by the other side').waitFor();
  });

  test('a profile by the form: no secret in its text, and the bytes are wiped', async () => {
    await open({ scenario: 'no-profile' });
    await button('Create a profile').click();
    const dialog = browser.page.getByRole('dialog');
    await dialog.getByLabel('Gateway', { exact: true }).fill('vpn.example.org');
    await dialog.getByLabel('Pre-shared key', { exact: true }).last().fill('correct horse');
    await dialog.getByRole('button', { name: 'Create a profile' }).click();
    await dialog.waitFor({ state: 'detached' });
    await browser.page.locator('.toast').waitFor();
    const [saved] = await askedFor('profiles.save');
    assert.match(JSON.stringify(saved?.parameters), /vpn-example/);
    assert.doesNotMatch(JSON.stringify(await asked()), /correct horse/);
    const stored = await browser.page.evaluate(
      '[...window.sealnic.asked.find(({ name }) => name === "secrets.put").parameters.secret]',
    );
    assert.deepEqual(new Set(stored as number[]), new Set([0]));
    await browser.page.locator('.toast').waitFor({ state: 'detached' });
  });

  test('the focus is in the first field of a dialog, and goes back to what opened it', async () => {
    await open({ scenario: 'connected' });
    const focused = (selector: string) => browser.page.locator(`${selector}:focus`).waitFor();
    await button('Profiles').click();
    await button('Create a profile').press('Enter');
    await focused('dialog input[placeholder="vpn.example.org"]');
    await browser.page.keyboard.press('Escape');
    await focused('.page-header .button-primary');

    await open({ scenario: 'failed' });
    await button('Store the secret …').press('Enter');
    await focused('dialog input[type=password]');
    await browser.page.keyboard.type('another one');
    await browser.page.keyboard.press('Enter');
    await browser.page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await askedFor('secrets.put')).length, 1);
    await focused('.notice .button');

    await open({ scenario: 'disconnected' });
    await browser.page.getByRole('tab', { name: 'office' }).click();
    await button('Connect').press('Enter');
    await browser.page.evaluate(
      'window.sealnic.emit("visibility", { visible: false }), window.sealnic.emit("state", window.sealnic.stateOf("connecting")), window.sealnic.emit("state", window.sealnic.stateOf("connected"))',
    );
    await button('Disconnect').waitFor();
    await focused('.hero .button');
  });

  test('a new profile is the one that is shown', async () => {
    await open({ scenario: 'connected' });
    await button('Profiles').click();
    await browser.page.locator('.page-header .button-primary').click();
    const dialog = browser.page.getByRole('dialog');
    await dialog.getByLabel('Gateway', { exact: true }).fill('vpn.example.net');
    await dialog.getByLabel('Name of the profile').fill('laboratory-tokyo2');
    await dialog.getByLabel('Pre-shared key', { exact: true }).last().fill('x');
    await dialog.getByLabel('Pre-shared key', { exact: true }).last().press('Enter');
    await dialog.waitFor({ state: 'detached' });
    const state = (await browser.page.evaluate('window.sealnic.stateOf("connected")')) as {
      profiles: { name: string; problem?: unknown }[];
    };
    const added = { ...state.profiles.at(-1), name: 'laboratory-tokyo2' };
    // Nothing is asked for while it is hidden: what is told stays.
    await browser.page.evaluate('window.sealnic.emit("visibility", { visible: false })');
    await browser.page.evaluate(
      `window.sealnic.emit("state", ${JSON.stringify({ ...state, profiles: [...state.profiles, added] })})`,
    );
    await browser.page.locator('[role=tab][aria-selected=true]', { hasText: 'laboratory-tokyo2' }).waitFor();
  });

  test('a vault by the form: what was typed and the recovery code are wiped where they crossed', async () => {
    await open({ scenario: 'keys' });
    await button('Keys').click();
    await button('Create a vault').click();
    const dialog = browser.page.getByRole('dialog');
    await dialog.getByLabel('Name of the vault').fill('Spare');
    await dialog.getByLabel('Recovery code').check();
    await dialog.getByLabel('Only with a smart card').check();
    assert.equal(await dialog.getByLabel('Keychain of your account').isDisabled(), true);
    await dialog.getByText('an unlocked keychain would undo a pulled card').waitFor();
    await dialog.getByLabel('Passphrase').first().check();
    await dialog.getByLabel('Passphrase', { exact: true }).last().fill('correct horse');
    await dialog.getByLabel('Once more').fill('correct horse');
    await dialog.getByRole('button', { name: 'Create a vault' }).click();
    await dialog.locator('.recovery-code').waitFor();
    const [made] = await askedFor('vault.make');
    const { compartment } = made!.parameters as {
      compartment: { kind: string; protectors: { type: string }[] };
    };
    assert.equal(compartment.kind, 'card');
    assert.deepEqual(
      compartment.protectors.map(({ type }) => type),
      ['passphrase', 'card', 'recovery'],
    );
    const typed = await browser.page.evaluate(
      '[...window.sealnic.asked.find(({ name }) => name === "vault.make").parameters.passphrase]',
    );
    assert.deepEqual(new Set(typed as number[]), new Set([0]));
    assert.equal((typed as number[]).length, 'correct horse'.length);
  });

  test('deleting an SA is confirmed first, by keyboard alone', async () => {
    await open({ scenario: 'connected' });
    await button('Associations').focus();
    await browser.page.keyboard.press('Enter');
    await button('Delete').last().focus();
    await browser.page.keyboard.press('Enter');
    await browser.page.keyboard.press('Escape');
    assert.equal((await askedFor('sa.delete')).length, 0);
    await button('Delete').last().focus();
    await browser.page.keyboard.press('Enter');
    await browser.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).press('Enter');
    await browser.page.waitForFunction('window.sealnic.asked.some(({ name }) => name === "sa.delete")');
    assert.deepEqual((await askedFor('sa.delete'))[0]?.parameters, { spi: '0badcafe' });
  });
});
