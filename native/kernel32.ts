// Of kernel32.dll (Windows, 64-bit): events and waiting, moving memory, and how its calls fail. Handles and addresses are
// Numbers.
import koffi from 'koffi';
import { allocateBlock, type NativeBlock, writePointer } from './libc-memory.ts';

/** One of the system's own libraries: known to the loader, so that no folder's file of that name is taken instead. */
const library = koffi.load('kernel32.dll');

/**
 * Binds a function of a loaded library. `signature` is its C declaration with handles and addresses written as
 * `uintptr_t`; `Call` is the same in TypeScript. Throws where the library has no such function.
 */
export function bindWindows<Call extends (...values: never[]) => unknown>(
  from: ReturnType<typeof koffi.load>,
  signature: string,
): Call {
  return from.func(signature) as unknown as Call;
}

/** GetLastError: what the latest failed call on this thread left behind. Read it before anything else is called. */
export const lastError = bindWindows<() => number>(library, 'uint32_t __stdcall GetLastError()');

/** Copies bytes between addresses; the caller vouches for both. */
export const moveMemory = bindWindows<(to: number, from: number, length: number) => void>(
  library,
  'void __stdcall RtlMoveMemory(uintptr_t to, uintptr_t from, size_t length)',
);

const closeHandleCall = bindWindows<(handle: number) => number>(
  library,
  'int __stdcall CloseHandle(uintptr_t handle)',
);
const createEventCall = bindWindows<
  (security: number, manualReset: number, initial: number, name: number) => number
>(
  library,
  'uintptr_t __stdcall CreateEventW(uintptr_t security, int manualReset, int initial, uintptr_t name)',
);
const setEventCall = bindWindows<(handle: number) => number>(
  library,
  'int __stdcall SetEvent(uintptr_t handle)',
);
const waitForMultipleObjects = bindWindows<
  (count: number, handles: number, all: number, milliseconds: number) => number
>(
  library,
  'uint32_t __stdcall WaitForMultipleObjects(uint32_t count, uintptr_t handles, int all, uint32_t milliseconds)',
);
const sleep = bindWindows<(milliseconds: number) => void>(
  library,
  'void __stdcall Sleep(uint32_t milliseconds)',
);
const createFile = bindWindows<
  (
    path: string,
    access: number,
    share: number,
    security: number,
    disposition: number,
    flags: number,
    template: number,
  ) => number
>(
  library,
  'intptr_t __stdcall CreateFileW(const char16_t *path, uint32_t access, uint32_t share, uintptr_t security, uint32_t disposition, uint32_t flags, uintptr_t template)',
);

/** Error numbers of winerror.h that callers tell apart. */
export const windowsError = {
  fileNotFound: 2,
  pathNotFound: 3,
  accessDenied: 5,
  invalidData: 13,
  handleEof: 38,
  bufferOverflow: 111,
  alreadyExists: 183,
  noMoreItems: 259,
} as const;

/** A call of Windows failed: which one, on what, and its error number. */
export class WindowsCallError extends Error {
  override readonly name = 'WindowsCallError';
  readonly call: string;
  /** Of winerror.h, e.g. 5. */
  readonly number: number;

  constructor(call: string, number: number, subject = '') {
    super(`${call}${subject === '' ? '' : ` (${subject})`} failed with Windows error ${number}`);
    this.call = call;
    this.number = number;
  }
}

/** An event without a name that stays raised until a wait has seen it. Throws WindowsCallError. */
export function createEvent(): number {
  const handle = createEventCall(0, 0, 0, 0);
  if (handle === 0) throw new WindowsCallError('CreateEventW', lastError());
  return handle;
}

/** Any thread of the process may. */
export function raiseEvent(handle: number): void {
  if (setEventCall(handle) === 0) throw new WindowsCallError('SetEvent', lastError());
}

export function closeHandle(handle: number): void {
  closeHandleCall(handle);
}

/**
 * Opens a file for reading so that nobody can write, rename or delete it until the handle is closed. Throws
 * WindowsCallError.
 */
export function holdFile(path: string): number {
  const genericRead = 0x8000_0000;
  const shareRead = 1;
  const openExisting = 3;
  const handle = createFile(path, genericRead, shareRead, 0, openExisting, 0, 0);
  if (handle === -1) throw new WindowsCallError('CreateFileW', lastError(), path);
  return handle;
}

/** Up to 64 handles that one thread waits for together. */
export class WaitList {
  length = 0;
  readonly #handles: NativeBlock;

  /** For so many handles. */
  constructor(capacity: number) {
    if (capacity > 64) throw new RangeError('at most 64 handles can be waited for');
    this.#handles = allocateBlock(Math.max(1, capacity) * 8);
  }

  clear(): void {
    this.length = 0;
  }

  add(handle: number): void {
    writePointer(this.#handles.view, this.length * 8, handle);
    this.length += 1;
  }

  /**
   * The first handle from position `from` on that is signalled, or -1 after `milliseconds`; where there is none to wait
   * for, it waits all the same. Throws WindowsCallError.
   */
  wait(from: number, milliseconds: number): number {
    const count = this.length - from;
    if (count <= 0) {
      sleep(milliseconds);
      return -1;
    }
    const timedOut = 0x102;
    const result = waitForMultipleObjects(count, this.#handles.address + from * 8, 0, milliseconds);
    if (result < count) return from + result;
    if (result === timedOut) return -1;
    throw new WindowsCallError('WaitForMultipleObjects', lastError());
  }
}
