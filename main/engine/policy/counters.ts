// Hit counters of filter rows, by row id, in memory that threads may share.
import type { PolicyTable } from './table.ts';

/** Slot: [mark of the id, packets, bytes], each a 64-bit float (whole numbers below 2^53). */
const slotFloats = 3;

export interface RowHits {
  readonly packets: number;
  readonly bytes: number;
}

/** Bytes of a buffer for so many rows (defaults are rows too). */
export function rowCountersBytes(rowCapacity: number): number {
  return (rowCapacity + 1) * slotFloats * 8;
}

/** The writing side: the data thread's. */
export class RowCounters {
  readonly #values: Float64Array;
  readonly #slotOfId = new Map<string, number>();
  readonly #freeSlots: number[] = [];

  /** `buffer`: of `rowCountersBytes(n)` bytes, shared if another thread shall read. */
  constructor(buffer: ArrayBufferLike = new ArrayBuffer(rowCountersBytes(1024))) {
    this.#values = new Float64Array(buffer);
    const slots = Math.floor(this.#values.length / slotFloats);
    for (let slot = slots - 1; slot >= 1; slot -= 1) this.#freeSlots.push(slot);
  }

  /**
   * Gives every row of the table, and its two defaults, a slot: the one it had, or a fresh one at zero. Slots of rows
   * that are gone are freed. Rows beyond the buffer's capacity share slot 0, which nobody reads. Returns the slot of
   * each row in table order, then of the default inside and the default outside.
   */
  assign(table: PolicyTable): Int32Array {
    const ids = [...table.rows.map((row) => row.id), table.defaultInside.id, table.defaultOutside.id];
    const kept = new Set(ids);
    for (const [id, slot] of this.#slotOfId) {
      if (kept.has(id)) continue;
      this.#slotOfId.delete(id);
      this.#clear(slot, 0);
      this.#freeSlots.push(slot);
    }
    return Int32Array.from(ids, (id) => this.#slot(id));
  }

  count(slot: number, bytes: number): void {
    const place = slot * slotFloats;
    this.#values[place + 1]! += 1;
    this.#values[place + 2]! += bytes;
  }

  read(id: string): RowHits | undefined {
    const slot = this.#slotOfId.get(id);
    if (slot === undefined) return undefined;
    return {
      packets: this.#values[slot * slotFloats + 1]!,
      bytes: this.#values[slot * slotFloats + 2]!,
    };
  }

  #slot(id: string): number {
    const known = this.#slotOfId.get(id);
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return 0;
    this.#slotOfId.set(id, slot);
    this.#clear(slot, markOf(id));
    return slot;
  }

  #clear(slot: number, mark: number): void {
    this.#values.fill(0, slot * slotFloats, (slot + 1) * slotFloats);
    this.#values[slot * slotFloats] = mark;
  }
}

/** The reading side, for another thread: hits of those ids that have a slot in the buffer. */
export function readRowCounters(buffer: ArrayBufferLike, ids: Iterable<string>): Map<string, RowHits> {
  const values = new Float64Array(buffer);
  const placeOfMark = new Map<number, number>();
  for (let place = slotFloats; place + slotFloats <= values.length; place += slotFloats) {
    if (values[place] !== 0) placeOfMark.set(values[place]!, place);
  }
  const hits = new Map<string, RowHits>();
  for (const id of ids) {
    const place = placeOfMark.get(markOf(id));
    if (place !== undefined) hits.set(id, { packets: values[place + 1]!, bytes: values[place + 2]! });
  }
  return hits;
}

/** 52-bit FNV-style hash of a row id, never 0, by which a reader finds a slot without further agreement. */
function markOf(id: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < id.length; index += 1) {
    low = Math.imul(low ^ id.charCodeAt(index), 0x01000193);
    high = Math.imul(high ^ id.charCodeAt(index) ^ (low >>> 13), 0x85ebca6b);
  }
  return (high >>> 12) * 0x100000000 + (low >>> 0) + 1;
}
