// The clock by which timers ring: on Linux (CLOCK_MONOTONIC) it stands still while the computer sleeps.

/** Milliseconds since an arbitrary point, with fractions. */
export function runningMilliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
