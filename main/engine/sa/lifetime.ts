// When an SA has served long enough (RFC 4301 section 4.4.2.1): soft limits warn once, hard limits end it.
import type { Lifetime } from './parameters.ts';

export type LifetimeLimit = 'seconds' | 'bytes' | 'packets';

/** Without a soft packet limit of its own an SA warns while a sixteenth of its sequence numbers is left. */
export const sequenceWarning = 0xf0000000;

/** The limits as numbers to compare with; Infinity where there is none. Times are milliseconds of the caller's clock. */
export class LifetimeLimits {
  softAtMilliseconds: number;
  readonly hardAtMilliseconds: number;
  #softBytes: number;
  #softPackets: number;
  readonly #hardBytes: number;
  readonly #hardPackets: number;

  constructor(lifetime: Lifetime, nowMilliseconds: number) {
    this.softAtMilliseconds = nowMilliseconds + (lifetime.softSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.hardAtMilliseconds = nowMilliseconds + (lifetime.hardSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.#softBytes = lifetime.softBytes ?? Number.POSITIVE_INFINITY;
    this.#hardBytes = lifetime.hardBytes ?? Number.POSITIVE_INFINITY;
    this.#softPackets = lifetime.softPackets ?? sequenceWarning;
    this.#hardPackets = lifetime.hardPackets ?? Number.POSITIVE_INFINITY;
  }

  /** The soft limit that is reached; the answer comes once, whichever limit it is. */
  reachedSoft(nowMilliseconds: number, packets: number, bytes: number): LifetimeLimit | undefined {
    const limit = reached(
      nowMilliseconds >= this.softAtMilliseconds,
      bytes >= this.#softBytes,
      packets >= this.#softPackets,
    );
    if (limit !== undefined) {
      this.softAtMilliseconds = Number.POSITIVE_INFINITY;
      this.#softBytes = Number.POSITIVE_INFINITY;
      this.#softPackets = Number.POSITIVE_INFINITY;
    }
    return limit;
  }

  /** The hard limit that is reached: the SA must carry nothing more. */
  reachedHard(nowMilliseconds: number, packets: number, bytes: number): LifetimeLimit | undefined {
    return reached(
      nowMilliseconds >= this.hardAtMilliseconds,
      bytes >= this.#hardBytes,
      packets >= this.#hardPackets,
    );
  }

  /** Is any limit on bytes or packets reached? One call for a packet on the hot path. */
  needsAttention(packets: number, bytes: number): boolean {
    return (
      packets >= this.#softPackets ||
      bytes >= this.#softBytes ||
      packets >= this.#hardPackets ||
      bytes >= this.#hardBytes
    );
  }
}

function reached(seconds: boolean, bytes: boolean, packets: boolean): LifetimeLimit | undefined {
  if (seconds) return 'seconds';
  if (bytes) return 'bytes';
  return packets ? 'packets' : undefined;
}
