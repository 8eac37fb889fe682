// Which Electron goes into the package: one that is on disk, or what electron-builder downloads.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isHost, type Target } from './target.ts';

export interface ElectronRuntime {
  readonly version: string;
  /** Unpacked; undefined: to be downloaded. */
  readonly folder: string | undefined;
}

/**
 * ELECTRON_OVERRIDE_DIST_PATH counts for the platform of this machine; its own file says which version it is. For the
 * others, SEALNIC_ELECTRON_DIST names a folder with Electron's release archives, where there is one.
 */
export function electronRuntime(target: Target): ElectronRuntime {
  const given = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (given !== undefined && isHost(target)) {
    const version = readFileSync(join(given, 'version'), 'utf8').trim().replace(/^v/, '');
    return { version, folder: given };
  }
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('electron/package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const installed = join(manifest, '..', 'dist');
  if (isHost(target) && existsSync(join(installed, 'version'))) return { version, folder: installed };
  return { version, folder: process.env.SEALNIC_ELECTRON_DIST };
}
