// Clients are told times since 1970; the service itself lives on the monotonic clock.
import { monotonicMilliseconds } from './data/clock.ts';

/** Milliseconds since 1970 for a time of `monotonicMilliseconds`. */
export function wallClock(monotonic: number): number {
  return Math.round(Date.now() + (monotonic - monotonicMilliseconds()));
}
