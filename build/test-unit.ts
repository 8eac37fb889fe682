// `npm run test:unit`: the tests that need neither root, nor network namespaces, nor other programs; under a minute.
import { availableParallelism } from 'node:os';
import { findTests, runTests } from './test-runner.ts';

const elsewhere = ['test/interop/', 'test/e2e/', 'test/demo/', 'test/host/', 'test/service/data/'];
const files = findTests(({ path }) => !elsewhere.some((folder) => path.startsWith(folder)));
process.exitCode = (await runTests(files, { concurrency: availableParallelism() })) ? 0 : 1;
