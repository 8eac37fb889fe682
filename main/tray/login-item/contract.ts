// Starting the app when the person logs in.
export interface LoginItem {
  readonly on: boolean;
  /** Throws where the place for it cannot be written. */
  set(on: boolean): void;
}

/** The words of the command that starts the app. */
export type StartCommand = readonly [program: string, ...arguments: string[]];
