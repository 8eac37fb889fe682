// Everything in the engine that waits for a time, in one place, so that the caller needs to keep one timer only.

interface Timer {
  readonly atMilliseconds: number;
  readonly run: () => void;
}

/** Timers are named by their owner and a word; setting one again replaces it. */
export class Timers {
  readonly #owners = new Map<object, Map<string, Timer>>();

  set(owner: object, name: string, atMilliseconds: number, run: () => void): void {
    let timers = this.#owners.get(owner);
    if (timers === undefined) {
      timers = new Map();
      this.#owners.set(owner, timers);
    }
    timers.set(name, { atMilliseconds, run });
  }

  /** When the timer is due; undefined where it is not set. */
  at(owner: object, name: string): number | undefined {
    return this.#owners.get(owner)?.get(name)?.atMilliseconds;
  }

  /** Without a name: all of the owner's. */
  clear(owner: object, name?: string): void {
    if (name === undefined) {
      this.#owners.delete(owner);
      return;
    }
    const timers = this.#owners.get(owner);
    timers?.delete(name);
    if (timers?.size === 0) this.#owners.delete(owner);
  }

  earliest(): number | undefined {
    let earliest: number | undefined;
    for (const timers of this.#owners.values()) {
      for (const { atMilliseconds } of timers.values()) {
        if (earliest === undefined || atMilliseconds < earliest) earliest = atMilliseconds;
      }
    }
    return earliest;
  }

  /** Runs what is due, earliest first; a timer that is set again for a due time waits for the next call. */
  runDue(nowMilliseconds: number): void {
    const due: { owner: object; name: string; timer: Timer }[] = [];
    for (const [owner, timers] of this.#owners) {
      for (const [name, timer] of timers) {
        if (timer.atMilliseconds <= nowMilliseconds) due.push({ owner, name, timer });
      }
    }
    due.sort((left, right) => left.timer.atMilliseconds - right.timer.atMilliseconds);
    for (const { owner, name, timer } of due) {
      if (this.#owners.get(owner)?.get(name) !== timer) continue;
      this.clear(owner, name);
      timer.run();
    }
  }
}
