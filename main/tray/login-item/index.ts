// Picks the platform's way to start the app at login.
import type { LoginItem, StartCommand } from './contract.ts';
import { linuxLoginItem } from './linux.ts';
import { systemLoginItem } from './system.ts';

/** undefined where there is none. `configurationDirectory`: that of the user's applications. */
export function loginItem(configurationDirectory: string, command: StartCommand): LoginItem | undefined {
  switch (process.platform) {
    case 'linux':
      return linuxLoginItem(configurationDirectory, command);
    case 'darwin':
    case 'win32':
      return systemLoginItem(command);
    default:
      return undefined;
  }
}
