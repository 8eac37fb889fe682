// The C library's clocks (Linux).
import { bindLibc, checkCall } from './libc.ts';
import { allocateBlock } from './libc-memory.ts';

const clockGetTime = bindLibc<(clock: number, time: number) => number>(
  'int clock_gettime(int clock, uintptr_t time)',
);
const bootTime = 7;
/** struct timespec: seconds 64 bits, nanoseconds 64 bits. */
const time = allocateBlock(16);

/** CLOCK_BOOTTIME: milliseconds since the computer started, those that it slept included, with fractions. */
export function bootTimeMilliseconds(): number {
  checkCall(clockGetTime(bootTime, time.address), 'clock_gettime');
  const { view } = time;
  const seconds = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  return seconds * 1000 + view.getUint32(8, true) / 1e6;
}
