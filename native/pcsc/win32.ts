// winscard.dll: DWORD is 32 bits, handles are as wide as addresses, texts by the functions that end in A.
import type { PcscPlatform } from './platform.ts';

export const platform: PcscPlatform = {
  libraries: ['winscard.dll'],
  dword: 'uint32_t',
  handle: 'uintptr_t',
  dwordBytes: 4,
  handleBytes: 8,
  long: 'int32_t',
  names: {
    SCardListReaders: 'SCardListReadersA',
    SCardGetStatusChange: 'SCardGetStatusChangeA',
    SCardConnect: 'SCardConnectA',
  },
  readerStateBytes: 64,
  controlCode: (number) => (0x31 << 16) | (number << 2),
  notifiesOfReaders: true,
};
