// The service and the command as one folder that needs nothing else: bundles, the Node that runs them, the native parts
// of one platform and none of another's.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { bundleService } from '../bundle.ts';
import { licenceText } from './licences.ts';
import { nodeBinaryFor } from './node-runtime.ts';
import { lockedPackage, packageFolder } from './npm-package.ts';
import { linuxFolder, product, projectRoot, serviceFolder } from './product.ts';
import { isHost, nameOf, type Target } from './target.ts';
import { addWintun } from './wintun.ts';

/** Where the service lies once a deb or rpm is installed. */
export const installedServiceFolder = `${linuxFolder}/resources/${serviceFolder}`;

/** Program and arguments of the service in such a folder. */
export function serviceCommandIn(folder: string): readonly string[] {
  return [`${folder}/node`, `${folder}/dist/service/main.js`];
}

/** Makes the folder anew. Throws where a part for the platform cannot be had. */
export async function makeServiceFolder(target: Target, folder: string, version: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const node = nodeBinaryFor(target);
  const inputs = await bundleService(join(folder, 'dist'), version);
  if (!existsSync(join(folder, 'dist', 'service', 'packet.wasm'))) throw new Error('packet.wasm is missing');
  write(folder, 'package.json', manifestText(version));
  const program = target.platform === 'win32' ? 'node.exe' : 'node';
  copyFileSync(node, join(folder, program));
  chmodSync(join(folder, program), 0o755);
  const licences = join(folder, 'licences');
  mkdirSync(licences);
  copyFileSync(join(projectRoot, 'resources', 'licences', 'node.txt'), join(licences, 'node.txt'));
  copyFileSync(join(projectRoot, 'LICENSE'), join(licences, 'sealnic.txt'));
  write(licences, 'npm-packages.txt', licenceText(inputs, ['koffi', 'keytar']));
  addKoffi(target, join(folder, 'node_modules'));
  addKeytar(target, join(folder, 'node_modules'));
  addCommand(target, folder);
  if (target.platform === 'win32') addWintun(target.architecture, folder);
}

/** Beside the app's and the service's code alike: each loads it by its name. */
export function addKeytar(target: Target, modules: string): void {
  const source = join(projectRoot, 'node_modules', 'keytar');
  const folder = join(modules, 'keytar');
  const prebuilt = join('prebuilds', nameOf(target));
  for (const part of ['LICENSE.md', 'lib', prebuilt]) {
    cpSync(join(source, part), join(folder, part), { recursive: true, dereference: true });
  }
  // Without what only compiling needs.
  const { name, version, main, license } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  write(folder, 'package.json', JSON.stringify({ name, version, main, license }));
}

function addKoffi(target: Target, modules: string): void {
  const source = join(projectRoot, 'node_modules', 'koffi');
  // Its sources and those of its own libraries are for compiling it.
  cpSync(source, join(modules, 'koffi'), {
    recursive: true,
    filter: (path) => {
      const inside = path.slice(source.length + 1);
      if (statSync(path).isDirectory()) return !/^(doc|lib|vendor)$/.test(inside);
      return /\.c?js$|^(package\.json|LICENSE\.txt)$/.test(inside) && inside !== 'cnoke.cjs';
    },
  });
  const name = `@koromix/koffi-${nameOf(target)}`;
  const binaries = isHost(target)
    ? join(projectRoot, 'node_modules', name)
    : packageFolder(lockedPackage(name));
  cpSync(binaries, join(modules, name), {
    recursive: true,
    filter: (path) => !/[\\/]musl_/.test(path.slice(binaries.length)),
  });
}

/** What /usr/bin/sealnic points to; works from wherever the folder lies. */
function addCommand(target: Target, folder: string): void {
  if (target.platform === 'win32') {
    write(folder, 'sealnic.cmd', '@"%~dp0node.exe" "%~dp0dist\\cli\\sealnic.js" %*\r\n');
    return;
  }
  const script = `#!/bin/sh
# The sealnic command.
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" "$here/dist/cli/sealnic.js" "$@"
`;
  write(folder, 'sealnic', script);
  chmodSync(join(folder, 'sealnic'), 0o755);
}

function manifestText(version: string): string {
  const { name, license } = product;
  return `${JSON.stringify({ name, version, license, private: true, type: 'module' }, undefined, 2)}\n`;
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}
