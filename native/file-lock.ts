// Whole-file locks (flock): one process holds it, and it ends with the process whatever happens.
import { bindLibc, errorNumber, lastErrorNumber, SystemCallError } from './libc.ts';

const flock = bindLibc<(descriptor: number, operation: number) => number>(
  'int flock(int descriptor, int operation)',
);
const exclusive = 2;
const nonBlocking = 4;

/** False when another process holds it. Throws SystemCallError. The lock lasts until the descriptor is closed. */
export function tryLockFile(descriptor: number): boolean {
  const result = flock(descriptor, exclusive | nonBlocking);
  if (result === 0) return true;
  const number = lastErrorNumber();
  if (number === errorNumber.EAGAIN) return false;
  throw new SystemCallError('flock', number);
}
