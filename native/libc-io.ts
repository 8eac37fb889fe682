// File descriptors: opening, reading, writing, waiting, and the variadic ioctl and fcntl.
import koffi from 'koffi';
import { bindLibc, checkCall, errorNumber, lastErrorNumber } from './libc.ts';
import { allocateBlock, type NativeBlock } from './libc-memory.ts';

/** The bare calls: -1 on failure, see `lastErrorNumber`. Addresses are Numbers. */
export const open = bindLibc<(path: string, flags: number, mode: number) => number>(
  'int open(const char *path, int flags, uint mode)',
);
export const close = bindLibc<(descriptor: number) => number>('int close(int descriptor)');
export const read = bindLibc<(descriptor: number, address: number, length: number) => number>(
  'intptr_t read(int descriptor, uintptr_t address, size_t length)',
);
export const write = bindLibc<(descriptor: number, address: number, length: number) => number>(
  'intptr_t write(int descriptor, uintptr_t address, size_t length)',
);
export const readv = bindLibc<(descriptor: number, iovec: number, count: number) => number>(
  'intptr_t readv(int descriptor, uintptr_t iovec, int count)',
);
export const writev = bindLibc<(descriptor: number, iovec: number, count: number) => number>(
  'intptr_t writev(int descriptor, uintptr_t iovec, int count)',
);
export const poll = bindLibc<(entries: number, count: number, timeoutMilliseconds: number) => number>(
  'int poll(uintptr_t entries, unsigned long count, int timeoutMilliseconds)',
);
const eventfd = bindLibc<(initial: number, flags: number) => number>('int eventfd(uint initial, int flags)');
const ioctlVariadic = bindLibc<
  (descriptor: number, request: number, type: string, argument: number) => number
>('int ioctl(int descriptor, unsigned long request, ...)');
const fcntlVariadic = bindLibc<
  (descriptor: number, command: number, type: string, argument: number) => number
>('int fcntl(int descriptor, int command, ...)');

export const openFlag = { readWrite: 2, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;

/** ioctl whose argument is an address or a plain number. */
export function ioctl(descriptor: number, request: number, argument: number): number {
  return ioctlVariadic(descriptor, request, 'uintptr_t', argument);
}

export function fcntl(descriptor: number, command: number, argument: number): number {
  return fcntlVariadic(descriptor, command, 'long', argument);
}

export function setNonBlocking(descriptor: number): void {
  const getFlags = 3;
  const setFlags = 4;
  const flags = checkCall(fcntl(descriptor, getFlags, 0), 'fcntl');
  checkCall(fcntl(descriptor, setFlags, flags | openFlag.nonBlocking), 'fcntl');
}

/** A counter that one thread raises and another waits for in its poll set. Non-blocking, closed on exec. */
export function createEventDescriptor(): number {
  return checkCall(eventfd(0, openFlag.nonBlocking | openFlag.closeOnExec), 'eventfd');
}

const one = allocateBlock(8);
one.view.setUint32(0, 1, true);
const drained = allocateBlock(8);

/** Wakes whoever polls the event descriptor; any thread of the process may. */
export function raiseEvent(descriptor: number): void {
  write(descriptor, one.address, 8);
}

/** Resets the event descriptor; false where it was not raised. */
export function drainEvent(descriptor: number): boolean {
  return read(descriptor, drained.address, 8) === 8;
}

/**
 * Calls back on the event loop whenever the descriptor is readable or in error, until it is closed, which does not close
 * the descriptor but must come before. Keeps the process alive. After an error no more calls come.
 */
export function watchReadable(descriptor: number, ready: () => void): { close(): void } {
  const handle = koffi.node.poll(descriptor, { readable: true }, () => ready());
  let open = true;
  return {
    close() {
      if (open) handle.close();
      open = false;
    },
  };
}

export const pollEvent = { readable: 1, writable: 4, error: 8, hangUp: 16 } as const;

/** The descriptors that a loop waits for, in the order in which they were given. */
export class PollSet {
  readonly #entries: NativeBlock;
  readonly #count: number;

  /** `descriptors` with a bit set of `pollEvent` each; a negative descriptor is skipped by the system. */
  constructor(descriptors: readonly { readonly descriptor: number; readonly events: number }[]) {
    this.#count = descriptors.length;
    this.#entries = allocateBlock(Math.max(8, descriptors.length * 8));
    descriptors.forEach(({ descriptor, events }, index) => {
      this.#entries.view.setInt32(index * 8, descriptor, true);
      this.#entries.view.setInt16(index * 8 + 4, events, true);
    });
  }

  /** What entry `index` is waited for from now on. */
  setEvents(index: number, events: number): void {
    this.#entries.view.setInt16(index * 8 + 4, events, true);
  }

  /** Puts another descriptor into entry `index`; negative: skip it. */
  setDescriptor(index: number, descriptor: number): void {
    this.#entries.view.setInt32(index * 8, descriptor, true);
  }

  /** Blocks for at most so long (-1: for ever, 0: not at all). Returns how many are ready; 0 when interrupted. */
  wait(timeoutMilliseconds: number): number {
    const ready = poll(this.#entries.address, this.#count, timeoutMilliseconds);
    if (ready < 0 && lastErrorNumber() === errorNumber.EINTR) return 0;
    return checkCall(ready, 'poll');
  }

  /** The bit set of `pollEvent` with which entry `index` came back from the latest wait. */
  readyEvents(index: number): number {
    return this.#entries.view.getInt16(index * 8 + 6, true);
  }
}
