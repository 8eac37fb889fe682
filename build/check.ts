// The checks that need no run of the product: formatter and linter, types, import rules.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkImportRules } from './import-rules.ts';

const projectRoot = join(import.meta.dirname, '..');

/** Runs all of them and prints what they found. True if there was nothing. */
export function runChecks(): boolean {
  const results = [
    tool('format and lint', 'node_modules/@biomejs/biome/bin/biome', [
      'check',
      '--error-on-warnings',
      ...(process.stdout.isTTY ? [] : ['--colors=off']),
    ]),
    tool('types', 'node_modules/typescript/bin/tsc', ['--noEmit']),
    tool('types of the window', 'node_modules/typescript/bin/tsc', ['--noEmit', '-p', 'renderer']),
    tool('types of the tests with a window', 'node_modules/typescript/bin/tsc', [
      '--noEmit',
      '-p',
      'test/e2e',
    ]),
    importRules(),
  ];
  return results.every((each) => each);
}

function tool(name: string, script: string, toolArguments: readonly string[]): boolean {
  const { status } = spawnSync(process.execPath, [join(projectRoot, script), ...toolArguments], {
    cwd: projectRoot,
    stdio: 'inherit',
  });
  return report(name, status === 0);
}

function importRules(): boolean {
  const violations = checkImportRules(projectRoot);
  for (const { place, problem } of violations) console.error(`${place}: ${problem}`);
  return report('import rules', violations.length === 0);
}

function report(name: string, good: boolean): boolean {
  console.log(`${good ? '✔' : '✖'} ${name}`);
  return good;
}

if (import.meta.main) process.exitCode = runChecks() ? 0 : 1;
