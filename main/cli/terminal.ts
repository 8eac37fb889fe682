// What the commands see of the world: standard streams, the terminal's size, the clock, and how a service is reached.
import { getSystemErrorMessage } from 'node:util';
import type { ControlClient } from '../control/client.ts';
import { ControlError } from '../control/failure.ts';
import type { Style } from './style.ts';
import { coloured, uncoloured } from './style.ts';

/** The streams and the terminal. Tests pass their own. */
export interface Terminal {
  write(text: string | Uint8Array): void;
  writeError(text: string): void;
  readonly outputIsTerminal: boolean;
  readonly inputIsTerminal: boolean;
  size(): { columns: number; rows: number };
  readonly colour: boolean;
  /** Reads standard input to its end. */
  readAll(): Promise<Buffer>;
  /** Asks without echo; undefined: interrupted, or given up by the signal. The caller wipes the answer. */
  askSecret(question: string, signal?: AbortSignal): Promise<Buffer | undefined>;
  /** Keys while a full-screen view is shown, and the signal that ends the command. */
  onKey(pressed: (key: string) => void): () => void;
  onInterrupt(interrupted: () => void): () => void;
  onResize(resized: () => void): () => void;
}

/** What every command gets. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly style: Style;
  readonly json: boolean;
  readonly now: () => number;
  readonly schedule: (callback: () => void, milliseconds: number) => () => void;
  /** Connects for the length of `use`. Throws ControlError. */
  withService<Value>(use: (client: ControlClient) => Promise<Value>): Promise<Value>;
  readonly launcher: Launcher;
}

/** How processes of the service are started. */
export interface Launcher {
  /** Replaces this process, or runs the service as a child and gives its exit code. */
  runService(serviceArguments: readonly string[]): Promise<number>;
  /** Runs a task of the service's own program ("--check", "--repair") and gives what it printed. */
  runTask(serviceArguments: readonly string[]): Promise<{ exitCode: number; output: string }>;
  /** Runs a program of the system; gives its exit code. */
  runProgram(program: string, programArguments: readonly string[]): Promise<number>;
}

/** Wrong use of the command: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Why the system did not do it, in words: "no such file or directory". */
export function systemReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return errno === undefined ? message : getSystemErrorMessage(errno);
}

/** Prints lines for a person, or the value for a program. */
export function print(context: CommandContext, value: unknown, lines: readonly string[]): void {
  if (context.json) context.terminal.write(`${JSON.stringify(value, undefined, 2)}\n`);
  else if (lines.length > 0) context.terminal.write(`${lines.join('\n')}\n`);
}

export function styleOf(terminal: Terminal): Style {
  return terminal.colour && terminal.outputIsTerminal ? coloured : uncoloured;
}

/** True for a refusal that a view can live with by showing less. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ControlError && error.failure.code === 'refused';
}
