// Picks the platform's way to set up the service.
import type { Setup } from './contract.ts';
import { linuxSetup } from './linux.ts';

/** `command`: the path of the `sealnic` command. undefined: it is done by the installer alone. */
export function setupOf(command: string, user: string): Setup | undefined {
  return process.platform === 'linux' ? linuxSetup(command, user) : undefined;
}
