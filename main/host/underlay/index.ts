// Chooses the platform's sockets below the tunnel.
import type { OpenBypassLink, OpenUnderlay } from './contract.ts';

/** The platform's UDP sockets. Throws where there are none yet. */
export async function loadOpenUnderlay(): Promise<OpenUnderlay> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).openUnderlay;
    case 'win32':
      return (await import('./win32.ts')).openUnderlay;
    default:
      throw new Error(`There is no underlay for ${process.platform} yet. SealNIC runs on Linux.`);
  }
}

/** The platform's way around the tunnel for what the filter lets pass. Throws where there is none yet. */
export async function loadOpenBypassLink(): Promise<OpenBypassLink> {
  switch (process.platform) {
    case 'linux':
      return (await import('./bypass-linux.ts')).openBypassLink;
    case 'win32':
      return (await import('./win32.ts')).openBypassLink;
    default:
      throw new Error(`There is no bypass for ${process.platform} yet. SealNIC runs on Linux.`);
  }
}
