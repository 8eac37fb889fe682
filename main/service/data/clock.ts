// The service's clock: monotonic and the same on every thread, unlike performance.now(). It goes on while the computer
// sleeps, so that nothing that has a lifetime outlives it by sleeping.
import { elapsedMilliseconds } from '../../host/clock/index.ts';

/** Milliseconds since an arbitrary point, with fractions. */
export function monotonicMilliseconds(): number {
  return elapsedMilliseconds();
}
