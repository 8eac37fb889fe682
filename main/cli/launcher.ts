// Starts the service's own program as a process of its own: the command line imports nothing of the service.
import { execFile, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launcher } from './terminal.ts';

/** Program and first arguments that run the service; its options follow. */
export function serviceProgram(): [string, ...string[]] {
  // Source and bundle have the same layout; only the endings differ.
  const entry = new URL(`../service/main${extname(import.meta.url)}`, import.meta.url);
  return [process.execPath, fileURLToPath(entry)];
}

export const processLauncher: Launcher = {
  runService(serviceArguments) {
    const [program, ...programArguments] = serviceProgram();
    const all = [...programArguments, ...serviceArguments];
    // Where the system can replace a process, signals and exit codes need no go-between.
    if (process.execve !== undefined) process.execve(program, [program, ...all], process.env);
    return runToEnd(program, all);
  },

  runTask(serviceArguments) {
    const [program, ...programArguments] = serviceProgram();
    return new Promise((resolve) => {
      execFile(program, [...programArguments, ...serviceArguments], (error, output) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output });
      });
    });
  },

  runProgram: (program, programArguments) => runToEnd(program, programArguments),
};

function runToEnd(program: string, programArguments: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, programArguments, { stdio: 'inherit' });
    child.on('error', () => resolve(127));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
