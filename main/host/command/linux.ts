// Runs the system's own tools (ip, nft, resolvectl) and says what went wrong in words.
import { spawn } from 'node:child_process';

/** A tool of the system is missing, or refused. `message` is fit to be shown. */
export class HostCommandError extends Error {
  override readonly name = 'HostCommandError';
  readonly command: string;
  /** undefined: it could not be started. */
  readonly exitCode: number | undefined;
  /** What it said, whole. */
  readonly output: string;

  constructor(command: string, exitCode: number | undefined, output: string, reason: string) {
    super(reason);
    this.command = command;
    this.exitCode = exitCode;
    this.output = output;
  }
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end; any exit code is a result. Throws HostCommandError where it cannot be started. */
export function runCommand(words: readonly string[], input = ''): Promise<CommandResult> {
  const [program = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: commandEnvironment() });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => reject(missing(program, error)));
    child.once('close', (code, signal) =>
      resolve({ exitCode: code ?? 128, stdout, stderr: signal ? `${stderr}ended by ${signal}` : stderr }),
    );
    // A tool that ends before it has read everything is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a tool that must succeed; returns its standard output. */
export async function requireCommand(words: readonly string[], input = ''): Promise<string> {
  const result = await runCommand(words, input);
  if (result.exitCode === 0) return result.stdout;
  throw failed(words, result.exitCode, result.stderr);
}

export function failed(words: readonly string[], exitCode: number, stderr: string): HostCommandError {
  const command = words.join(' ');
  const [first = ''] = stderr.trim().split('\n');
  const hint = /not permitted|permission denied/i.test(stderr) ? ' It needs root (CAP_NET_ADMIN).' : '';
  return new HostCommandError(
    command,
    exitCode,
    stderr,
    `${command} failed: ${first || `exit code ${exitCode}`}.${hint}`,
  );
}

const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  resolvectl: 'systemd-resolved',
};

function missing(program: string, error: Error): HostCommandError {
  const packageName = packages[program];
  const advice = packageName ? ` Install the package ${packageName}.` : '';
  return new HostCommandError(
    program,
    undefined,
    '',
    `${program} cannot be started: ${error.message}.${advice}`,
  );
}

/** Messages in English, and the folders where administration tools live. */
function commandEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '/usr/bin:/bin' } = process.env;
  return { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' };
}
