// Stands in for native/libc-clock.ts: the system's clock, and on top of it what the file named by SEALNIC_TEST_SLEPT
// says that the computer slept, in milliseconds.
import { readFileSync } from 'node:fs';
import * as system from '../../../../native/libc-clock.ts';

const file = process.env.SEALNIC_TEST_SLEPT!;
const rereadMilliseconds = 20;
let slept = 0;
let readAt = Number.NEGATIVE_INFINITY;

export function bootTimeMilliseconds(): number {
  const now = system.bootTimeMilliseconds();
  if (now - readAt > rereadMilliseconds) {
    slept = Number(readFileSync(file, 'utf8'));
    readAt = now;
  }
  return now + slept;
}
