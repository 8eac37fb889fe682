// Linux and macOS: CK_ULONG is unsigned long, structures are laid out as the compiler does.
import type { CryptokiPlatform } from './platform.ts';

export const platform: CryptokiPlatform = { ulong: 'unsigned long', ulongBytes: 8, firstFunctionOffset: 8 };
