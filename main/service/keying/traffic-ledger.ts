// How much each association has carried since the tunnel was opened, over all the SAs that it has had: the data plane
// counts by SA, and an SA's figures go with it.
import type { Counters } from '../../control/values.ts';
import type { AssociationCounters } from '../../engine/path/counters.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';

type Figures = Pick<AssociationCounters, 'association' | 'direction' | 'packets' | 'bytes'>;

export class TrafficLedger {
  readonly #read: () => readonly AssociationCounters[];
  /** As they were read last. */
  #living = new Map<string, Figures>();
  readonly #ended = new Map<AssociationId, Counters>();

  /** `read`: the SAs that exist now. */
  constructor(read: () => readonly AssociationCounters[]) {
    this.#read = read;
  }

  /** To be called before SAs are removed, and now and then: what is counted after the last call is not kept. */
  update(): void {
    const now = new Map<string, Figures>();
    for (const each of this.#read()) {
      now.set(`${each.direction} ${each.association} ${each.spi} ${each.installedAtMilliseconds}`, each);
    }
    for (const [key, figures] of this.#living) if (!now.has(key)) this.#end(figures);
    this.#living = now;
  }

  of(association: AssociationId): Counters {
    this.update();
    return [...this.#living.values()]
      .filter((figures) => figures.association === association)
      .reduce(sum, this.#ended.get(association) ?? none);
  }

  #end(figures: Figures): void {
    const { association } = figures;
    const counters = sum(this.#ended.get(association) ?? none, figures);
    // The latest stands last.
    this.#ended.delete(association);
    this.#ended.set(association, counters);
    if (this.#ended.size > mostEnded) this.#ended.delete(this.#ended.keys().next().value!);
  }
}

/** A gateway's peers come and go: those that ended longest ago are forgotten. */
const mostEnded = 1024;
const none: Counters = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };

function sum(counters: Counters, { direction, packets, bytes }: Figures): Counters {
  return direction === 'inbound'
    ? { ...counters, packetsIn: counters.packetsIn + packets, bytesIn: counters.bytesIn + bytes }
    : { ...counters, packetsOut: counters.packetsOut + packets, bytesOut: counters.bytesOut + bytes };
}
