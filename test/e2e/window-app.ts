// The desktop app driven by Playwright: a real Electron, unprivileged, with its sandbox, on the desktop of a test.
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { bundleTray } from '../../build/bundle.ts';
import type { Desktop } from './desktop.ts';

/** Playwright forgets them once they ended. */
const processes = new WeakMap<ElectronApplication, ChildProcess>();

export interface WindowAppOptions {
  readonly controlPath: string;
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Started from a bundle of its own; where there is one already, from that, as at a second start. */
export async function startWindowApp(
  desktop: Desktop,
  options: WindowAppOptions,
): Promise<ElectronApplication> {
  const { default: electron } = await import('electron');
  const bundle = await bundleFor(desktop);
  // Playwright runs as the test does, which may be root; the app does not.
  const starter = join(desktop.directory, 'start-app');
  const words = desktop.asUser([electron as unknown as string]).map((word) => `'${word}'`);
  writeFileSync(starter, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(starter, 0o755);
  const app = await _electron.launch({
    executablePath: starter,
    chromiumSandbox: true,
    args: [bundle, ...(options.arguments ?? [])],
    cwd: desktop.directory,
    env: { ...desktop.environment, ...options.environment, SEALNIC_CONTROL: options.controlPath },
    // The app's own theme, not Playwright's.
    colorScheme: null,
    timeout: 30_000,
  });
  processes.set(app, app.process());
  return app;
}

/** Ends the app; throws where it does not end by itself, and then ends it by force. */
export async function endApp(app: ElectronApplication): Promise<void> {
  const process = processes.get(app);
  let forced = false;
  const timer = setTimeout(() => {
    forced = true;
    process?.kill('SIGKILL');
  }, 15_000);
  if (process?.exitCode === null && process.signalCode === null) {
    const ended = new Promise<void>((resolve) => app.once('close', () => resolve()));
    // Not Playwright's close: what it evaluates interrupts whatever JavaScript runs, and quitting there destroys a
    // socket in the middle of Node's reading from it, which Node answers with an exception.
    const quit = app.evaluate((electron) => {
      setTimeout(() => electron.app.quit(), 0);
    });
    // Where the app was faster than its answer, its end is what counts.
    quit.catch(() => undefined);
    await ended;
  }
  await app.close();
  clearTimeout(timer);
  if (forced) throw new Error('the app did not end by itself');
}

/** The app's folder; made once. The checkout may lie where the user may not read. */
export async function bundleFor(desktop: Desktop): Promise<string> {
  const bundle = join(desktop.directory, 'tray');
  return existsSync(bundle) ? bundle : await bundleTray(bundle);
}

/** The window's page, once there is one. */
export async function pageOf(app: ElectronApplication): Promise<Page> {
  const page = app.windows()[0] ?? (await app.waitForEvent('window', { timeout: 20_000 }));
  await page.waitForLoadState('domcontentloaded');
  return page;
}

/** A picture for a person to look at, in test/output/window. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(import.meta.dirname, '..', 'output', 'window');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** What a person would choose in the system's dialog for saving. */
export async function choosePlace(app: ElectronApplication, path: string): Promise<void> {
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = (async () => ({ canceled: false, filePath })) as typeof dialog.showSaveDialog;
  }, path);
}
