// Chooses the platform's clock that goes on while the computer sleeps.
import { runningMilliseconds } from './running.ts';

/** Milliseconds since an arbitrary point, with fractions: rising, the same on every thread, time asleep included. */
export const elapsedMilliseconds: () => number = await loadClock();

/** Node's own clock counts time asleep everywhere but on Linux. */
async function loadClock(): Promise<() => number> {
  if (process.platform !== 'linux') return runningMilliseconds;
  return (await import('./linux.ts')).elapsedMilliseconds;
}
