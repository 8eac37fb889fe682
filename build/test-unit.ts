// `npm run test:unit`: the tests that need neither root, nor network namespaces, nor other programs, nor long; under a
// minute.
import { availableParallelism } from 'node:os';
import { findTests, runTests } from './test-runner.ts';

const elsewhere = [
  'test/interop/',
  'test/e2e/',
  'test/demo/',
  'test/package/',
  'test/fuzz/',
  'test/host/',
  'test/service/data/',
  'test/service/keyring/media.test.ts',
  'test/keys/card/pcsc.test.ts',
  'test/keys/keychain/',
];
const files = findTests(({ path }) => !elsewhere.some((place) => path.startsWith(place)));
process.exitCode = (await runTests(files, { concurrency: availableParallelism() })) ? 0 : 1;
