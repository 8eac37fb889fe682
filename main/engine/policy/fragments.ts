// Fragments follow the verdict of their first fragment: a bounded table of the fragmented packets under way.
import type { PacketView } from '../packet/view.ts';
import { dropReasons } from '../path/reasons.ts';
import type { PolicyAction } from './row.ts';
import type { Verdict } from './verdict.ts';

/** Milliseconds after its first fragment during which the others are waited for. */
export const fragmentTimeout = 10_000;

/** Which way a packet goes: the same identification may come from several sides. Inner packets: by association. */
export const fragmentChannel = { outbound: 0, clear: 1, firstInner: 2 } as const;

/** Sets of eight entries, so that the work for a packet is bounded whatever an attacker sends. */
export class FragmentTable {
  readonly #setMask: number;
  readonly #words: Int32Array;
  readonly #expires: Float64Array;
  readonly #stamp: Int32Array;
  readonly #verdicts: Int32Array;

  constructor(capacity = 1024) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, capacity / setSize)));
    this.#setMask = sets - 1;
    this.#words = new Int32Array(sets * setSize * keyWords);
    this.#expires = new Float64Array(sets * setSize).fill(Number.NEGATIVE_INFINITY);
    this.#stamp = new Int32Array(sets * setSize);
    this.#verdicts = new Int32Array(sets * setSize * verdictWords);
  }

  /** Remembers the verdict about a first fragment. False where the table is full of live ones. */
  remember(view: PacketView, channel: number, verdict: Verdict, stamp: number, now: number): boolean {
    let entry = this.#find(view, channel);
    if (entry < 0) entry = this.#findFree(view, channel, now);
    if (entry < 0) return false;
    this.#writeKey(entry, view, channel);
    this.#expires[entry] = now + fragmentTimeout;
    this.#stamp[entry] = stamp;
    const place = entry * verdictWords;
    const values = this.#verdicts;
    values[place] = verdict.row;
    values[place + 1] = actions.indexOf(verdict.action);
    values[place + 2] = verdict.association;
    values[place + 3] = verdict.reason === undefined ? -1 : dropReasons.indexOf(verdict.reason);
    values[place + 4] = verdict.translate ? 1 : 0;
    values[place + 5] = verdict.replacement0;
    values[place + 6] = verdict.replacement1;
    values[place + 7] = verdict.replacement2;
    values[place + 8] = verdict.replacement3;
    return true;
  }

  /** Fills `verdict` with what was said about the fragment's first one. False where that was not seen. */
  recall(view: PacketView, channel: number, verdict: Verdict, stamp: number, now: number): boolean {
    const entry = this.#find(view, channel);
    if (entry < 0 || this.#expires[entry]! < now || this.#stamp[entry] !== stamp) return false;
    const place = entry * verdictWords;
    const values = this.#verdicts;
    verdict.row = values[place]!;
    verdict.action = actions[values[place + 1]!]!;
    verdict.association = values[place + 2]!;
    verdict.reason = dropReasons[values[place + 3]!];
    verdict.flow = -1;
    verdict.translate = values[place + 4] === 1;
    verdict.replacement0 = values[place + 5]!;
    verdict.replacement1 = values[place + 6]!;
    verdict.replacement2 = values[place + 7]!;
    verdict.replacement3 = values[place + 8]!;
    verdict.replacementPort = -1;
    return true;
  }

  #find(view: PacketView, channel: number): number {
    const first = this.#firstOfSet(view, channel);
    for (let entry = first; entry < first + setSize; entry += 1) {
      if (this.#hasKey(entry, view, channel)) return entry;
    }
    return -1;
  }

  #findFree(view: PacketView, channel: number, now: number): number {
    const first = this.#firstOfSet(view, channel);
    for (let entry = first; entry < first + setSize; entry += 1) {
      if (this.#expires[entry]! < now) return entry;
    }
    return -1;
  }

  #firstOfSet(view: PacketView, channel: number): number {
    let hash = Math.imul(view.source0 ^ view.source3, 0x9e3779b1) ^ view.fragmentId ^ channel;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ view.destination0 ^ view.destination3;
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) & this.#setMask) * setSize;
  }

  #hasKey(entry: number, view: PacketView, channel: number): boolean {
    const words = this.#words;
    const place = entry * keyWords;
    return (
      words[place + 8] === view.fragmentId &&
      words[place] === view.source0 &&
      words[place + 4] === view.destination0 &&
      words[place + 9] === kind(view, channel) &&
      words[place + 1] === view.source1 &&
      words[place + 2] === view.source2 &&
      words[place + 3] === view.source3 &&
      words[place + 5] === view.destination1 &&
      words[place + 6] === view.destination2 &&
      words[place + 7] === view.destination3
    );
  }

  #writeKey(entry: number, view: PacketView, channel: number): void {
    const words = this.#words;
    const place = entry * keyWords;
    words[place] = view.source0;
    words[place + 1] = view.source1;
    words[place + 2] = view.source2;
    words[place + 3] = view.source3;
    words[place + 4] = view.destination0;
    words[place + 5] = view.destination1;
    words[place + 6] = view.destination2;
    words[place + 7] = view.destination3;
    words[place + 8] = view.fragmentId;
    words[place + 9] = kind(view, channel);
  }
}

const setSize = 8;
const keyWords = 10;
const verdictWords = 9;
const actions: readonly PolicyAction[] = ['PROTECT', 'BYPASS', 'DISCARD'];

/** IPv4 reassembles by protocol too (RFC 791 section 3.2), IPv6 does not (RFC 8200 section 4.5). Never 0. */
function kind(view: PacketView, channel: number): number {
  const protocol = view.family === 4 ? view.protocol : 256;
  return ((channel + 1) << 9) | protocol;
}
