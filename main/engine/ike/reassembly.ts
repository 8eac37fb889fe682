// Putting IKE fragments together again (RFC 7383 section 2.6). Only fragments that passed their integrity check get
// here, so the bounds guard against a faulty peer, not against strangers.
import { concatBytes } from './bytes.ts';
import type { OpenedMessage } from './protection.ts';

const maximumFragments = 128;
const maximumBytes = 65_535;

export interface WholeMessage {
  readonly first: number;
  readonly inner: Uint8Array;
}

/** Collects the fragments of one message at a time. */
export class Reassembly {
  #messageId = -1;
  #total = 0;
  #first = 0;
  #bytes = 0;
  #parts = new Map<number, Uint8Array>();

  /** The whole message once its last fragment has come; a message in one piece passes through. */
  add(messageId: number, opened: OpenedMessage): WholeMessage | undefined {
    const { fragment, first, inner } = opened;
    if (fragment === undefined) {
      this.#reset(-1, 0);
      return { first, inner };
    }
    const { number, total } = fragment;
    if (total > maximumFragments) return undefined;
    if (messageId !== this.#messageId || total > this.#total) this.#reset(messageId, total);
    if (total < this.#total || this.#parts.has(number)) return undefined;
    if (this.#bytes + inner.length > maximumBytes) return undefined;
    this.#bytes += inner.length;
    this.#parts.set(number, inner);
    if (number === 1) this.#first = first;
    if (this.#parts.size < total) return undefined;
    const parts = Array.from({ length: total }, (_, index) => this.#parts.get(index + 1)!);
    const whole = { first: this.#first, inner: concatBytes(parts) };
    this.#reset(-1, 0);
    return whole;
  }

  #reset(messageId: number, total: number): void {
    this.#messageId = messageId;
    this.#total = total;
    this.#first = 0;
    this.#bytes = 0;
    this.#parts = new Map();
  }
}
