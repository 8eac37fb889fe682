// The browser of the window's tests: a real Electron with nothing of ours in it but a page, unprivileged and sandboxed.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Desktop } from '../e2e/desktop.ts';

export interface TestBrowser {
  readonly context: BrowserContext;
  readonly page: Page;
  resize(width: number, height: number): Promise<void>;
  close(): Promise<void>;
}

const mainScript = `const { app, BrowserWindow } = require('electron');
app.whenReady().then(() => {
  const window = new BrowserWindow({
    width: 900, height: 800, useContentSize: true,
    webPreferences: { sandbox: true, contextIsolation: true, backgroundThrottling: false },
  });
  window.loadURL('about:blank');
});
`;

/** What is missing on this machine, or undefined. */
export const missingForBrowser = () => Desktop.missing();

export async function startBrowser(): Promise<TestBrowser> {
  const desktop = await Desktop.start();
  const { default: electron } = await import('electron');
  const directory = join(desktop.directory, 'page');
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "name": "page", "main": "main.cjs" }\n');
  writeFileSync(join(directory, 'main.cjs'), mainScript);
  const starter = join(desktop.directory, 'start-page');
  const words = desktop.asUser([electron as unknown as string]).map((word) => `'${word}'`);
  writeFileSync(starter, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(starter, 0o755);
  const app = await _electron.launch({
    executablePath: starter,
    chromiumSandbox: true,
    args: [directory],
    cwd: desktop.directory,
    env: { ...desktop.environment },
    timeout: 30_000,
  });
  const page = app.windows()[0] ?? (await app.waitForEvent('window', { timeout: 20_000 }));
  return {
    context: app.context(),
    page,
    resize: (width, height) => page.setViewportSize({ width, height }),
    close: async () => {
      await app.close();
      await desktop.close();
    },
  };
}

/** A browser that is on disk, for a quick look while one develops. */
export async function startChromium(executablePath: string): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  });
  const context = await browser.newContext({ viewport: { width: 900, height: 800 } });
  const page = await context.newPage();
  return {
    context,
    page,
    resize: (width, height) => page.setViewportSize({ width, height }),
    close: () => browser.close(),
  };
}
