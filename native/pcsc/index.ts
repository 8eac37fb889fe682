// The PC/SC library of the platform that this runs on.
import { bindPcsc, type Pcsc, PcscError, pcscCode } from './binding.ts';
import type { PcscPlatform } from './platform.ts';

/** Loads the library. Throws PcscError noLibrary where the computer has none. */
export async function openPcsc(): Promise<Pcsc> {
  const platform = await platformTable();
  if (platform === undefined) throw new PcscError('load', pcscCode.noLibrary);
  return bindPcsc(platform);
}

async function platformTable(): Promise<PcscPlatform | undefined> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).platform;
    case 'darwin':
      return (await import('./darwin.ts')).platform;
    case 'win32':
      return (await import('./win32.ts')).platform;
    default:
      return undefined;
  }
}
