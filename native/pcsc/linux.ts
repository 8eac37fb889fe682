// pcsc-lite: DWORD is unsigned long. https://pcsclite.apdu.fr
import type { PcscPlatform } from './platform.ts';

export const platform: PcscPlatform = {
  libraries: ['libpcsclite.so.1'],
  dword: 'unsigned long',
  handle: 'long',
  dwordBytes: 8,
  handleBytes: 8,
  long: 'long',
  names: {},
  readerStateBytes: 80,
  controlCode: (number) => 0x42000000 + number,
  notifiesOfReaders: true,
};
