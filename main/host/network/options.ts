// Where on this computer the network configuration is made. Everything has a usual place; tests and a second service
// use others.
import type { Timer } from '../terminal/timer.ts';

export interface HostNetworkOptions {
  /** File that remembers changes until they are undone; on a disk, not in memory. */
  readonly journal: string;
  /** Default "/etc/resolv.conf". */
  readonly resolverPath?: string;
  /** Default "/run/systemd/resolve". */
  readonly resolvedDirectory?: string;
  /** Default "resolvectl". */
  readonly resolvedCommand?: string;
  /** Where lockdown keeps its rules; default "/etc/sealnic". */
  readonly lockdownDirectory?: string;
  /** Default "/etc/systemd/system". */
  readonly unitDirectory?: string;
  /** Windows: another library with the functions of iphlpapi.dll. */
  readonly ipHelperLibrary?: string;
  /** Default: the system's. */
  readonly timer?: Timer;
  /** Identifies this start of the computer; default: what the system says. */
  readonly boot?: string;
}
