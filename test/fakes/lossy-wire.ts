// A wire in virtual time that loses, duplicates, reorders and delays datagrams, by seed.
import { seededRandom } from './random.ts';

export interface WireFaults {
  /** Shares from 0 to 1. */
  readonly loss?: number;
  readonly duplication?: number;
  /** Share of datagrams that are delayed by up to `delayMilliseconds` more than the others. */
  readonly reordering?: number;
  readonly delayMilliseconds?: number;
}

export class LossyWire {
  readonly #random: () => number;
  readonly #faults: WireFaults;
  #underWay: { readonly bytes: Uint8Array; readonly at: number; readonly order: number }[] = [];
  #order = 0;
  lost = 0;

  constructor(seed: number, faults: WireFaults) {
    this.#random = seededRandom(seed);
    this.#faults = faults;
  }

  send(bytes: Uint8Array, nowMilliseconds: number): void {
    const { loss = 0, duplication = 0, reordering = 0, delayMilliseconds = 0 } = this.#faults;
    if (this.#random() < loss) {
      this.lost += 1;
      return;
    }
    const copies = this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = this.#random() < reordering ? this.#random() * delayMilliseconds : 0;
      this.#underWay.push({ bytes, at: nowMilliseconds + late, order: this.#order++ });
    }
  }

  /** What arrives up to now, in the order of arrival. */
  receive(nowMilliseconds: number): Uint8Array[] {
    const arrived = this.#underWay.filter(({ at }) => at <= nowMilliseconds);
    this.#underWay = this.#underWay.filter(({ at }) => at > nowMilliseconds);
    arrived.sort((one, other) => one.at - other.at || one.order - other.order);
    return arrived.map(({ bytes }) => bytes);
  }

  get isEmpty(): boolean {
    return this.#underWay.length === 0;
  }
}
