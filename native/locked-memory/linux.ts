// Pages that never reach a swap device, a core dump or a child process: mmap, mlock, madvise (Linux).
import { bindLibc } from '../libc.ts';
import { viewOfAddress } from '../libc-memory.ts';
import type { MapLockedPages, UnmapLockedPages } from './contract.ts';

const mmap = bindLibc<
  (hint: number, length: number, protection: number, flags: number, file: number, offset: number) => number
>('intptr_t mmap(uintptr_t hint, size_t length, int protection, int flags, int file, int64_t offset)');
const munmap = bindLibc<(address: number, length: number) => number>(
  'int munmap(uintptr_t address, size_t length)',
);
const mlock = bindLibc<(address: number, length: number) => number>(
  'int mlock(uintptr_t address, size_t length)',
);
const madvise = bindLibc<(address: number, length: number, advice: number) => number>(
  'int madvise(uintptr_t address, size_t length, int advice)',
);

const protectionReadWrite = 3;
const mapPrivateAnonymous = 0x22;
const adviceDontFork = 10;
const adviceDontDump = 16;

export const mapLockedPages: MapLockedPages = (length) => {
  const address = Number(mmap(0, length, protectionReadWrite, mapPrivateAnonymous, -1, 0));
  if (address === -1) throw new Error(`The system refused ${length} bytes of memory for keys.`);
  const locked = mlock(address, length) === 0;
  madvise(address, length, adviceDontFork);
  madvise(address, length, adviceDontDump);
  return { address, bytes: viewOfAddress(address, length), locked };
};

export const unmapLockedPages: UnmapLockedPages = (pages) => {
  pages.bytes.fill(0);
  munmap(pages.address, pages.bytes.length);
};
