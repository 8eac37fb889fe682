// Pages for keys.

/** Whole pages outside the JavaScript heap. */
export interface LockedPages {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** False where the system refused to lock them (RLIMIT_MEMLOCK): the pages may then be swapped out. */
  readonly locked: boolean;
}

/** Maps zero-filled pages; `length` in bytes, a multiple of 4096. Throws where the system has no memory left. */
export type MapLockedPages = (length: number) => LockedPages;

/** Wipes and returns the pages. No view of them may be used afterwards. */
export type UnmapLockedPages = (pages: LockedPages) => void;
