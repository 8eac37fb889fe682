// Sealed datagrams on their way to one underlay: they lie one behind the other, so that equal ones for one peer leave
// as one run (UDP_SEGMENT).
import { createDatagramBatch, type DatagramBatch } from '../packet/batch.ts';

/** What the system takes in one segmented send: datagrams, and bytes of them together. */
export const maximumRunSegments = 64;
export const maximumRunBytes = 65_000;

const batchCapacity = 2048;

export class SendQueue {
  /** For Underlay.send. */
  readonly batch: DatagramBatch = createDatagramBatch(batchCapacity);
  readonly #start: number;
  readonly #end: number;
  #cursor: number;
  /** Datagrams in the run that may still grow; 0: the last run is closed. */
  #runSegments = 0;

  /** The bytes of the packet memory that this queue fills. */
  constructor(region: { readonly start: number; readonly length: number }) {
    this.#start = region.start;
    this.#end = region.start + region.length;
    this.#cursor = region.start;
  }

  /** Where the next datagram of at most `length` bytes goes; -1: no room until the batch was sent. */
  place(length: number): number {
    if (this.#cursor + length > this.#end || this.batch.count === this.batch.capacity) return -1;
    return this.#cursor;
  }

  /** The datagram at `place` is complete. */
  commit(length: number, peer: number): void {
    const { batch } = this;
    const last = batch.count - 1;
    if (this.#runSegments > 0 && batch.peer[last] === peer) {
      const size = batch.segmentSize[last]! || batch.length[last]!;
      if (length <= size && batch.length[last]! + length <= maximumRunBytes) {
        batch.segmentSize[last] = size;
        batch.length[last]! += length;
        this.#cursor += length;
        this.#runSegments = length < size ? 0 : (this.#runSegments + 1) % maximumRunSegments;
        return;
      }
    }
    const index = batch.count++;
    batch.offset[index] = this.#cursor;
    batch.length[index] = length;
    batch.segmentSize[index] = 0;
    batch.peer[index] = peer;
    this.#cursor += length;
    this.#runSegments = 1;
  }

  /** Everything was sent, or given up. */
  reset(): void {
    this.batch.count = 0;
    this.#cursor = this.#start;
    this.#runSegments = 0;
  }
}
