// One timer on the service's monotonic clock.
import { monotonicMilliseconds } from './data/clock.ts';

/** Calls back once at that time (milliseconds of `monotonicMilliseconds`); the returned function cancels. */
export function schedule(atMilliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, Math.max(0, atMilliseconds - monotonicMilliseconds()));
  return () => clearTimeout(timer);
}
