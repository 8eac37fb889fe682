// Clients are told times since 1970; the service itself lives on the monotonic clock.
import { monotonicMilliseconds } from './data/clock.ts';

/** Below that the two clocks have only been read at slightly different moments; above, somebody set the clock. */
const setMilliseconds = 250;

/**
 * What turns times of the one clock into those of the other. The same time is always told as the same number, so that
 * it is no change of state, until the wall clock is set.
 */
export function wallClockFrom(now: () => number, wallNow: () => number): (atMilliseconds: number) => number {
  let offset: number | undefined;
  return (at) => {
    const measured = wallNow() - now();
    if (offset === undefined || Math.abs(measured - offset) > setMilliseconds) offset = measured;
    return Math.round(at + offset);
  };
}

/** Milliseconds since 1970 for a time of `monotonicMilliseconds`. */
export const wallClock = wallClockFrom(monotonicMilliseconds, Date.now);
