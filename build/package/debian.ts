// The .deb, made by dpkg-deb from the unpacked program: the same bytes for the same input.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeInstalledTree } from './installed-tree.ts';
import { debianDepends, debianRecommends, product } from './product.ts';
import { sourceDate } from './source-date.ts';
import type { Architecture } from './target.ts';

export interface DebianPackage {
  readonly architecture: Architecture;
  readonly version: string;
  /** The folder that electron-builder made. */
  readonly unpacked: string;
  /** Folder of the package; it also takes the tree that is packed, for a while. */
  readonly output: string;
  readonly compression: 'xz' | 'none';
}

export function hasDebianTools(): boolean {
  return spawnSync('dpkg-deb', ['--version']).status === 0;
}

/** Gives the package's path. Throws with what dpkg-deb said. */
export function makeDebianPackage(parts: DebianPackage): string {
  const { version, unpacked, output, compression } = parts;
  const architecture = parts.architecture === 'x64' ? 'amd64' : parts.architecture;
  const root = join(output, `deb-${architecture}`);
  makeInstalledTree(root, unpacked);
  const control = join(root, 'DEBIAN');
  mkdirSync(control);
  writeFileSync(join(control, 'control'), controlText(architecture, version, sizeOf(root)));
  for (const [script, name] of maintainerScripts) {
    copyFileSync(join(import.meta.dirname, 'linux', script), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  const file = join(output, `${product.name}_${version}_${architecture}.deb`);
  const { status, stderr } = spawnSync(
    'dpkg-deb',
    ['--root-owner-group', `-Z${compression}`, '--build', root, file],
    { encoding: 'utf8', env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) } },
  );
  rmSync(root, { recursive: true, force: true });
  if (status !== 0) throw new Error(`dpkg-deb: ${stderr.trim()}`);
  return file;
}

const maintainerScripts = [
  ['after-install.sh', 'postinst'],
  ['before-remove.sh', 'prerm'],
  ['after-remove.sh', 'postrm'],
] as const;

function controlText(architecture: string, version: string, bytes: number): string {
  return `Package: ${product.name}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${product.maintainer}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: ${debianDepends.join(', ')}
Recommends: ${debianRecommends.join(', ')}
Section: net
Priority: optional
Homepage: ${product.homepage}
Description: ${product.description}
 A virtual adapter, a filter that decides for every packet, IKEv2 and ESP in user space, and a desktop app.
`;
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
}
