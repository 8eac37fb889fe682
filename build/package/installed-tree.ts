// The files of a deb or rpm as they lie below "/", from the unpacked program.
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxFolder, product } from './product.ts';
import { makeSystemFiles } from './system-files.ts';

/** Makes `root` anew. `unpacked`: the folder that electron-builder made. */
export function makeInstalledTree(root: string, unpacked: string): void {
  makeSystemFiles(root, { menu: true });
  cpSync(unpacked, join(root, linuxFolder), { recursive: true, verbatimSymlinks: true });
  const documents = join(root, 'usr', 'share', 'doc', product.name);
  mkdirSync(documents, { recursive: true });
  writeFileSync(join(documents, 'copyright'), copyright);
  setModes(root);
  chmodSync(join(root, linuxFolder, 'chrome-sandbox'), 0o4755);
}

const copyright = `${product.productName}, ${product.license}: ${linuxFolder}/resources/service/licences
Electron and Chromium: ${linuxFolder}/LICENSE.electron.txt, ${linuxFolder}/LICENSES.chromium.html
`;

/** What was copied keeps no habits of the machine that built it: 755 for folders and programs, 644 for the rest. */
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
