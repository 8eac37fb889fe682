// Serves the window's pages from the app's own folder, under a protocol of their own and a strict policy, and nothing
// else. Pure but for reading files; Electron's part is in window.ts.
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

export const pageScheme = 'sealnic';
export const pageOrigin = `${pageScheme}://app`;
export const startPage = `${pageOrigin}/index.html`;

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** The file a request asks for, or an answer without content. `folder`: the pages', absolute. */
export async function pageResponse(folder: string, address: string, method: string): Promise<Response> {
  const headers = {
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
  };
  const path = pathOf(folder, address);
  const type = path === undefined ? undefined : types[extname(path)];
  if (method !== 'GET' || path === undefined || type === undefined) {
    return new Response(null, { status: 404, headers });
  }
  try {
    return new Response(await readFile(path), { headers: { ...headers, 'content-type': type } });
  } catch {
    return new Response(null, { status: 404, headers });
  }
}

function pathOf(folder: string, address: string): string | undefined {
  try {
    const url = new URL(address);
    if (url.protocol !== `${pageScheme}:` || url.host !== 'app') return undefined;
    const path = normalize(join(folder, decodeURIComponent(url.pathname)));
    return path.startsWith(folder + sep) ? path : undefined;
  } catch {
    return undefined;
  }
}
