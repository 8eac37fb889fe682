// Builds the window's pages (renderer/) into dist/renderer, as local files for the tray app.
import { join } from 'node:path';
import { build } from 'vite';

const projectRoot = join(import.meta.dirname, '..');

/** `output`: the directory, dist/renderer by default; it is emptied first. Resolves to it. */
export async function buildRenderer(output = join(projectRoot, 'dist', 'renderer')): Promise<string> {
  await build({
    configFile: join(projectRoot, 'renderer', 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: output, emptyOutDir: true },
  });
  return output;
}

if (import.meta.main) await buildRenderer();
