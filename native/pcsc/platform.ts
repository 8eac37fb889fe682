// Where the PC/SC library of a platform lies, and how wide its numbers are. Each platform's file has one such table.

export interface PcscPlatform {
  /** Tried in this order. */
  readonly libraries: readonly string[];
  /** C type of DWORD: an unsigned number. */
  readonly dword: 'unsigned long' | 'uint32_t';
  /** C type of SCARDCONTEXT and SCARDHANDLE. */
  readonly handle: 'long' | 'int32_t' | 'uintptr_t';
  /** Bytes of the above. */
  readonly dwordBytes: 4 | 8;
  readonly handleBytes: 4 | 8;
  /** C type of LONG, which every call returns. */
  readonly long: 'long' | 'int32_t';
  /** Names of functions that are not called as the standard has them. */
  readonly names: Readonly<Partial<Record<PcscFunction, string>>>;
  /** struct SCARD_READERSTATE, bytes: two addresses, three DWORDs (present, new, ATR length), the ATR. */
  readonly readerStateBytes: number;
  /** SCARD_CTL_CODE(number). */
  controlCode(number: number): number;
  /** SCardGetStatusChange takes the pseudo reader that tells of new readers. */
  readonly notifiesOfReaders: boolean;
}

export type PcscFunction =
  | 'SCardEstablishContext'
  | 'SCardReleaseContext'
  | 'SCardListReaders'
  | 'SCardGetStatusChange'
  | 'SCardCancel'
  | 'SCardConnect'
  | 'SCardReconnect'
  | 'SCardDisconnect'
  | 'SCardBeginTransaction'
  | 'SCardEndTransaction'
  | 'SCardTransmit'
  | 'SCardControl'
  | 'SCardGetAttrib';
