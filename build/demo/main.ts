// `npm run demo`: the product at work on this one computer, without touching its network.
import { findIsolation, runIsolated } from './namespaces.ts';
import { tellStory } from './story.ts';

const inside = 'inside-namespaces';

if (process.argv[2] === inside) {
  process.exit(await tellStory());
} else {
  const isolation = findIsolation();
  if (isolation.possible) {
    process.exitCode = await runIsolated(isolation.words, import.meta.filename, [inside]);
  } else {
    const { demonstrateInMemory } = await import('./in-memory.ts');
    process.exitCode = await demonstrateInMemory(isolation.why);
  }
}
