// What a process gives up for good (Linux): its user, new privileges, core dumps, memory beyond a limit.
import { readdirSync, readlinkSync } from 'node:fs';
import { bindLibc, checkCall, lastErrorNumber, SystemCallError } from './libc.ts';
import { close } from './libc-io.ts';
import { allocateBlock, viewOfAddress, writePointer } from './libc-memory.ts';

const getpwnam = bindLibc<(name: string) => number>('uintptr_t getpwnam(const char *name)');
const initgroups = bindLibc<(name: string, group: number) => number>(
  'int initgroups(const char *name, uint group)',
);
const prctl = bindLibc<(option: number, a: number, b: number, c: number, d: number) => number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
const setrlimit = bindLibc<(resource: number, limit: number) => number>(
  'int setrlimit(int resource, uintptr_t limit)',
);

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A user of this computer; undefined where there is none of that name. */
export function findAccount(name: string): Account | undefined {
  const entry = Number(getpwnam(name));
  if (entry === 0) return undefined;
  // struct passwd: addresses of name and password, then the two numbers.
  const bytes = viewOfAddress(entry + 16, 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return { uid: view.getUint32(0, true), gid: view.getUint32(4, true) };
}

/** The whole process, all its threads; there is no way back. Throws where the system does not let it. */
export function becomeAccount(name: string, { uid, gid }: Account): void {
  checkCall(initgroups(name, gid), 'initgroups', name);
  process.setgid!(gid);
  process.setuid!(uid);
  try {
    process.setuid!(0);
  } catch {
    return;
  }
  throw new Error('the process could take its rights back');
}

export const resource = { data: 2, core: 4, files: 7 } as const;

/** Soft and hard limit. Throws SystemCallError. */
export function limitResource(which: number, most: number): void {
  const limit = allocateBlock(16);
  writePointer(limit.view, 0, most);
  writePointer(limit.view, 8, most);
  checkCall(setrlimit(which, limit.address), 'setrlimit');
}

/** No program that is started gets more rights than this one has. Throws SystemCallError. */
export function forbidNewPrivileges(): void {
  const setNoNewPrivileges = 38;
  control(setNoNewPrivileges, 1);
}

/** Nobody of the same user may look into this process, and it leaves no core dump. Throws SystemCallError. */
export function forbidInspection(): void {
  const setDumpable = 4;
  control(setDumpable, 0);
}

/** Killed with the process that started it. Forgotten when the user changes: call it afterwards. */
export function endWithParent(): void {
  const setParentDeathSignal = 1;
  const killed = 9;
  control(setParentDeathSignal, killed);
}

/** Closes files, devices and sockets that were left to this process, but the first `kept` descriptors. */
export function closeInherited(kept: number): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor < kept) continue;
    let target: string;
    try {
      target = readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      continue;
    }
    // Node's own are pipes and anonymous inodes.
    if (target.startsWith('socket:') || (target.startsWith('/') && target !== '/dev/null')) close(descriptor);
  }
}

function control(option: number, value: number): void {
  if (prctl(option, value, 0, 0, 0) < 0) throw new SystemCallError('prctl', lastErrorNumber());
}
