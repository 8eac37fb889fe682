// Chooses the platform's virtual adapter.
import type { OpenAdapter } from './contract.ts';

/** The platform's way to open the adapter. Throws where there is none yet. */
export async function loadOpenAdapter(): Promise<OpenAdapter> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).openAdapter;
    case 'win32':
      return (await import('./win32.ts')).openAdapter;
    default:
      throw new Error(`There is no virtual adapter for ${process.platform} yet. SealNIC runs on Linux.`);
  }
}
