// Windows: CK_ULONG is 32 bits, structures are packed to the byte (PKCS#11 2.40 base specification, section 2.1).
import type { CryptokiPlatform } from './platform.ts';

export const platform: CryptokiPlatform = { ulong: 'uint32_t', ulongBytes: 4, firstFunctionOffset: 2 };
