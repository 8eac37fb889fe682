// Timers on the service's clock, which goes on while the computer sleeps, and word when it woke up. The system's own
// timers stand still meanwhile; on waking they are set anew.
import { runningMilliseconds } from '../host/clock/running.ts';
import { monotonicMilliseconds } from './data/clock.ts';

export interface ClockSource {
  /** Milliseconds, those that the computer slept included. */
  elapsed(): number;
  /** Milliseconds, without them. */
  running(): number;
  /** Rings once after so much running time, at most 2^31 - 1 ms; the returned function cancels. */
  startTimer(milliseconds: number, ring: () => void): () => void;
}

export const systemClock: ClockSource = {
  elapsed: monotonicMilliseconds,
  running: runningMilliseconds,
  startTimer(milliseconds, ring) {
    const timer = setTimeout(ring, milliseconds);
    return () => clearTimeout(timer);
  },
};

const lookEveryMilliseconds = 1000;
/** Shorter sleeps harm nothing, and the two clocks are not read at the same moment. */
const shortestSleepMilliseconds = 1000;
/** What setTimeout can wait. */
const longestTimerMilliseconds = 2 ** 31 - 1;

interface Pending {
  readonly atMilliseconds: number;
  readonly call: () => void;
  cancel: () => void;
}

export class ServiceClock {
  readonly #source: ClockSource;
  readonly #pending = new Set<Pending>();

  constructor(source: ClockSource = systemClock) {
    this.#source = source;
  }

  now(): number {
    return this.#source.elapsed();
  }

  /** Calls back once at that time of `now`, or as soon as the computer is awake again; the returned function cancels. */
  schedule(atMilliseconds: number, call: () => void): () => void {
    const pending: Pending = { atMilliseconds, call, cancel: () => undefined };
    this.#pending.add(pending);
    this.#start(pending);
    return () => {
      this.#pending.delete(pending);
      pending.cancel();
    };
  }

  /**
   * Calls back within about a second of each waking. What has to be known before timers ring that came due meanwhile is
   * done in the call: they ring after it.
   */
  watchSleep(wokeUp: (sleptMilliseconds: number) => void): { close(): void } {
    let difference = this.#difference();
    let cancel = () => {};
    const look = () => {
      cancel = this.#source.startTimer(lookEveryMilliseconds, look);
      const slept = this.#difference() - difference;
      difference += slept;
      if (slept < shortestSleepMilliseconds) return;
      try {
        wokeUp(slept);
      } finally {
        this.#startAllAnew();
      }
    };
    cancel = this.#source.startTimer(lookEveryMilliseconds, look);
    return { close: () => cancel() };
  }

  #difference(): number {
    return this.#source.elapsed() - this.#source.running();
  }

  #start(pending: Pending): void {
    const remaining = Math.max(0, pending.atMilliseconds - this.now());
    pending.cancel = this.#source.startTimer(Math.min(remaining, longestTimerMilliseconds), () => {
      if (remaining > longestTimerMilliseconds) {
        this.#start(pending);
        return;
      }
      this.#pending.delete(pending);
      pending.call();
    });
  }

  #startAllAnew(): void {
    for (const pending of this.#pending) {
      pending.cancel();
      this.#start(pending);
    }
  }
}
