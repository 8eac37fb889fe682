// `npm run test:unit`: the tests that need neither root nor a network, in under a minute.
import { availableParallelism } from 'node:os';
import { findTests, runTests } from './test-runner.ts';

const slow = ['test/interop/', 'test/e2e/', 'test/demo/'];
const files = findTests(({ path }) => !slow.some((folder) => path.startsWith(folder)));
process.exitCode = (await runTests(files, { concurrency: availableParallelism() })) ? 0 : 1;
