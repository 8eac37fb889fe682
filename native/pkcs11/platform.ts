// How wide the numbers of a PKCS#11 module are, and whether its structures are packed. Each platform's file has one such
// table.

export interface CryptokiPlatform {
  /** C type of CK_ULONG. */
  readonly ulong: 'unsigned long' | 'uint32_t';
  readonly ulongBytes: 4 | 8;
  /** struct CK_FUNCTION_LIST: where the first address stands, after the version. */
  readonly firstFunctionOffset: 2 | 8;
}
