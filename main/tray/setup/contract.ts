// What a computer lacks before the first connection, and the commands that mend it.
export const setupItems = ['service', 'rights'] as const;
export type SetupItem = (typeof setupItems)[number];

export interface SetupCommands {
  /** Installs the service and starts it, now and at every boot. */
  readonly install: readonly string[];
  readonly start: readonly string[];
  /** Lets the user connect. */
  readonly allow: readonly string[];
  /** Stores a profile from the file that somebody was given. */
  readonly importProfile: readonly string[];
}

export interface Setup {
  readonly serviceInstalled: () => boolean;
  readonly commands: SetupCommands;
  /** The program that asks for an administrator's password; undefined: there is none. */
  readonly asker: () => string | undefined;
  /** The command as a person would type it into a terminal. */
  typed(command: readonly string[]): string;
  /** Runs it as an administrator, once one has agreed. */
  run(command: readonly string[]): Promise<SetupOutcome>;
}

export type SetupOutcome =
  | { readonly outcome: 'done' }
  /** The question for the password was closed. */
  | { readonly outcome: 'dismissed' }
  /** There is nobody to ask, or it was refused. */
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'failed'; readonly detail: string };
