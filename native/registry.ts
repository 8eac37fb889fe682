// advapi32.dll (Windows, 64-bit): keys and values of the registry below HKEY_LOCAL_MACHINE.
import koffi from 'koffi';
import { bindWindows, WindowsCallError, windowsError } from './kernel32.ts';
import { allocateBlock, type NativeBlock } from './libc-memory.ts';
import { decodeWideText, wideText } from './wide-text.ts';

/** A text, several of them, or a number of 32 bits. */
export type RegistryValue = string | readonly string[] | number;

/** `path`: "SYSTEM\CurrentControlSet\…". Makes the key where it is missing. Throws WindowsCallError. */
export function writeRegistryKey(path: string, values: Readonly<Record<string, RegistryValue>>): void {
  const place = allocateBlock(8);
  const access = keyAccess.setValue;
  check('RegCreateKeyExW', createKey(localMachine, path, 0, 0, 0, access, 0, place.address, 0), path);
  withKey(place, (key) => {
    for (const [name, value] of Object.entries(values)) {
      const { type, data } = encode(value);
      check('RegSetValueExW', setValue(key, name, 0, type, data.address, data.bytes.length), path);
    }
  });
}

/** Texts and numbers of 32 bits; undefined where there is no such key. Throws WindowsCallError. */
export function readRegistryKey(path: string): ReadonlyMap<string, RegistryValue> | undefined {
  return readKey(path, (key) => {
    const values = new Map<string, RegistryValue>();
    for (let index = 0; ; index += 1) {
      const name = allocateBlock(longestName * 2);
      const data = allocateBlock(longestValue);
      const sizes = allocateBlock(16);
      const { view, address } = sizes;
      view.setUint32(0, longestName, true);
      view.setUint32(4, longestValue, true);
      const result = enumerateValue(
        key,
        index,
        name.address,
        address,
        0,
        address + 8,
        data.address,
        address + 4,
      );
      if (result === windowsError.noMoreItems) return values;
      check('RegEnumValueW', result, path);
      const value = decode(view.getUint32(8, true), data.bytes.subarray(0, view.getUint32(4, true)));
      if (value !== undefined)
        values.set(decodeWideText(name.bytes.subarray(0, view.getUint32(0, true) * 2)), value);
    }
  });
}

/** Names of the keys in a key; none where there is no such key. Throws WindowsCallError. */
export function registrySubkeys(path: string): string[] {
  const found = readKey(path, (key) => {
    const names: string[] = [];
    for (;;) {
      const name = allocateBlock(longestName * 2);
      const size = allocateBlock(8);
      size.view.setUint32(0, longestName, true);
      const result = enumerateKey(key, names.length, name.address, size.address, 0, 0, 0, 0);
      if (result === windowsError.noMoreItems) return names;
      check('RegEnumKeyExW', result, path);
      names.push(decodeWideText(name.bytes.subarray(0, size.view.getUint32(0, true) * 2)));
    }
  });
  return found ?? [];
}

/** A key without keys in it; one that is gone already is no error. Throws WindowsCallError. */
export function deleteRegistryKey(path: string): boolean {
  const result = deleteKey(localMachine, path, 0, 0);
  if (result === windowsError.fileNotFound) return false;
  check('RegDeleteKeyExW', result, path);
  return true;
}

/** A key or a value that is gone already is no error. Throws WindowsCallError. */
export function deleteRegistryValues(path: string, names: readonly string[]): void {
  const place = allocateBlock(8);
  const opened = openKey(localMachine, path, 0, keyAccess.setValue, place.address);
  if (opened === windowsError.fileNotFound) return;
  check('RegOpenKeyExW', opened, path);
  withKey(place, (key) => {
    for (const name of names) {
      const result = deleteValue(key, name);
      if (result !== windowsError.fileNotFound) check('RegDeleteValueW', result, path);
    }
  });
}

/** HKEY_LOCAL_MACHINE: a LONG that is sign-extended to a handle. */
const localMachine = -0x7fff_fffe;
const keyAccess = { read: 0x2_0019, setValue: 0x2 } as const;
const valueType = { text: 1, number: 4, texts: 7 } as const;
/** Characters of a key's or value's name, and bytes of a value that we read. */
const longestName = 16_384;
const longestValue = 65_536;

function encode(value: RegistryValue): { type: number; data: NativeBlock } {
  if (typeof value === 'string') return { type: valueType.text, data: wideText(value) };
  if (typeof value !== 'number') {
    return { type: valueType.texts, data: wideText(value.map((text) => `${text}\0`).join('')) };
  }
  const data = allocateBlock(4);
  data.view.setUint32(0, value, true);
  return { type: valueType.number, data };
}

/** undefined: of another type. */
function decode(type: number, data: Uint8Array): RegistryValue | undefined {
  if (type === valueType.number) return new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  if (type === valueType.text) return decodeWideText(data).replace(/\0$/, '');
  return type === valueType.texts ? decodeWideText(data).split('\0').slice(0, -2) : undefined;
}

function readKey<Result>(path: string, use: (key: number) => Result): Result | undefined {
  const place = allocateBlock(8);
  const opened = openKey(localMachine, path, 0, keyAccess.read, place.address);
  if (opened === windowsError.fileNotFound) return undefined;
  check('RegOpenKeyExW', opened, path);
  return withKey(place, use);
}

function withKey<Result>(place: NativeBlock, use: (key: number) => Result): Result {
  const key = Number(place.view.getBigUint64(0, true));
  try {
    return use(key);
  } finally {
    closeKey(key);
  }
}

function check(call: string, result: number, path: string): void {
  if (result !== 0) throw new WindowsCallError(call, result, path);
}

const library = koffi.load('advapi32.dll');
const openKey = bindWindows<
  (root: number, path: string, options: number, access: number, key: number) => number
>(
  library,
  'int32_t __stdcall RegOpenKeyExW(intptr_t root, const char16_t *path, uint32_t options, uint32_t access, uintptr_t key)',
);
const createKey = bindWindows<
  (
    root: number,
    path: string,
    reserved: number,
    keyClass: number,
    options: number,
    access: number,
    security: number,
    key: number,
    disposition: number,
  ) => number
>(
  library,
  'int32_t __stdcall RegCreateKeyExW(intptr_t root, const char16_t *path, uint32_t reserved, uintptr_t keyClass, uint32_t options, uint32_t access, uintptr_t security, uintptr_t key, uintptr_t disposition)',
);
const closeKey = bindWindows<(key: number) => number>(
  library,
  'int32_t __stdcall RegCloseKey(uintptr_t key)',
);
const setValue = bindWindows<
  (key: number, name: string, reserved: number, type: number, data: number, size: number) => number
>(
  library,
  'int32_t __stdcall RegSetValueExW(uintptr_t key, const char16_t *name, uint32_t reserved, uint32_t type, uintptr_t data, uint32_t size)',
);
const deleteValue = bindWindows<(key: number, name: string) => number>(
  library,
  'int32_t __stdcall RegDeleteValueW(uintptr_t key, const char16_t *name)',
);
const deleteKey = bindWindows<(root: number, path: string, access: number, reserved: number) => number>(
  library,
  'int32_t __stdcall RegDeleteKeyExW(intptr_t root, const char16_t *path, uint32_t access, uint32_t reserved)',
);
const enumerateKey = bindWindows<
  (
    key: number,
    index: number,
    name: number,
    nameSize: number,
    reserved: number,
    keyClass: number,
    classSize: number,
    written: number,
  ) => number
>(
  library,
  'int32_t __stdcall RegEnumKeyExW(uintptr_t key, uint32_t index, uintptr_t name, uintptr_t nameSize, uintptr_t reserved, uintptr_t keyClass, uintptr_t classSize, uintptr_t written)',
);
const enumerateValue = bindWindows<
  (
    key: number,
    index: number,
    name: number,
    nameSize: number,
    reserved: number,
    type: number,
    data: number,
    dataSize: number,
  ) => number
>(
  library,
  'int32_t __stdcall RegEnumValueW(uintptr_t key, uint32_t index, uintptr_t name, uintptr_t nameSize, uintptr_t reserved, uintptr_t type, uintptr_t data, uintptr_t dataSize)',
);
