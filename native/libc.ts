// The C library of the running process (Linux, 64-bit, little-endian): how its functions are reached and how they fail.
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const library = koffi.load(null);

/**
 * Binds a C function. `signature` is its C declaration with addresses written as `uintptr_t`, which are passed as
 * Numbers; `Call` is the same in TypeScript.
 */
export function bindLibc<Call extends (...values: never[]) => unknown>(signature: string): Call {
  return library.func(signature) as unknown as Call;
}

/** The error number that the latest failed call left behind. Read it before anything else is called. */
export function lastErrorNumber(): number {
  return koffi.errno();
}

/** Error numbers of Linux (asm-generic/errno.h) that callers tell apart. */
export const errorNumber = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EAFNOSUPPORT: 97,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

/** A call into the system failed: which one, on what, and the system's reason. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly call: string;
  /** Error number, e.g. 1. */
  readonly number: number;
  /** Its name, e.g. "EPERM". */
  readonly code: string;

  constructor(call: string, number: number, subject = '') {
    const code = getSystemErrorName(-number) ?? `errno ${number}`;
    super(`${call}${subject === '' ? '' : ` (${subject})`} failed: ${code}`);
    this.call = call;
    this.number = number;
    this.code = code;
  }
}

/** Returns `result`, or throws what the system said where it is negative. */
export function checkCall(result: number, call: string, subject?: string): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno(), subject);
  return result;
}
