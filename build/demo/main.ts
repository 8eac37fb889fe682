// `npm run demo`: the product at work on this one computer, without touching its network.
// With --in-memory: what is shown where there are no network namespaces.
import { demonstrateInMemory } from './in-memory.ts';
import { findIsolation, runIsolated } from './namespaces.ts';
import { tellStory } from './story.ts';

const inside = 'inside-namespaces';

switch (process.argv[2]) {
  case inside:
    process.exit(await tellStory());
    break;
  case '--in-memory':
    process.exitCode = await demonstrateInMemory('it was not asked for any');
    break;
  default: {
    const isolation = findIsolation();
    process.exitCode = isolation.possible
      ? await runIsolated(isolation.words, import.meta.filename, [inside])
      : await demonstrateInMemory(isolation.why);
  }
}
