// Between commander and the commands: an action that connects nothing itself, and what it may give back.
import type { CommandContext } from './terminal.ts';

/** Makes an action of a function that knows nothing of commander. It may give an exit code; 0 otherwise. */
export type Runner = <Values extends unknown[]>(
  serve: (context: CommandContext, ...values: Values) => Promise<number | undefined>,
) => (...values: [...Values, ...unknown[]]) => Promise<void>;
