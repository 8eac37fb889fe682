// The driver of Windows' virtual adapter: unmodified, with its licence, by the hash of its release.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './target.ts';

/** SHA-256 of wintun.dll 0.14.1. */
const hashes: Readonly<Partial<Record<Architecture, string>>> = {
  x64: 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce',
};

/**
 * Copies it from the unpacked release that SEALNIC_WINTUN names (bin/amd64/wintun.dll and LICENSE.txt, as in the archive
 * of wintun 0.14.1). Throws where it is not given or not the pinned one.
 */
export function addWintun(architecture: Architecture, folder: string): void {
  const release = process.env.SEALNIC_WINTUN;
  const wanted = hashes[architecture];
  if (wanted === undefined) throw new Error(`no hash of wintun.dll is pinned for ${architecture}`);
  if (release === undefined || !existsSync(release)) {
    throw new Error('wintun 0.14.1 is missing: unpack its release and name the folder by SEALNIC_WINTUN');
  }
  const library = join(release, 'bin', 'amd64', 'wintun.dll');
  const found = createHash('sha256').update(readFileSync(library)).digest('hex');
  if (found !== wanted) throw new Error(`${library} is not the pinned one: its SHA-256 is ${found}`);
  copyFileSync(library, join(folder, 'wintun.dll'));
  mkdirSync(join(folder, 'licences'), { recursive: true });
  copyFileSync(join(release, 'LICENSE.txt'), join(folder, 'licences', 'wintun.txt'));
}
