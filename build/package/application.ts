// The desktop app as Electron's archive holds it: bundle, pages, pictures, texts, and keytar for one platform.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleTray } from '../bundle.ts';
import { product, projectRoot } from './product.ts';
import { addKeytar } from './service-files.ts';
import type { Target } from './target.ts';

/** Makes the folder anew. */
export async function makeApplicationFolder(target: Target, folder: string, version: string): Promise<void> {
  await bundleTray(folder, version);
  rmSync(join(folder, 'node_modules'), { recursive: true });
  addKeytar(target, join(folder, 'node_modules'));
  copyFileSync(join(projectRoot, 'LICENSE'), join(folder, 'LICENSE'));
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const { description, license, homepage } = product;
  const author = authorOf(product.maintainer);
  const keytar = JSON.parse(readFileSync(join(folder, 'node_modules', 'keytar', 'package.json'), 'utf8'));
  const dependencies = { keytar: keytar.version };
  const about = { description, license, homepage, author, desktopName: product.desktopName };
  writeFileSync(path, `${JSON.stringify({ ...manifest, ...about, dependencies }, undefined, 2)}\n`);
}

/** "Name <address>". */
function authorOf(maintainer: string): { name: string; email: string } {
  const [, name = maintainer, email = ''] = /^(.*?) *<(.*)>$/.exec(maintainer) ?? [];
  return { name, email };
}
