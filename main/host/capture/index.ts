// Chooses the platform's way to look on at a link.
import type { OpenCaptureTap } from './contract.ts';

/** undefined where there is none yet. */
export async function loadOpenCaptureTap(): Promise<OpenCaptureTap | undefined> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).openCaptureTap;
    default:
      return undefined;
  }
}
