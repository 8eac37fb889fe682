// The service's clock: monotonic and the same on every thread, unlike performance.now().

/** Milliseconds since an arbitrary point, with fractions. */
export function monotonicMilliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
