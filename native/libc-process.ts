// The process and its threads: who runs it, and which network namespace a thread sees.
import { bindLibc, checkCall, lastErrorNumber, SystemCallError } from './libc.ts';
import { close, open, openFlag } from './libc-io.ts';

export const getuid = bindLibc<() => number>('uint getuid()');
export const geteuid = bindLibc<() => number>('uint geteuid()');
export const gettid = bindLibc<() => number>('int gettid()');
/** Lets whatever else waits for this processor go first; always 0. */
export const schedYield = bindLibc<() => number>('int sched_yield()');
const setns = bindLibc<(descriptor: number, kind: number) => number>('int setns(int descriptor, int kind)');
const ifNameToIndex = bindLibc<(name: string) => number>('uint if_nametoindex(const char *name)');

/**
 * Moves the calling thread, and the processes that it starts from then on, into the network namespace of that path
 * ("/run/netns/NAME", "/proc/self/ns/net"). Other threads stay where they are.
 */
export function enterNetworkNamespace(path: string): void {
  const networkNamespace = 0x40000000;
  const descriptor = checkCall(open(path, openFlag.closeOnExec, 0), 'open', path);
  const result = setns(descriptor, networkNamespace);
  const error = result < 0 ? new SystemCallError('setns', lastErrorNumber(), path) : undefined;
  close(descriptor);
  if (error) throw error;
}

/** Index of a network interface; 0 where there is none of that name. */
export function interfaceIndex(name: string): number {
  return ifNameToIndex(name);
}
