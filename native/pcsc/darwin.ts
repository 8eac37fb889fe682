// macOS's PCSC framework: DWORD is uint32_t and structures are packed. It does not tell of new readers by itself.
import type { PcscPlatform } from './platform.ts';

export const platform: PcscPlatform = {
  libraries: ['/System/Library/Frameworks/PCSC.framework/PCSC'],
  dword: 'uint32_t',
  handle: 'int32_t',
  dwordBytes: 4,
  handleBytes: 4,
  long: 'int32_t',
  names: { SCardControl: 'SCardControl132' },
  readerStateBytes: 61,
  controlCode: (number) => 0x42000000 + number,
  notifiesOfReaders: false,
};
