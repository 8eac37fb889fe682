// Locked memory for the arguments and results of one piece of work, given out from the front and wiped as a whole.
import { mapLockedPages } from '../locked-memory/index.ts';

export interface Piece {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class Scratch {
  readonly #pages: ReturnType<typeof mapLockedPages>;
  #used = 0;

  /** `size` in bytes, a multiple of 4096. */
  constructor(size: number) {
    this.#pages = mapLockedPages(size);
  }

  /** So many zero bytes, aligned to 16. Throws RangeError where there is no room. */
  take(length: number): Piece {
    const start = this.#used;
    const end = start + ((Math.max(1, length) + 15) & ~15);
    if (end > this.#pages.bytes.length) throw new RangeError('too long for the memory of a module');
    this.#used = end;
    const { bytes } = this.#pages;
    const piece = bytes.subarray(start, start + length);
    return {
      address: this.#pages.address + start,
      bytes: piece,
      view: new DataView(bytes.buffer, bytes.byteOffset + start, length),
    };
  }

  /** A copy. */
  put(content: Uint8Array): Piece {
    const piece = this.take(content.length);
    piece.bytes.set(content);
    return piece;
  }

  /** Wipes everything; no piece may be used afterwards. */
  reset(): void {
    this.#pages.bytes.fill(0, 0, this.#used);
    this.#used = 0;
  }
}
