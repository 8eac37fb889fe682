// Linux keeps a clock of its own for what must go on while the computer sleeps.
export { bootTimeMilliseconds as elapsedMilliseconds } from '../../../native/libc-clock.ts';
