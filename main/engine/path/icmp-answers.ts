// What the path says to the terminal about packets that it does not carry: ICMP errors, limited in rate.
import { checksumState, type PacketMemory } from '../packet/batch.ts';
import { buildIcmpError, type IcmpErrorKind } from '../packet/icmp.ts';
import type { PacketView } from '../packet/view.ts';
import { totalIndex } from './counters.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { WriteQueue } from './write-queue.ts';

const burst = 64;
const answersPerMillisecond = 0.2;

export class IcmpAnswers {
  readonly #memory: PacketMemory;
  readonly #kernel: PacketKernel;
  readonly #queue: WriteQueue;
  readonly #totals: Float64Array;
  #tokens = burst;
  #filledAtMilliseconds = Number.NEGATIVE_INFINITY;

  constructor(memory: PacketMemory, kernel: PacketKernel, queue: WriteQueue, totals: Float64Array) {
    this.#memory = memory;
    this.#kernel = kernel;
    this.#queue = queue;
    this.#totals = totals;
  }

  /** Answers the packet in `view`, as the terminal sent it. Left out where the rate or the queue does not allow it. */
  answer(view: PacketView, kind: IcmpErrorKind, mtu: number, nowMilliseconds: number): void {
    if (this.#queue.isFull || !this.#takeToken(nowMilliseconds)) return;
    const target = this.#queue.takeSlot();
    if (target < 0) return;
    const length = buildIcmpError(this.#memory, this.#kernel, view, kind, mtu, target);
    if (length === 0) return;
    this.#queue.add(target, length, checksumState.complete, 0, 0);
    this.#totals[totalIndex.answersWritten]! += 1;
  }

  #takeToken(now: number): boolean {
    const earned = Math.max(0, now - this.#filledAtMilliseconds) * answersPerMillisecond;
    this.#tokens = Math.min(burst, this.#tokens + earned);
    this.#filledAtMilliseconds = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
