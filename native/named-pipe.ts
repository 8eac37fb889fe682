// Named pipes of Windows with a security descriptor, which Node cannot set: who may open one, and who did.
import koffi from 'koffi';
import { bindWindows, closeHandle, lastError, WindowsCallError } from './kernel32.ts';
import { allocateBlock, writePointer } from './libc-memory.ts';

const kernel = koffi.load('kernel32.dll');
const security = koffi.load('advapi32.dll');

const createPipe = bindWindows<
  (
    name: string,
    openMode: number,
    pipeMode: number,
    instances: number,
    output: number,
    input: number,
    timeout: number,
    attributes: number,
  ) => number
>(
  kernel,
  'intptr_t __stdcall CreateNamedPipeW(const char16_t *name, uint32_t openMode, uint32_t pipeMode, uint32_t instances, uint32_t output, uint32_t input, uint32_t timeout, uintptr_t attributes)',
);
const clientProcess = bindWindows<(pipe: number, process: number) => number>(
  kernel,
  'int __stdcall GetNamedPipeClientProcessId(uintptr_t pipe, uintptr_t process)',
);
const localFree = bindWindows<(address: number) => number>(
  kernel,
  'uintptr_t __stdcall LocalFree(uintptr_t address)',
);
const impersonateClient = bindWindows<(pipe: number) => number>(
  security,
  'int __stdcall ImpersonateNamedPipeClient(uintptr_t pipe)',
);
const revertToSelf = bindWindows<() => number>(security, 'int __stdcall RevertToSelf()');
const openThreadToken = bindWindows<
  (thread: number, access: number, asSelf: number, token: number) => number
>(security, 'int __stdcall OpenThreadToken(intptr_t thread, uint32_t access, int asSelf, uintptr_t token)');
const getTokenInformation = bindWindows<
  (token: number, kind: number, output: number, length: number, returned: number) => number
>(
  security,
  'int __stdcall GetTokenInformation(uintptr_t token, int kind, uintptr_t output, uint32_t length, uintptr_t returned)',
);
const sidToText = bindWindows<(sid: number, text: number) => number>(
  security,
  'int __stdcall ConvertSidToStringSidW(uintptr_t sid, uintptr_t text)',
);
const descriptorFromText = bindWindows<
  (text: string, revision: number, descriptor: number, length: number) => number
>(
  security,
  'int __stdcall ConvertStringSecurityDescriptorToSecurityDescriptorW(const char16_t *text, uint32_t revision, uintptr_t descriptor, uintptr_t length)',
);
const descriptorToText = bindWindows<
  (descriptor: number, revision: number, kind: number, text: number, length: number) => number
>(
  security,
  'int __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(uintptr_t descriptor, uint32_t revision, uint32_t kind, uintptr_t text, uintptr_t length)',
);
const getObjectSecurity = bindWindows<
  (handle: number, kind: number, descriptor: number, length: number, needed: number) => number
>(
  security,
  'int __stdcall GetKernelObjectSecurity(uintptr_t handle, uint32_t kind, uintptr_t descriptor, uint32_t length, uintptr_t needed)',
);

/** DACL_SECURITY_INFORMATION. */
const accessList = 4;
const revision = 1;

/**
 * Makes the first instance of a byte pipe ("\\.\pipe\…") that only this computer can open, with who may in SDDL. Who
 * is given GW may make instances of it too and answer in our place: 0x12019b is reading and writing without that.
 * Returns its handle. Throws WindowsCallError: 5 where another process has made a pipe of that name already, 87 or
 * 1336 where the text is no descriptor.
 */
export function createGuardedPipe(name: string, descriptor: string): number {
  const found = allocateBlock(8);
  check(
    'ConvertStringSecurityDescriptorToSecurityDescriptorW',
    descriptorFromText(descriptor, revision, found.address, 0),
    descriptor,
  );
  const address = Number(found.view.getBigUint64(0, true));
  try {
    // SECURITY_ATTRIBUTES, 24 bytes: size 0, descriptor 8, inherited 16.
    const attributes = allocateBlock(24);
    attributes.view.setUint32(0, 24, true);
    writePointer(attributes.view, 8, address);
    const duplex = 0x3;
    const overlapped = 0x4000_0000;
    const firstInstance = 0x8_0000;
    const rejectRemote = 0x8;
    const unlimited = 255;
    const room = 65_536;
    const mode = duplex | overlapped | firstInstance;
    const pipe = createPipe(name, mode, rejectRemote, unlimited, room, room, 0, attributes.address);
    if (pipe === -1) throw new WindowsCallError('CreateNamedPipeW', lastError(), name);
    return pipe;
  } finally {
    localFree(address);
  }
}

/** Who may open it, in SDDL, as the system has it now. Throws WindowsCallError. */
export function accessOf(handle: number): string {
  const room = 4_096;
  const descriptor = allocateBlock(room + 8);
  check(
    'GetKernelObjectSecurity',
    getObjectSecurity(handle, accessList, descriptor.address, room, descriptor.address + room),
  );
  const text = allocateBlock(8);
  check(
    'ConvertSecurityDescriptorToStringSecurityDescriptorW',
    descriptorToText(descriptor.address, revision, accessList, text.address, 0),
  );
  return takeText(text.view.getBigUint64(0, true));
}

/** The process at the other end of a pipe. Throws WindowsCallError. */
export function clientProcessOf(pipe: number): number {
  const block = allocateBlock(8);
  check('GetNamedPipeClientProcessId', clientProcess(pipe, block.address));
  return block.view.getUint32(0, true);
}

/**
 * The user who opened the other end: a SID such as "S-1-5-18", from the client's token and not by the number of its
 * process, which may be another's by now. Windows wants something to have been read from the pipe before. Throws
 * WindowsCallError.
 */
export function clientUserOf(pipe: number): string {
  const query = 0x8;
  const currentThread = -2;
  const block = allocateBlock(8);
  check('ImpersonateNamedPipeClient', impersonateClient(pipe));
  const opened = openThreadToken(currentThread, query, 1, block.address);
  const error = lastError();
  // To go on under the client's name would be worse than to end.
  if (revertToSelf() === 0) process.abort();
  if (opened === 0) throw new WindowsCallError('OpenThreadToken', error);
  const token = Number(block.view.getBigUint64(0, true));
  try {
    return userOfToken(token);
  } finally {
    closeHandle(token);
  }
}

function userOfToken(token: number): string {
  const tokenUser = 1;
  const room = 256;
  const user = allocateBlock(room + 16);
  const end = user.address + room;
  check('GetTokenInformation', getTokenInformation(token, tokenUser, user.address, room, end));
  check('ConvertSidToStringSidW', sidToText(Number(user.view.getBigUint64(0, true)), end + 8));
  return takeText(user.view.getBigUint64(room + 8, true));
}

/** Reads a text that Windows has made, and gives it back. */
function takeText(address: bigint): string {
  const text = koffi.decode(address, 'char16_t', -1) as string;
  localFree(Number(address));
  return text;
}

function check(call: string, result: number, subject?: string): void {
  if (result === 0) throw new WindowsCallError(call, lastError(), subject);
}
