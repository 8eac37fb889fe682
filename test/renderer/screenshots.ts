// Writes pictures of every page, state, language, theme and width to test/output/screenshots, for a person to look at.
// node test/renderer/screenshots.ts [filter]; SCREENSHOT_BROWSER names a Chromium, else it is Electron.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startBrowser, startChromium } from './browser.ts';
import type { FakeOptions } from './fake-bridge.ts';
import type { Scenario } from './fixtures.ts';
import { openWindow, preparePage, serveWindow } from './pages.ts';

interface Shot {
  readonly name: string;
  readonly scenario: Scenario;
  /** Steps to what is shown. */
  go?(page: Page): Promise<unknown>;
}

/** Index in the navigation. */
export const navigation = {
  connection: 0,
  filter: 1,
  associations: 2,
  profiles: 3,
  keys: 4,
  diagnostics: 5,
  settings: 6,
};
const go = (page: Page, name: keyof typeof navigation) =>
  page.locator('.navigation button').nth(navigation[name]).click();
const tab = (page: Page, index: number) => page.locator('[role=tab]').nth(index).click();
const press = (page: Page, selector: string, index = 0) => page.locator(selector).nth(index).click();

/** The buttons on the page of keys, by their places. */
const keysTab = async (page: Page, index: number) => {
  await go(page, 'keys');
  if (index > 0) await tab(page, index);
};
const keyShots: readonly Shot[] = [
  { name: 'keys-vaults', scenario: 'keys', go: (page) => keysTab(page, 0) },
  { name: 'keys-vaults-none', scenario: 'connected', go: (page) => keysTab(page, 0) },
  { name: 'keys-vaults-amiss', scenario: 'keys-amiss', go: (page) => keysTab(page, 0) },
  {
    name: 'keys-create',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 0);
      await press(page, '.tab-panel > .actions .button-primary');
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'keys-create-card',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 0);
      await press(page, '.tab-panel > .actions .button-primary');
      await press(page, 'dialog input[type=radio]', 2);
      await press(page, 'dialog .file-choice .button');
      await press(page, 'dialog input[type=checkbox]', 0);
      await page.locator('dialog .dialog-body').evaluate((body) => body.scrollTo(0, 400));
    },
  },
  {
    name: 'keys-recovery-code',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 0);
      await page.locator('.compartment').first().locator('.card-header .button').first().click();
      await press(page, 'dialog input[type=radio][value=recovery]');
      await press(page, 'dialog .button-primary');
      await page.waitForSelector('.recovery-code');
    },
  },
  {
    name: 'keys-open-by-code',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 0);
      await page.locator('.compartment').nth(1).locator('.card-header .button').last().click();
      await page.locator('dialog input').fill('4QXP8-0TKMA');
      await press(page, 'dialog .button-primary');
      await page.waitForSelector('dialog .problem');
    },
  },
  {
    name: 'keys-forget',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 0);
      await press(page, '.button-danger');
    },
  },
  {
    name: 'keys-secrets',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 1);
      await page.waitForSelector('tbody tr');
    },
  },
  {
    name: 'keys-secret-add',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 1);
      await press(page, '.tab-panel > .actions .button-primary');
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'keys-card',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 2);
      await page.waitForSelector('tbody tr');
    },
  },
  {
    name: 'keys-card-none',
    scenario: 'connected',
    go: async (page) => {
      await keysTab(page, 2);
      await page.waitForSelector('.empty');
    },
  },
  {
    name: 'keys-card-amiss',
    scenario: 'keys-amiss',
    go: async (page) => {
      await keysTab(page, 2);
      await page.waitForSelector('tbody tr');
    },
  },
  {
    name: 'keys-card-setup',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 2);
      await press(page, '.smart-card > .actions .button', 0);
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'keys-card-pin',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 2);
      await press(page, '.smart-card > .actions .button', 3);
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'keys-card-store',
    scenario: 'keys',
    go: async (page) => {
      await keysTab(page, 2);
      await press(page, '.smart-card > .actions .button', 5);
      await press(page, 'dialog input[type=checkbox]');
    },
  },
];

export const shots: readonly Shot[] = [
  ...(
    [
      'connected',
      'disconnected',
      'connecting',
      'reconnecting',
      'failed',
      'blocked',
      'portal',
      'others',
      'several',
      'invalid',
      'gateway',
      'no-profile',
      'no-rights',
      'not-installed',
      'away',
      'starting',
    ] as const
  ).map((scenario): Shot => ({ name: `connection-${scenario}`, scenario })),
  {
    name: 'connection-overlap',
    scenario: 'several',
    go: async (page) => {
      await tab(page, 2);
      await press(page, '.hero .button-primary');
      await page.waitForSelector('.toast');
    },
  },
  {
    name: 'connection-secret',
    scenario: 'failed',
    go: (page) => press(page, '.notice .button'),
  },
  ...(
    ['prompt', 'prompt-wrong', 'prompt-last-try', 'prompt-pin-pad', 'prompt-code', 'prompt-card'] as const
  ).map((scenario): Shot => ({ name: scenario, scenario })),
  { name: 'filter', scenario: 'connected', go: (page) => go(page, 'filter') },
  {
    name: 'filter-add',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'filter');
      await press(page, '.button-primary');
      await press(page, 'dialog .option input');
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'filter-explain',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'filter');
      await tab(page, 1);
      await page.locator('form input').first().fill('10.1.0.25');
      await press(page, 'form .button-primary');
      await page.waitForSelector('.facts');
    },
  },
  {
    name: 'filter-verdicts',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'filter');
      await tab(page, 2);
      await page.waitForSelector('tbody tr');
    },
  },
  { name: 'associations', scenario: 'connected', go: (page) => go(page, 'associations') },
  { name: 'associations-none', scenario: 'disconnected', go: (page) => go(page, 'associations') },
  {
    name: 'associations-delete',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'associations');
      await press(page, '.button-danger');
    },
  },
  { name: 'profiles', scenario: 'connected', go: (page) => go(page, 'profiles') },
  {
    name: 'profiles-create',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.page-header .button-primary');
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'profiles-certificate',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.page-header .button-primary');
      await page.locator('dialog input').first().fill('vpn.example.org');
      await press(page, 'dialog input[type=radio]', 1);
      await press(page, 'dialog input[type=radio]', 6);
    },
  },
  {
    name: 'profiles-password',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.page-header .button-primary');
      await page.locator('dialog input').first().fill('vpn.example.org');
      await press(page, 'dialog input[type=radio]', 2);
      await press(page, 'dialog .button-primary');
    },
  },
  {
    name: 'profiles-card',
    scenario: 'keys',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.page-header .button-primary');
      await press(page, 'dialog input[type=radio]', 3);
      await page.waitForSelector('dialog select option:nth-child(2)', { state: 'attached' });
    },
  },
  {
    name: 'profiles-edit',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.profile .button');
      await page.waitForSelector('dialog .form');
    },
  },
  {
    name: 'profiles-edit-text',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.profile .button');
      await press(page, 'dialog .dialog-actions .button', 1);
      await page.locator('.editor textarea').fill('networks = "everything"\n\n[gateway]\nadress = "vpn"\n');
      await page.waitForSelector('.problem-line');
    },
  },
  {
    name: 'profiles-export',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await press(page, '.profile .button', 2);
      await page.waitForSelector('dialog textarea');
    },
  },
  {
    name: 'profiles-import',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'profiles');
      await page.locator('input[type=file]').setInputFiles({
        name: 'office.sswan',
        mimeType: 'application/json',
        buffer: Buffer.from('{}'),
      });
      await press(page, 'dialog .button-primary');
      await page.locator('dialog input[type=password]').fill('secret');
      await press(page, 'dialog .button-primary');
      await page.waitForSelector('dialog .notice');
    },
  },
  ...keyShots,
  {
    name: 'diagnostics',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'diagnostics');
      await page.waitForSelector('table');
    },
  },
  {
    name: 'diagnostics-log',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'diagnostics');
      await tab(page, 1);
      await page.waitForSelector('tbody tr');
    },
  },
  {
    name: 'diagnostics-bundle',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'diagnostics');
      await tab(page, 2);
      await press(page, '.card .button-primary');
      await press(page, '.bundle-files button', 2);
    },
  },
  {
    name: 'diagnostics-capture',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'diagnostics');
      await tab(page, 3);
      await page.waitForSelector('form');
    },
  },
  {
    name: 'diagnostics-capturing',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'diagnostics');
      await tab(page, 3);
      await press(page, 'form .button-primary');
      await page.waitForSelector('[role=meter]');
    },
  },
  { name: 'settings', scenario: 'connected', go: (page) => go(page, 'settings') },
  {
    name: 'settings-high-contrast',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'settings');
      await press(page, '.choice:nth-of-type(2) input', 1);
      await page.waitForSelector('html[data-contrast=high]');
    },
  },
  {
    name: 'connection-high-contrast',
    scenario: 'connected',
    go: async (page) => {
      await go(page, 'settings');
      await press(page, '.choice:nth-of-type(2) input', 1);
      await page.waitForSelector('html[data-contrast=high]');
      await go(page, 'connection');
      await page.waitForSelector('html[data-contrast=high] .graph');
    },
  },
];

export const looks: readonly Pick<FakeOptions, 'language' | 'theme'>[] = [
  { language: 'en', theme: 'light' },
  { language: 'ja', theme: 'dark' },
  { language: 'en', theme: 'dark' },
  { language: 'ja', theme: 'light' },
];

/** The same in high contrast, at one width only. */
const contrasts: typeof looks = looks.slice(0, 2);

async function main(filter: string): Promise<void> {
  const output = join(import.meta.dirname, '..', 'output', 'screenshots');
  mkdirSync(output, { recursive: true });
  const site = await serveWindow(join(import.meta.dirname, '..', 'output', 'window-site'));
  const path = process.env.SCREENSHOT_BROWSER;
  const browser = path === undefined ? await startBrowser() : await startChromium(path);
  try {
    await preparePage(browser.context, browser.page, site);
    for (const shot of shots) {
      for (const look of [...looks, ...contrasts.map((each) => ({ ...each, contrast: 'high' as const }))]) {
        const contrast = 'contrast' in look ? '-high-contrast' : '';
        for (const width of contrast === '' ? [420, 900, 1400] : [900]) {
          const name = `${shot.name}-${width}-${look.language}-${look.theme}${contrast}`;
          if (!name.includes(filter)) continue;
          await browser.resize(width, width < 700 ? 1500 : 1000);
          const mistakes = await openWindow(browser.page, site, { scenario: shot.scenario, ...look });
          await shot.go?.(browser.page);
          await browser.page.waitForTimeout(shot.name === 'connection-connected' ? 3500 : 150);
          await browser.page.screenshot({ path: join(output, `${name}.png`) });
          for (const mistake of mistakes) console.error(`${name}: ${mistake}`);
        }
      }
    }
  } finally {
    await browser.close();
    site.close();
  }
}

if (import.meta.main) await main(process.argv[2] ?? '');
