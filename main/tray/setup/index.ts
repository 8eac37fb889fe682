// Picks the platform's way to set up the service.
import { dirname } from 'node:path';
import type { Setup } from './contract.ts';
import { linuxSetup } from './linux.ts';

/** `command`: the path of the `sealnic` command. undefined: it is done by the installer alone. */
export function setupOf(command: string, user: string): Setup | undefined {
  if (process.platform !== 'linux') return undefined;
  const image = process.env.APPIMAGE === undefined ? undefined : dirname(command);
  return linuxSetup(command, user, undefined, undefined, image);
}
