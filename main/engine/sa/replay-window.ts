// The anti-replay window (RFC 4303 section 3.4.3), as a ring of 32-bit words so that moving it never shifts bits.

export class ReplayWindow {
  readonly #size: number;
  readonly #words: Uint32Array;
  readonly #mask: number;
  #highest = 0;

  /** `size`: packets, a multiple of 32, at least 32. */
  constructor(size: number) {
    checkReplayWindow(size);
    this.#size = size;
    // One word more than the window, so that the word being entered can be cleared as a whole.
    let words = 2;
    while (words < size / 32 + 1) words *= 2;
    this.#words = new Uint32Array(words);
    this.#mask = words - 1;
  }

  /** The highest sequence number that was recorded; 0: none. */
  get highest(): number {
    return this.#highest;
  }

  /** May a packet with this sequence number still be authentic and new? Changes nothing. */
  accepts(sequence: number): boolean {
    if (sequence === 0) return false;
    if (sequence > this.#highest) return true;
    if (sequence + this.#size <= this.#highest) return false;
    return (this.#words[(sequence >>> 5) & this.#mask]! & (1 << (sequence & 31))) === 0;
  }

  /** Records a sequence number that `accepts` let through and whose packet proved authentic. */
  record(sequence: number): void {
    if (sequence > this.#highest) {
      const from = this.#highest >>> 5;
      const steps = Math.min((sequence >>> 5) - from, this.#words.length);
      for (let step = 1; step <= steps; step++) this.#words[(from + step) & this.#mask] = 0;
      this.#highest = sequence;
    }
    this.#words[(sequence >>> 5) & this.#mask]! |= 1 << (sequence & 31);
  }
}

/** Throws RangeError for a size that a window cannot have. */
export function checkReplayWindow(size: number): void {
  if (!Number.isInteger(size) || size < 32 || size > 65_536 || size % 32 !== 0) {
    throw new RangeError(`A replay window of ${size} packets is not a multiple of 32 up to 65,536.`);
  }
}
