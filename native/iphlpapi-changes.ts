// iphlpapi.dll (Windows, 64-bit): word of changes to interfaces, addresses and routes, as an event.
import koffi from 'koffi';
import { bindWindows, closeHandle, createEvent, WaitList, WindowsCallError } from './kernel32.ts';
import { allocateBlock } from './libc-memory.ts';

export interface IpChangeWatch {
  /** Whether anything has changed since the last call (or the start). Does not wait. */
  changed(): boolean;
  close(): void;
}

/**
 * Watches until it is closed. `path`: of another library with the same functions; by default the system's. Throws
 * WindowsCallError.
 *
 * Windows calls back on threads of its own, and takes a registration back only when no such call runs any more: a
 * JavaScript function there would have to wait for the thread that waits for it. What Windows calls is therefore SetEvent
 * itself, with the event as its context: in the calling conventions of 64-bit Windows, arguments that a function does
 * not know are ignored.
 */
export function watchIpChanges(path = 'iphlpapi.dll'): IpChangeWatch {
  const library = koffi.load(path);
  const notify = ['NotifyIpInterfaceChange', 'NotifyUnicastIpAddressChange', 'NotifyRouteChange2'].map(
    (name) => ({ name, call: bindNotify(library, name) }),
  );
  const cancel = bindWindows<(registration: number) => number>(
    library,
    'uint32_t __stdcall CancelMibChangeNotify2(uintptr_t registration)',
  );
  const event = createEvent();
  const waiting = new WaitList(1);
  waiting.add(event);
  const registrations: number[] = [];
  const close = () => {
    for (const registration of registrations.splice(0)) cancel(registration);
    closeHandle(event);
  };
  try {
    for (const { name, call } of notify) {
      const place = allocateBlock(8);
      const result = call(0, setEventAddress, event, 0, place.address);
      if (result !== 0) throw new WindowsCallError(name, result);
      registrations.push(Number(place.view.getBigUint64(0, true)));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { changed: () => waiting.wait(0, 0) === 0, close };
}

type Notify = (
  family: number,
  callback: number,
  context: number,
  initial: number,
  registration: number,
) => number;

function bindNotify(library: ReturnType<typeof koffi.load>, name: string): Notify {
  return bindWindows<Notify>(
    library,
    `uint32_t __stdcall ${name}(uint16_t family, uintptr_t callback, uintptr_t context, uint8_t initial, uintptr_t registration)`,
  );
}

const setEventAddress = addressOfFunction('kernel32.dll', 'SetEvent');

function addressOfFunction(libraryName: string, name: string): number {
  const library = koffi.load('kernel32.dll');
  const moduleHandle = bindWindows<(name: string) => number>(
    library,
    'uintptr_t __stdcall GetModuleHandleW(const char16_t *name)',
  );
  const procedureAddress = bindWindows<(module: number, name: string) => number>(
    library,
    'uintptr_t __stdcall GetProcAddress(uintptr_t module, const char *name)',
  );
  return procedureAddress(moduleHandle(libraryName), name);
}
