// Pages that never reach the page file: VirtualAlloc, VirtualLock (Windows).
import koffi from 'koffi';
import { bindWindows, lastError, WindowsCallError } from '../kernel32.ts';
import { viewOfAddress } from '../libc-memory.ts';
import type { MapLockedPages, UnmapLockedPages } from './contract.ts';

const library = koffi.load('kernel32.dll');
const virtualAlloc = bindWindows<(hint: number, length: number, kind: number, protection: number) => number>(
  library,
  'uintptr_t __stdcall VirtualAlloc(uintptr_t hint, size_t length, uint32_t kind, uint32_t protection)',
);
const virtualFree = bindWindows<(address: number, length: number, kind: number) => number>(
  library,
  'int __stdcall VirtualFree(uintptr_t address, size_t length, uint32_t kind)',
);
const virtualLock = bindWindows<(address: number, length: number) => number>(
  library,
  'int __stdcall VirtualLock(uintptr_t address, size_t length)',
);
const currentProcess = bindWindows<() => number>(library, 'intptr_t __stdcall GetCurrentProcess()');
const getWorkingSet = bindWindows<(process: number, smallest: number, largest: number) => number>(
  library,
  'int __stdcall GetProcessWorkingSetSize(intptr_t process, uintptr_t smallest, uintptr_t largest)',
);
const setWorkingSet = bindWindows<(process: number, smallest: number, largest: number) => number>(
  library,
  'int __stdcall SetProcessWorkingSetSize(intptr_t process, size_t smallest, size_t largest)',
);

const reserveAndCommit = 0x3000;
const release = 0x8000;
const readWrite = 4;

export const mapLockedPages: MapLockedPages = (length) => {
  const address = virtualAlloc(0, length, reserveAndCommit, readWrite);
  if (address === 0) throw new WindowsCallError('VirtualAlloc', lastError(), `${length} bytes`);
  growWorkingSet(length);
  return { address, bytes: viewOfAddress(address, length), locked: virtualLock(address, length) !== 0 };
};

/** Windows locks no more than the smallest working set has room for. */
function growWorkingSet(length: number): void {
  const sizes = new BigUint64Array(2);
  const block = Number(koffi.address(sizes));
  if (getWorkingSet(currentProcess(), block, block + 8) === 0) return;
  setWorkingSet(currentProcess(), Number(sizes[0]) + length, Number(sizes[1]) + length);
}

export const unmapLockedPages: UnmapLockedPages = (pages) => {
  pages.bytes.fill(0);
  virtualFree(pages.address, 0, release);
};
