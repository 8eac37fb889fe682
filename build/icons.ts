// Draws the tray's PNGs (16 pixels, and 32 for dense displays) from the SVGs beside them. Needs rsvg-convert
// (Debian: librsvg2-bin); run it after changing an SVG: node build/icons.ts. Beside each goes a template image for
// macOS, which knows transparency alone: the shield is black, what is drawn on it is cut out.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'resources', 'tray');

const sizes = [
  [16, ''],
  [32, '@2x'],
] as const;

for (const file of readdirSync(folder).filter((name) => name.endsWith('.svg'))) {
  const svg = readFileSync(join(folder, file), 'utf8');
  for (const [size, suffix] of sizes) {
    draw(svg, size, join(folder, file.replace('.svg', `${suffix}.png`)));
    draw(templateOf(svg), size, join(folder, file.replace('.svg', `Template${suffix}.png`)));
  }
}

function templateOf(svg: string): string {
  const shapes = svg
    .replace(/^[\s\S]*<\/title>|<\/svg>\s*$/g, '')
    .replace(/#[0-9a-f]{6}/g, (colour) => (colour === '#ffffff' ? '#000000' : '#ffffff'));
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">' +
    `<mask id="shapes">${shapes}</mask><rect width="32" height="32" mask="url(#shapes)"/></svg>`
  );
}

function draw(svg: string, size: number, target: string): void {
  const words = ['--width', String(size), '--height', String(size), '--output', target];
  const { status, error } = spawnSync('rsvg-convert', words, {
    input: svg,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (status !== 0)
    throw new Error(`rsvg-convert failed for ${target}: ${error?.message ?? `code ${status}`}`);
}
