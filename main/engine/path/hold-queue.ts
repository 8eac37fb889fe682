// Packets of the terminal that wait for an SA (DESIGN section 4, outbound 3): bounded, copied out of the batch's slots,
// with one agreement trigger an association until it is answered.
import type { AssociationId } from '../sa/parameters.ts';

/** An adapter packet with its descriptor. */
export interface HeldPacket {
  readonly bytes: Uint8Array;
  readonly segmentType: number;
  readonly segmentSize: number;
  readonly checksum: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

export const heldPackets = 64;
export const heldBytes = 256 * 1024;
/** Of all associations together. */
export const heldBytesAltogether = 4 * 1024 * 1024;

/** 'backing-off': the agreement failed lately. 'full': bounds. 'first': held, and agreement must be asked for. */
export type HoldAnswer = 'held' | 'first' | 'full' | 'backing-off';

interface Waiting {
  readonly packets: HeldPacket[];
  bytes: number;
  /** An agreement was asked for and not answered. */
  asked: boolean;
  retryAtMilliseconds: number;
}

export class HoldQueue {
  readonly #waiting = new Map<AssociationId, Waiting>();
  #bytes = 0;
  #count = 0;

  /** May a packet of `length` bytes wait now? Call `add` when the answer is 'held' or 'first'. */
  ask(association: AssociationId, length: number, nowMilliseconds: number): HoldAnswer {
    const waiting = this.#waiting.get(association);
    if (waiting === undefined) return this.#bytes + length > heldBytesAltogether ? 'full' : 'first';
    if (nowMilliseconds < waiting.retryAtMilliseconds) return 'backing-off';
    const isFull =
      waiting.packets.length >= heldPackets ||
      waiting.bytes + length > heldBytes ||
      this.#bytes + length > heldBytesAltogether;
    if (isFull) return 'full';
    return waiting.asked ? 'held' : 'first';
  }

  /** `asks`: an agreement is asked for because of this packet. */
  add(association: AssociationId, asks: boolean, packet: HeldPacket): void {
    const waiting = this.#waiting.get(association) ?? {
      packets: [],
      bytes: 0,
      asked: false,
      retryAtMilliseconds: Number.NEGATIVE_INFINITY,
    };
    this.#waiting.set(association, waiting);
    waiting.packets.push(packet);
    waiting.bytes += packet.bytes.length;
    waiting.asked ||= asks;
    this.#bytes += packet.bytes.length;
    this.#count += 1;
  }

  /** Is anything of the association still waiting? What comes later must wait behind it. */
  holds(association: AssociationId): boolean {
    return this.#count > 0 && (this.#waiting.get(association)?.packets.length ?? 0) > 0;
  }

  /** The oldest packet of the association, removed; undefined: none left. */
  take(association: AssociationId): HeldPacket | undefined {
    const waiting = this.#waiting.get(association);
    const packet = waiting?.packets.shift();
    if (waiting === undefined || packet === undefined) return undefined;
    waiting.bytes -= packet.bytes.length;
    this.#bytes -= packet.bytes.length;
    this.#count -= 1;
    return packet;
  }

  /** The agreement was answered: the next packet without an SA asks anew, after the back-off if there is one. */
  answered(association: AssociationId, retryAtMilliseconds = Number.NEGATIVE_INFINITY): void {
    const waiting = this.#waiting.get(association);
    const backsOff = retryAtMilliseconds !== Number.NEGATIVE_INFINITY;
    if (waiting !== undefined) {
      waiting.asked = false;
      waiting.retryAtMilliseconds = retryAtMilliseconds;
      if (waiting.packets.length === 0 && !backsOff) this.#waiting.delete(association);
    } else if (backsOff) {
      this.#waiting.set(association, { packets: [], bytes: 0, asked: false, retryAtMilliseconds });
    }
  }

  /** Associations that are known here, waiting or backing off. */
  associations(): AssociationId[] {
    return [...this.#waiting.keys()];
  }

  get count(): number {
    return this.#count;
  }
}
