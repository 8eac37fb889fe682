// advapi32.dll (Windows, 64-bit): tells one of the computer's services that its parameters in the registry have changed.
import koffi from 'koffi';
import { bindWindows, lastError, WindowsCallError } from './kernel32.ts';
import { allocateBlock } from './libc-memory.ts';

/** A service that does not run needs no word: it reads them when it starts. Throws WindowsCallError. */
export function announceParameterChange(serviceName: string): void {
  const manager = openManager(0, 0, connectManager);
  if (manager === 0) throw new WindowsCallError('OpenSCManagerW', lastError());
  try {
    const service = openService(manager, serviceName, pauseAndContinue);
    if (service === 0) {
      const error = lastError();
      if (error === noSuchService) return;
      throw new WindowsCallError('OpenServiceW', error, serviceName);
    }
    try {
      const status = allocateBlock(28);
      if (controlService(service, parameterChange, status.address) !== 0) return;
      const error = lastError();
      if (error !== notRunning) throw new WindowsCallError('ControlService', error, serviceName);
    } finally {
      closeService(service);
    }
  } finally {
    closeService(manager);
  }
}

/** SC_MANAGER_CONNECT, SERVICE_PAUSE_CONTINUE, SERVICE_CONTROL_PARAMCHANGE. */
const connectManager = 1;
const pauseAndContinue = 0x40;
const parameterChange = 6;
/** ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE. */
const noSuchService = 1060;
const notRunning = 1062;

const library = koffi.load('advapi32.dll');
const openManager = bindWindows<(machine: number, database: number, access: number) => number>(
  library,
  'uintptr_t __stdcall OpenSCManagerW(uintptr_t machine, uintptr_t database, uint32_t access)',
);
const openService = bindWindows<(manager: number, name: string, access: number) => number>(
  library,
  'uintptr_t __stdcall OpenServiceW(uintptr_t manager, const char16_t *name, uint32_t access)',
);
const controlService = bindWindows<(service: number, control: number, status: number) => number>(
  library,
  'int __stdcall ControlService(uintptr_t service, uint32_t control, uintptr_t status)',
);
const closeService = bindWindows<(handle: number) => number>(
  library,
  'int __stdcall CloseServiceHandle(uintptr_t handle)',
);
