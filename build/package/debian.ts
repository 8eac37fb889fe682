// The .deb, made by dpkg-deb from the unpacked program: the same bytes for the same input.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { debianDepends, debianRecommends, linuxFolder, product, projectRoot } from './product.ts';
import { makeSystemFiles } from './system-files.ts';
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
  makeSystemFiles(root, { menu: true });
  cpSync(unpacked, join(root, linuxFolder), { recursive: true, verbatimSymlinks: true });
  const documents = join(root, 'usr', 'share', 'doc', product.name);
  mkdirSync(documents, { recursive: true });
  writeFileSync(join(documents, 'copyright'), copyright);
  setModes(root);
  chmodSync(join(root, linuxFolder, 'chrome-sandbox'), 0o4755);
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

const copyright = `${product.productName}, ${product.license}: ${linuxFolder}/resources/service/licences
Electron and Chromium: ${linuxFolder}/LICENSE.electron.txt, ${linuxFolder}/LICENSES.chromium.html
`;

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

/** What was copied keeps no habits of the machine that built it: 755 for folders and programs, 644 for the rest. */
function setModes(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) setModes(path);
    else chmodSync(path, (lstatSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Seconds since 1970 of the commit that is packed, so that the same commit gives the same package. */
export function sourceDate(): number {
  const given = Number(process.env.SOURCE_DATE_EPOCH);
  if (given > 0) return given;
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: projectRoot, encoding: 'utf8' });
  return Number(stdout?.trim()) || 0;
}
