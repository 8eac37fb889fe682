// `npm test`: the checks, then every test in one runner, which ends with its own summary.
import { runChecks } from './check.ts';
import { findTests, runTests } from './test-runner.ts';

const wanted = process.argv.slice(2);
const files = findTests(({ path }) => wanted.length === 0 || wanted.some((part) => path.includes(part)));
// One file at a time: the tests with namespaces send at fixed rates, and a second file would take their core away.
process.exitCode = runChecks() && (await runTests(files, { concurrency: 1 })) ? 0 : 1;
