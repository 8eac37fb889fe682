// What every npm script calls first: makes a fresh clone able to run the command, then runs it on Node 24.
// Needs nothing but Node 20.19 or newer, hence plain JavaScript without dependencies.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { commands } from './bootstrap/commands.mjs';
import { ensurePackages, nodeBinary, projectRoot } from './bootstrap/packages.mjs';
import { ensureSystemPackages } from './bootstrap/system-packages.mjs';

/** Prepares and runs one of the commands; the exit code is the command's. */
export async function run(name, commandArguments) {
  const command = commands[name];
  if (command === undefined) {
    console.error(`There is no command "${name}". Known: ${Object.keys(commands).join(', ')}.`);
    return 2;
  }
  try {
    ensurePackages();
    ensureSystemPackages(name, command.systemPackages);
    for (const product of command.before) {
      if (isUpToDate(product)) continue;
      const code = await onNode24([join(projectRoot, product.script)]);
      if (code !== 0) return code;
    }
    return await onNode24([join(projectRoot, command.main), ...commandArguments]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function isUpToDate({ sources, output }) {
  const target = statSync(join(projectRoot, output), { throwIfNoEntry: false });
  if (target === undefined) return false;
  const files = sources.flatMap((source) => filesAt(join(projectRoot, source)));
  return files.every((file) => statSync(file).mtimeMs <= target.mtimeMs);
}

function filesAt(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true }).map((name) => join(path, name));
}

function onNode24(nodeArguments) {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeBinary(), nodeArguments, { stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const each of signals) process.off(each, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await run(process.argv[2] ?? '', process.argv.slice(3));
}
