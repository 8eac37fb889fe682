// Asks a connection's peer for signs of life: where something around the connection changed, and to measure the round
// trip. Never more often than it is worth.
import type { Failure } from '../../control/failure.ts';

export interface SignOfLifeSurroundings {
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  /** There is a peer that could answer. */
  isRunning(): boolean;
  /** `urgent`: gives up soon. */
  probe(urgent: boolean): void;
  /** When the peer last answered such a question; undefined: never. */
  answeredAt(): number | undefined;
}

/** An urgent probe has failed by then. */
const doubtMilliseconds = 10_000;
/** A peer that is there has answered by then, and what happens to it later has other reasons. */
const answerMilliseconds = 1000;
/** A computer on which links come and go all the time does not ask its peer each time. */
const doubtEveryMilliseconds = 2000;
const measureEveryMilliseconds = 10_000;

export class SignOfLife {
  readonly #surroundings: SignOfLifeSurroundings;
  /** Why the peer was asked; it stands for what the probe finds. */
  #doubt: { readonly reason: Failure; readonly atMilliseconds: number } | undefined;
  /** The latest doubt was for nothing. */
  #answered = false;
  #cancelDoubt: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;

  constructor(surroundings: SignOfLifeSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Something around the connection changed, though not its way: does the peer still answer? */
  doubt(reason: Failure): void {
    const { now, schedule } = this.#surroundings;
    const at = Math.max(
      now(),
      (this.#doubt?.atMilliseconds ?? Number.NEGATIVE_INFINITY) + doubtEveryMilliseconds,
    );
    this.#cancelDoubt ??= schedule(at, () => {
      this.#cancelDoubt = undefined;
      this.probe(reason);
    });
  }

  /** Asks at once. */
  probe(reason: Failure): void {
    const { now, schedule, isRunning, probe, answeredAt } = this.#surroundings;
    if (!isRunning()) return;
    const atMilliseconds = now();
    this.#doubt = { reason, atMilliseconds };
    this.#answered = false;
    probe(true);
    this.#cancelLook?.();
    this.#cancelLook = schedule(atMilliseconds + answerMilliseconds, () => {
      this.#cancelLook = undefined;
      if ((answeredAt() ?? Number.NEGATIVE_INFINITY) >= atMilliseconds) this.#answered = true;
    });
  }

  /** Measures the round trip, unless that was done moments ago. */
  measure(): void {
    const now = this.#surroundings.now();
    if (!this.#surroundings.isRunning() || now < this.#measuredAt + measureEveryMilliseconds) return;
    this.#measuredAt = now;
    this.#surroundings.probe(false);
  }

  /** The peer is dead: why it was doubted, if that is what found out. */
  takeDoubt(): Failure | undefined {
    const doubt = this.#doubt;
    this.#doubt = undefined;
    if (doubt === undefined || this.#answered) return undefined;
    return this.#surroundings.now() - doubt.atMilliseconds < doubtMilliseconds ? doubt.reason : undefined;
  }

  stop(): void {
    this.#cancelDoubt?.();
    this.#cancelDoubt = undefined;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }
}
