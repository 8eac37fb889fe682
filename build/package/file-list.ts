// What is in a package, as a list that can be compared: mode, size, SHA-256 and path of each file, in order of the path.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

export function fileList(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(folder, path).replaceAll('\\', '/') }))
    .sort((first, second) => (first.name < second.name ? -1 : 1))
    .map(({ path, name }) => `${describe(path)}  ${name}\n`)
    .join('');
}

function describe(path: string): string {
  const { mode, size } = lstatSync(path);
  if (lstatSync(path).isSymbolicLink()) return `link ${readlinkSync(path)}`;
  const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
  return `${(mode & 0o7777).toString(8)} ${size} ${digest}`;
}
