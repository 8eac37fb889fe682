// What the system writes of a process that crashed, or shows of it to others (Linux): setrlimit(2), prctl(2).
import { bindLibc, checkCall } from './libc.ts';

const setrlimit = bindLibc<(resource: number, limit: Uint8Array) => number>(
  'int setrlimit(int resource, const void *limit)',
);
const prctl = bindLibc<
  (option: number, value: number, third: number, fourth: number, fifth: number) => number
>('int prctl(int option, ulong value, ulong third, ulong fourth, ulong fifth)');

const resourceCore = 4;
const setDumpable = 4;

/**
 * No core dump of this process from now on, soft and hard limit 0, which its children inherit; and no process but root's
 * may look at its memory. Throws SystemCallError.
 */
export function forbidDumps(): void {
  checkCall(setrlimit(resourceCore, new Uint8Array(16)), 'setrlimit');
  checkCall(prctl(setDumpable, 0, 0, 0, 0), 'prctl');
}
