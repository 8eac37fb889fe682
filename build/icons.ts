// Draws the tray's PNGs (16 pixels, and 32 for dense displays) from the SVGs beside them. Needs rsvg-convert
// (Debian: librsvg2-bin); run it after changing an SVG: node build/icons.ts
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'resources', 'tray');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.svg'))) {
  for (const [size, suffix] of [
    [16, ''],
    [32, '@2x'],
  ] as const) {
    const target = join(folder, file.replace('.svg', `${suffix}.png`));
    const words = ['--width', String(size), '--height', String(size), '--output', target, join(folder, file)];
    const { status, error } = spawnSync('rsvg-convert', words, { stdio: 'inherit' });
    if (status !== 0)
      throw new Error(`rsvg-convert failed for ${file}: ${error?.message ?? `code ${status}`}`);
  }
}
