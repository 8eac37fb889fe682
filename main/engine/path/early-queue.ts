// ESP that arrives before its SA is installed: the peer may send as soon as it has answered. Held for SPIs that were
// announced, briefly and bounded.

export const earlyPackets = 64;
export const earlyMilliseconds = 200;

interface Early {
  readonly spi: number;
  readonly bytes: Uint8Array;
  readonly dropAtMilliseconds: number;
}

export class EarlyQueue {
  readonly #expected = new Set<number>();
  #packets: Early[] = [];

  expect(spi: number): void {
    this.#expected.add(spi);
  }

  isExpected(spi: number): boolean {
    return this.#expected.size > 0 && this.#expected.has(spi);
  }

  /** False: the queue is full. `bytes` is copied. */
  add(spi: number, bytes: Uint8Array, nowMilliseconds: number): boolean {
    if (this.#packets.length >= earlyPackets) return false;
    this.#packets.push({
      spi,
      bytes: bytes.slice(),
      dropAtMilliseconds: nowMilliseconds + earlyMilliseconds,
    });
    return true;
  }

  /** The SPI is installed or given up: forgets it and returns what waited for it, oldest first. */
  take(spi: number): Uint8Array[] {
    this.#expected.delete(spi);
    const taken = this.#packets.filter((packet) => packet.spi === spi);
    if (taken.length > 0) this.#packets = this.#packets.filter((packet) => packet.spi !== spi);
    return taken.map(({ bytes }) => bytes);
  }

  /** Drops what waited too long; returns how many. */
  expire(nowMilliseconds: number): number {
    if (this.#packets.length === 0) return 0;
    const before = this.#packets.length;
    this.#packets = this.#packets.filter((packet) => packet.dropAtMilliseconds > nowMilliseconds);
    return before - this.#packets.length;
  }

  /** When `expire` has something to do; Infinity: never. */
  get nextDeadlineMilliseconds(): number {
    return this.#packets[0]?.dropAtMilliseconds ?? Number.POSITIVE_INFINITY;
  }
}
