// Chooses the platform's way to a server beside the tunnel.
import type { OpenStream } from './contract.ts';

/** Rejects where the platform has none yet. */
export async function loadOpenStream(): Promise<OpenStream> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).openStream;
    default:
      throw new Error(`There is no way beside the tunnel on ${process.platform} yet. SealNIC runs on Linux.`);
  }
}
