// Builds the window's pages (renderer/) into dist/renderer, as local files for the tray app.
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { build } from 'vite';

const projectRoot = join(import.meta.dirname, '..');

/** `output`: the directory, dist/renderer by default; it is emptied first. Resolves to it. */
export async function buildRenderer(output = join(projectRoot, 'dist', 'renderer')): Promise<string> {
  await build({
    configFile: false,
    root: join(projectRoot, 'renderer'),
    // Relative: the pages are served by the app's own protocol.
    base: './',
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir: output,
      emptyOutDir: true,
      // Chromium of Electron 33, the oldest that we run on.
      target: 'chrome130',
      // The policy allows nothing inline.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      sourcemap: true,
      chunkSizeWarningLimit: 2000,
    },
  });
  return output;
}

if (import.meta.main) await buildRenderer();
