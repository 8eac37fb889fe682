// The built window in a real browser with the fake bridge: a server of local files, and pages that are opened on it.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { build } from 'esbuild';
import type { BrowserContext, Page } from 'playwright-core';
import { buildRenderer } from '../../build/renderer.ts';
import type { FakeOptions } from './fake-bridge.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

export interface Site {
  readonly address: string;
  close(): void;
}

/** Builds the window into `directory` and serves it on loopback. */
export async function serveWindow(directory: string): Promise<Site> {
  await buildRenderer(directory);
  const server: Server = createServer((request, response) => {
    const path = join(directory, new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = path.endsWith('/') ? `${path}index.html` : path;
    if (request.url === '/favicon.ico') {
      response.writeHead(204).end();
      return;
    }
    if (!existsSync(file)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such file.');
      return;
    }
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    address: `http://127.0.0.1:${address.port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A script that makes `window.sealnic`; its options are read from `window.name`. */
export async function bridgeScript(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { fakeBridge } from './fake-bridge.ts';
        if (window.name !== '') window.sealnic = fakeBridge(JSON.parse(window.name));`,
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'iife',
  });
  return outputFiles[0]!.text;
}

/** Takes the page to the window in this state. What comes back grows: errors of scripts, denials, missing texts. */
export async function openWindow(page: Page, site: Site, options: FakeOptions): Promise<readonly string[]> {
  const mistakes: string[] = [];
  page.removeAllListeners('console');
  page.removeAllListeners('pageerror');
  page.on('console', (message) => {
    if (message.type() === 'error') mistakes.push(message.text());
  });
  page.on('pageerror', (error) => mistakes.push(error.message));
  await page.evaluate(`window.name = ${JSON.stringify(JSON.stringify(options))}`);
  await page.goto(site.address);
  await page.waitForSelector('.frame');
  return mistakes;
}

/** Gives every page of the context a bridge, and takes one to the site. */
export async function preparePage(context: BrowserContext, page: Page, site: Site): Promise<void> {
  await context.addInitScript(await bridgeScript());
  await page.goto(`${site.address}missing`);
}
