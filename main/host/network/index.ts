// Chooses the platform's network configuration.
import type { HostNetwork } from '../network.ts';
import type { HostNetworkOptions } from './options.ts';

const open = await loadPlatform();

/** Reads the journal that an earlier process may have left; changes nothing yet. Throws on unknown platforms. */
export function openHostNetwork(options: HostNetworkOptions): HostNetwork {
  if (open !== undefined) return open(options);
  throw new Error(`SealNIC cannot configure the network of ${process.platform} yet.`);
}

async function loadPlatform(): Promise<((options: HostNetworkOptions) => HostNetwork) | undefined> {
  switch (process.platform) {
    case 'linux':
      return (await import('./linux.ts')).openLinuxHostNetwork;
    case 'win32':
      return (await import('./win32.ts')).openWindowsHostNetwork;
    default:
      return undefined;
  }
}
