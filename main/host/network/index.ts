// Chooses the platform's network configuration.
import type { HostNetwork } from '../network.ts';
import type { HostNetworkOptions } from './options.ts';

const platform = process.platform === 'linux' ? await import('./linux.ts') : undefined;

/** Reads the journal that an earlier process may have left; changes nothing yet. Throws on unknown platforms. */
export function openHostNetwork(options: HostNetworkOptions): HostNetwork {
  if (platform) return platform.openLinuxHostNetwork(options);
  throw new Error(`SealNIC cannot configure the network of ${process.platform} yet. It runs on Linux.`);
}
