// The command that starts the app at login: that of the package, or `npm start` of the clone that it runs from.
import type { StartCommand } from './contract.ts';

/** Starts it without its window. */
export const hiddenArgument = '--hidden';

export interface AppPlace {
  readonly packaged: boolean;
  /** Of Electron, or of the package. */
  readonly executable: string;
  /** The bundle that Electron was started with. */
  readonly appPath: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function startCommand({ packaged, executable, appPath, environment }: AppPlace): StartCommand {
  if (packaged) return [environment.APPIMAGE ?? executable, hiddenArgument];
  // The bundle of `npm start` is gone when the app has ended.
  const clone = wordsOf(environment.SEALNIC_START);
  return clone === undefined ? [executable, appPath, hiddenArgument] : [...clone, hiddenArgument];
}

/** A list of words in JSON. */
function wordsOf(text: string | undefined): StartCommand | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as StartCommand);
}
