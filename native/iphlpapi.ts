// Of iphlpapi.dll (Windows): interfaces by LUID and index.
import koffi from 'koffi';
import { bindWindows, WindowsCallError } from './kernel32.ts';
import { allocateBlock } from './libc-memory.ts';

const library = koffi.load('iphlpapi.dll');

const convertLuidToIndex = bindWindows<(luid: number, index: number) => number>(
  library,
  'uint32_t __stdcall ConvertInterfaceLuidToIndex(uintptr_t luid, uintptr_t index)',
);

/** The interface index of a NET_LUID. Throws WindowsCallError where no interface has it. */
export function interfaceIndexOfLuid(luid: bigint): number {
  const block = allocateBlock(16);
  block.view.setBigUint64(0, luid, true);
  const result = convertLuidToIndex(block.address, block.address + 8);
  if (result !== 0) throw new WindowsCallError('ConvertInterfaceLuidToIndex', result);
  return block.view.getUint32(8, true);
}
