// Runs a command to its end, with its output and a time limit: everything the laboratory does goes through here.
import { spawn, spawnSync } from 'node:child_process';

export interface CommandOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMilliseconds?: number;
}

export interface CommandOutcome {
  /** Exit code, or -1 when a signal or the time limit ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command did not do what the laboratory needs. */
export class CommandError extends Error {
  readonly outcome: CommandOutcome;

  constructor(words: readonly string[], outcome: CommandOutcome) {
    super(`${words.join(' ')}: exit ${outcome.code}\n${outcome.stderr}${outcome.stdout}`);
    this.name = 'CommandError';
    this.outcome = outcome;
  }
}

/** Resolves when the command has ended, however it ended. Rejects only when it could not be started. */
export function attempt(words: readonly string[], options: CommandOptions = {}): Promise<CommandOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(words[0]!, words.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
      timeout: options.timeoutMilliseconds ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** Resolves to the standard output; rejects with a CommandError unless the exit code is 0. */
export async function command(words: readonly string[], options: CommandOptions = {}): Promise<string> {
  const outcome = await attempt(words, options);
  if (outcome.code !== 0) throw new CommandError(words, outcome);
  return outcome.stdout;
}

/** For exit handlers, where nothing can be awaited. Never throws. */
export function commandNow(words: readonly string[]): string {
  const outcome = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', timeout: 10_000 });
  return outcome.status === 0 ? outcome.stdout : '';
}

/** Asks again every `stepMilliseconds` until the answer is not undefined; rejects with `what` after the limit. */
export async function until<T>(
  what: string,
  limitMilliseconds: number,
  ask: () => Promise<T | undefined> | T | undefined,
  stepMilliseconds = 50,
): Promise<T> {
  const end = performance.now() + limitMilliseconds;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMilliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, stepMilliseconds));
  }
}
