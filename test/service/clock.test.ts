import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClockSource, ServiceClock } from '../../main/service/clock.ts';

/** A computer that can sleep: its timers stand still meanwhile. */
class SleepyComputer implements ClockSource {
  #running = 5000;
  #slept = 0;
  #order = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly ring: () => void }>();

  elapsed(): number {
    return this.#running + this.#slept;
  }
  running(): number {
    return this.#running;
  }
  startTimer(milliseconds: number, ring: () => void): () => void {
    assert.ok(milliseconds >= 0 && milliseconds < 2 ** 31, 'what a timer of the system can wait');
    const key = this.#order++;
    this.#timers.set(key, { at: this.#running + milliseconds, ring });
    return () => this.#timers.delete(key);
  }
  get timers(): number {
    return this.#timers.size;
  }

  sleep(milliseconds: number): void {
    this.#slept += milliseconds;
  }
  run(milliseconds: number): void {
    const end = this.#running + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].sort(([a, one], [b, other]) => one.at - other.at || a - b);
      if (next === undefined || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.#running = next[1].at;
      next[1].ring();
    }
    this.#running = end;
  }
}

const hour = 3_600_000;

test('a timer rings at its time, once, unless it was called off', () => {
  const computer = new SleepyComputer();
  const clock = new ServiceClock(computer);
  const rung: string[] = [];
  clock.schedule(clock.now() + 100, () => rung.push('one'));
  clock.schedule(clock.now() + 50, () => rung.push('never'))();
  clock.schedule(clock.now() - 10, () => rung.push('overdue'));
  computer.run(99);
  assert.deepEqual(rung, ['overdue']);
  computer.run(1000);
  assert.deepEqual(rung, ['overdue', 'one']);
});

test('waking up is told within a second or so, before the timers that came due meanwhile', () => {
  const computer = new SleepyComputer();
  const clock = new ServiceClock(computer);
  const seen: string[] = [];
  const watch = clock.watchSleep((slept) => seen.push(`slept ${slept / hour} h`));
  clock.schedule(clock.now() + hour / 2, () => seen.push('rekey'));
  const later = clock.now() + 2 * hour;
  clock.schedule(later, () => seen.push('expire'));
  computer.run(10_500);
  computer.sleep(hour);
  assert.deepEqual(seen, []);
  computer.run(1000);
  assert.deepEqual(seen, ['slept 1 h', 'rekey']);
  computer.run(later - clock.now() - 1);
  assert.deepEqual(seen, ['slept 1 h', 'rekey']);
  computer.run(1);
  assert.deepEqual(seen, ['slept 1 h', 'rekey', 'expire']);
  watch.close();
  assert.equal(computer.timers, 0);
});

test('each sleep is told once, and what is no sleep is not', () => {
  const computer = new SleepyComputer();
  const slept: number[] = [];
  new ServiceClock(computer).watchSleep((milliseconds) => slept.push(milliseconds));
  computer.sleep(200);
  computer.run(60_000);
  computer.sleep(hour);
  computer.run(60_000);
  computer.sleep(2 * hour);
  computer.run(60_000);
  assert.deepEqual(slept, [hour, 2 * hour]);
});

test('a time beyond what the system can wait for rings no earlier', () => {
  const computer = new SleepyComputer();
  const clock = new ServiceClock(computer);
  let rung = false;
  const days = 60 * 24 * hour;
  clock.schedule(clock.now() + days, () => {
    rung = true;
  });
  computer.run(days - 1);
  assert.equal(rung, false);
  computer.run(1);
  assert.equal(rung, true);
});
