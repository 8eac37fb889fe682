// wintun.dll 0.14: the virtual network card of Windows, and the two rings by which packets cross. All of its functions.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { win32 } from 'node:path';
import koffi from 'koffi';
import { bindWindows, closeHandle, holdFile, lastError, WindowsCallError, windowsError } from './kernel32.ts';
import { allocateBlock } from './libc-memory.ts';
import { libraryArchitecture } from './portable-executable.ts';

/** Sizes of a ring in bytes: a power of two between these. */
export const ringCapacity = { smallest: 0x2_0000, largest: 0x400_0000 } as const;
export const largestPacket = 0xffff;

export type WintunReason =
  /** The library is not where it was installed. */
  | 'missing'
  | 'wrong-architecture'
  /** Not the file that this program was made with. */
  | 'wrong-hash'
  /** No administrator's rights, or a policy that forbids the driver. */
  | 'access-denied'
  /** Another program keeps an older driver in use. */
  | 'driver-too-old'
  /** The adapter was removed or disabled. */
  | 'adapter-lost'
  | 'failed';

/** `message` says what to do about it. */
export class WintunError extends Error {
  override readonly name = 'WintunError';
  readonly reason: WintunReason;
  /** Of winerror.h; 0 where no call of Windows failed. */
  readonly number: number;

  constructor(reason: WintunReason, message: string, number = 0) {
    super(message);
    this.reason = reason;
    this.number = number;
  }
}

export type WintunLogLevel = 'info' | 'warning' | 'error';
export type WintunLog = (level: WintunLogLevel, message: string) => void;

const levels: readonly WintunLogLevel[] = ['info', 'warning', 'error'];

const loggerType = koffi.proto(
  'void __stdcall WintunLogger(int level, uint64_t timestamp, const char16_t *message)',
);

/** The loaded library. Adapters and sessions are addresses; 0 is none. */
export class Wintun {
  /** Bare calls of the ring: 0 on failure, see `lastError`. */
  readonly receivePacket: (session: number, sizeAddress: number) => number;
  readonly releaseReceivePacket: (session: number, packet: number) => void;
  readonly allocateSendPacket: (session: number, size: number) => number;
  readonly sendPacket: (session: number, packet: number) => void;
  readonly #library: ReturnType<typeof koffi.load>;
  readonly #calls: ReturnType<typeof bindCalls>;
  #logger: bigint | undefined;
  #adapters = 0;
  #sessions = 0;

  constructor(library: ReturnType<typeof koffi.load>) {
    this.#library = library;
    this.#calls = bindCalls(library);
    this.receivePacket = this.#calls.receivePacket;
    this.releaseReceivePacket = this.#calls.releaseReceivePacket;
    this.allocateSendPacket = this.#calls.allocateSendPacket;
    this.sendPacket = this.#calls.sendPacket;
  }

  /** How many adapters and sessions are open: 0 and 0 once everything was closed. */
  get open(): { readonly adapters: number; readonly sessions: number } {
    return { adapters: this.#adapters, sessions: this.#sessions };
  }

  /** `guid`: 16 bytes of a GUID as it lies in memory. Throws WintunError. */
  createAdapter(name: string, tunnelType: string, guid: Uint8Array): number {
    const block = allocateBlock(16);
    block.bytes.set(guid);
    const adapter = this.#calls.createAdapter(name, tunnelType, block.address);
    if (adapter === 0) throw failure('WintunCreateAdapter', name);
    this.#adapters += 1;
    return adapter;
  }

  /** An adapter that exists already; 0 where there is none of that name. */
  openAdapter(name: string): number {
    const adapter = this.#calls.openAdapter(name);
    if (adapter !== 0) this.#adapters += 1;
    return adapter;
  }

  /** Removes the adapter where `createAdapter` made it. */
  closeAdapter(adapter: number): void {
    this.#calls.closeAdapter(adapter);
    this.#adapters -= 1;
  }

  /** Removes adapters that nobody holds any more, and the driver; false where some adapter is still in use. */
  deleteDriver(): boolean {
    return this.#calls.deleteDriver() !== 0;
  }

  /** NET_LUID. */
  adapterLuid(adapter: number): bigint {
    const block = allocateBlock(8);
    this.#calls.adapterLuid(adapter, block.address);
    return block.view.getBigUint64(0, true);
  }

  /** Major and minor version of the driver that is loaded; undefined where none is. */
  driverVersion(): { readonly major: number; readonly minor: number } | undefined {
    const version = this.#calls.runningDriverVersion();
    return version === 0 ? undefined : { major: version >>> 16, minor: version & 0xffff };
  }

  /** `capacity`: bytes of each ring, see `ringCapacity`. Throws WintunError. */
  startSession(adapter: number, capacity: number): number {
    const session = this.#calls.startSession(adapter, capacity);
    if (session === 0) throw failure('WintunStartSession');
    this.#sessions += 1;
    return session;
  }

  /** No packet of the session may be used afterwards. */
  endSession(session: number): void {
    this.#calls.endSession(session);
    this.#sessions -= 1;
  }

  /** Signalled when packets wait. It belongs to the session: never close it. */
  readWaitEvent(session: number): number {
    return this.#calls.readWaitEvent(session);
  }

  /**
   * Where the library's own messages go; undefined: nowhere. A message of another thread waits until this thread's event
   * loop runs.
   */
  setLog(log: WintunLog | undefined): void {
    const before = this.#logger;
    this.#logger =
      log === undefined
        ? undefined
        : BigInt(
            koffi.register(
              (level: number, _timestamp: number | bigint, message: string) =>
                log(levels[level] ?? 'error', message),
              koffi.pointer(loggerType),
            ) as unknown as bigint,
          );
    this.#calls.setLogger(this.#logger ?? 0n);
    if (before !== undefined) koffi.unregister(before as never);
  }

  /** Gives the library back. Adapters and sessions must have been closed. */
  unload(): void {
    this.setLog(undefined);
    this.#library.unload();
  }
}

/**
 * Loads the library at an absolute path after its architecture and its SHA-256 (hexadecimal) were checked; the file
 * cannot be exchanged in between. Throws WintunError.
 */
export function loadWintun(path: string, sha256: string): Wintun {
  if (!win32.isAbsolute(path)) throw new WintunError('missing', `"${path}" is not an absolute path.`);
  const held = hold(path);
  try {
    const file = readFileSync(path);
    const architecture = libraryArchitecture(file);
    if (architecture === undefined) {
      throw new WintunError('wrong-hash', `"${path}" is not a Windows library. Install SealNIC again.`);
    }
    if (architecture !== process.arch) {
      throw new WintunError(
        'wrong-architecture',
        `"${path}" is for ${architecture}, this program for ${process.arch}. Install the SealNIC for this computer.`,
      );
    }
    const found = createHash('sha256').update(file).digest('hex');
    if (found !== sha256) {
      throw new WintunError(
        'wrong-hash',
        `"${path}" is not the file that came with SealNIC (SHA-256 ${found}). Install SealNIC again.`,
      );
    }
    return new Wintun(koffi.load(path));
  } finally {
    closeHandle(held);
  }
}

/** What the latest call of the ring left behind, as an error: the adapter is gone, or the ring is broken. */
export function ringFailure(call: string, number: number): WintunError {
  return number === windowsError.handleEof
    ? new WintunError('adapter-lost', 'The virtual network card was removed or disabled.', number)
    : new WintunError('failed', `${call} failed with Windows error ${number}.`, number);
}

function hold(path: string): number {
  try {
    return holdFile(path);
  } catch (error) {
    const number = error instanceof WindowsCallError ? error.number : 0;
    if (number === windowsError.fileNotFound || number === windowsError.pathNotFound) {
      throw new WintunError('missing', `"${path}" is missing. Install SealNIC again.`, number);
    }
    if (number === windowsError.accessDenied) {
      throw new WintunError('access-denied', `"${path}" may not be read.`, number);
    }
    throw error;
  }
}

function failure(call: string, subject = ''): WintunError {
  const number = lastError();
  if (number === windowsError.accessDenied) {
    return new WintunError(
      'access-denied',
      'Windows does not allow a virtual network card to be made. The service must run with administrator rights.',
      number,
    );
  }
  const what = subject === '' ? call : `${call} ("${subject}")`;
  return new WintunError('failed', `${what} failed with Windows error ${number}.`, number);
}

function bindCalls(library: ReturnType<typeof koffi.load>) {
  return {
    createAdapter: bindWindows<(name: string, type: string, guid: number) => number>(
      library,
      'uintptr_t __stdcall WintunCreateAdapter(const char16_t *name, const char16_t *type, uintptr_t guid)',
    ),
    openAdapter: bindWindows<(name: string) => number>(
      library,
      'uintptr_t __stdcall WintunOpenAdapter(const char16_t *name)',
    ),
    closeAdapter: bindWindows<(adapter: number) => void>(
      library,
      'void __stdcall WintunCloseAdapter(uintptr_t adapter)',
    ),
    deleteDriver: bindWindows<() => number>(library, 'int __stdcall WintunDeleteDriver()'),
    adapterLuid: bindWindows<(adapter: number, luid: number) => void>(
      library,
      'void __stdcall WintunGetAdapterLUID(uintptr_t adapter, uintptr_t luid)',
    ),
    runningDriverVersion: bindWindows<() => number>(
      library,
      'uint32_t __stdcall WintunGetRunningDriverVersion()',
    ),
    setLogger: bindWindows<(logger: bigint) => void>(
      library,
      'void __stdcall WintunSetLogger(uintptr_t logger)',
    ),
    startSession: bindWindows<(adapter: number, capacity: number) => number>(
      library,
      'uintptr_t __stdcall WintunStartSession(uintptr_t adapter, uint32_t capacity)',
    ),
    endSession: bindWindows<(session: number) => void>(
      library,
      'void __stdcall WintunEndSession(uintptr_t session)',
    ),
    readWaitEvent: bindWindows<(session: number) => number>(
      library,
      'uintptr_t __stdcall WintunGetReadWaitEvent(uintptr_t session)',
    ),
    receivePacket: bindWindows<(session: number, sizeAddress: number) => number>(
      library,
      'uintptr_t __stdcall WintunReceivePacket(uintptr_t session, uintptr_t size)',
    ),
    releaseReceivePacket: bindWindows<(session: number, packet: number) => void>(
      library,
      'void __stdcall WintunReleaseReceivePacket(uintptr_t session, uintptr_t packet)',
    ),
    allocateSendPacket: bindWindows<(session: number, size: number) => number>(
      library,
      'uintptr_t __stdcall WintunAllocateSendPacket(uintptr_t session, uint32_t size)',
    ),
    sendPacket: bindWindows<(session: number, packet: number) => void>(
      library,
      'void __stdcall WintunSendPacket(uintptr_t session, uintptr_t packet)',
    ),
  };
}
