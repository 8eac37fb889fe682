// PKCS#11 modules on the platform that this runs on.
import { loadModule, type Module } from './binding.ts';
import type { CryptokiPlatform } from './platform.ts';
import { platform as unix } from './unix.ts';
import { platform as win32 } from './win32.ts';

const platform: CryptokiPlatform = process.platform === 'win32' ? win32 : unix;

/** Loads and initialises it. Runs the module's code: only where it may do no harm. Throws CryptokiError. */
export function openModule(path: string): Module {
  return loadModule(path, platform);
}
