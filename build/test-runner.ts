// Runs test files by node:test, prints its spec report, and in CI treats a skipped test as a failed one.
import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const projectRoot = join(import.meta.dirname, '..');
const fileTimeoutMilliseconds = 10 * 60_000;

export function findTests(keep: (file: { readonly path: string }) => boolean): readonly string[] {
  return globSync('test/**/*.test.ts', { cwd: projectRoot })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .filter((path) => keep({ path }));
}

/** `files` relative to the project. True if all passed and, in CI (CI=true), none was skipped. */
export async function runTests(
  files: readonly string[],
  { concurrency }: { readonly concurrency: number },
): Promise<boolean> {
  if (files.length === 0) {
    console.error('No test files were found.');
    return false;
  }
  // What is expensive to make and serves several test files (test/package/shared-folder.ts).
  const shared = mkdtempSync(join(tmpdir(), 'sealnic-test-run-'));
  chmodSync(shared, 0o755);
  process.env.SEALNIC_TEST_RUN = shared;
  const events = run({
    files: files.map((path) => join(projectRoot, path)),
    cwd: projectRoot,
    concurrency,
    timeout: fileTimeoutMilliseconds,
  });
  let failed = false;
  const skipped: string[] = [];
  events.on('test:fail', ({ todo }) => {
    failed ||= todo === undefined;
  });
  events.on('test:pass', ({ skip, name, file }) => {
    if (skip === undefined || skip === false) return;
    skipped.push(`${file ?? ''} ${name}${typeof skip === 'string' ? `: ${skip}` : ''}`);
  });
  const report = events.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report, { writable: false });
  rmSync(shared, { recursive: true, force: true });
  return !failed && !skippedInCi(skipped);
}

function skippedInCi(skipped: readonly string[]): boolean {
  if (skipped.length === 0) return false;
  const inCi = process.env.CI === 'true';
  console.error(inCi ? 'Skipped, which CI does not allow:' : 'Skipped on this machine:');
  for (const each of skipped) console.error(`  ${each}`);
  return inCi;
}
