// Pages that never reach a swap device, a core dump or a child process: mmap, mlock, madvise (Linux).
import koffi from 'koffi';
import { bindLibc } from './libc.ts';

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

/** Whole pages outside the JavaScript heap. */
export interface LockedPages {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** False where the system refused mlock (RLIMIT_MEMLOCK): the pages may then be swapped out. */
  readonly locked: boolean;
}

/** Maps zero-filled pages; `length` in bytes, a multiple of 4096. Throws where the system has no memory left. */
export function mapLockedPages(length: number): LockedPages {
  const address = Number(mmap(0, length, protectionReadWrite, mapPrivateAnonymous, -1, 0));
  if (address === -1) throw new Error(`The system refused ${length} bytes of memory for keys.`);
  const locked = mlock(address, length) === 0;
  madvise(address, length, adviceDontFork);
  madvise(address, length, adviceDontDump);
  return { address, bytes: viewOfAddress(address, length), locked };
}

/** Wipes and returns the pages. No view of them may be used afterwards. */
export function unmapLockedPages(pages: LockedPages): void {
  pages.bytes.fill(0);
  munmap(pages.address, pages.bytes.length);
}

/** The bytes at an address that this process has mapped, on whichever thread; the caller vouches for both. */
export function viewOfAddress(address: number, length: number): Uint8Array {
  return new Uint8Array(koffi.view(BigInt(address), length));
}
