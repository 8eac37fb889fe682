// The packet path.
//
// Outbound, for a batch of packets read from the adapter:
//   1. Parse the headers into a view.
//   2. Look up the filter: PROTECT, BYPASS or DISCARD, cached by flow; once for a whole super-packet.
//   3. Find the SA. None: hold the packet, ask for an agreement once, and go on; ICMP where agreement failed.
//   4. Segment to the tunnel's MTU, fix lengths and checksums; "packet too big" where it may not be fragmented.
//   5. Seal into the send queue, where equal datagrams for one peer lie one behind the other.
//   6. Send the queue as a batch: the caller's.
//
// Inbound, for a batch of datagrams from the underlay:
//   1. Demultiplex every segment: IKE, keepalive, ESP. What comes without UDP is ESP.
//   2. Find the SA by SPI; hold what comes early for one that is being agreed.
//   3. Replay check.   4. Open; only then move the window.
//   5. Check the inner packet against the SA's selectors and the filter, and translate its address back.
//   6. Coalesce TCP segments where the adapter takes super-packets.
//   7. Write the queue as a batch: the caller's.
//
// outbound.ts and inbound.ts follow this list. What a BYPASS link hands in goes through 5 and 7 alone. Every drop has a
// reason and a counter. Nothing is allocated for a packet except where it must wait.
import type { Endpoint } from '../packet/address.ts';
import type { DatagramBatch, PacketBatch } from '../packet/batch.ts';
import type { PacketView } from '../packet/view.ts';
import { RowCounters } from '../policy/counters.ts';
import { PacketFilter } from '../policy/filter.ts';
import type { PolicyTable } from '../policy/table.ts';
import type { Verdict } from '../policy/verdict.ts';
import type { AssociationId, SecurityAssociationParameters } from '../sa/parameters.ts';
import { AssociationStore } from '../sa/store.ts';
import { totalIndex } from './counters.ts';
import type { DataPlane, TranslationSources } from './data-plane.ts';
import { IcmpAnswers } from './icmp-answers.ts';
import { InboundPath } from './inbound.ts';
import { OutboundPath } from './outbound.ts';
import type { PathOptions, VerdictObserver } from './parts.ts';
import { type DropReason, dropReasonIndex } from './reasons.ts';
import { SendQueue } from './send-queue.ts';
import { WriteQueue } from './write-queue.ts';

/** Expired flows are looked for among so many at every tick. */
const flowsPerTick = 16;

export class PacketPath implements DataPlane {
  /** Filled by `outbound`; one for each underlay. Reset them once sent. */
  readonly sends: readonly SendQueue[];
  /** Filled by all three entries; call `finishWrites` before writing, reset it once written. */
  readonly writes: WriteQueue;
  /** Set while verdict samples are wanted. */
  observer: VerdictObserver | undefined;
  readonly #options: PathOptions;
  readonly #filter: PacketFilter;
  readonly #store: AssociationStore;
  readonly #outbound: OutboundPath;
  readonly #inbound: InboundPath;
  #table: PolicyTable | undefined;
  #now = 0;

  constructor(options: PathOptions) {
    this.#options = options;
    const { memory, layout, kernel, counters, backend } = options;
    this.sends = layout.sends.map((region) => new SendQueue(region));
    this.writes = new WriteQueue(layout.adapterWrite);
    this.#filter = new PacketFilter({
      memory,
      checksum: kernel,
      counters: new RowCounters(counters.rowBuffer),
      hashSeed: options.hashSeed,
      ...(options.flowCapacity === undefined ? {} : { flowCapacity: options.flowCapacity }),
    });
    this.#store = new AssociationStore({
      memory,
      backend,
      figures: counters.associations,
      emit: (event) => options.emit(event),
    });
    const parts = {
      options,
      filter: this.#filter,
      store: this.#store,
      sends: this.sends,
      writes: this.writes,
      answers: new IcmpAnswers(memory, kernel, this.writes, counters.totals),
      drop: (reason: DropReason, count = 1): void => {
        counters.drops[dropReasonIndex[reason]]! += count;
      },
      isObserved: () => this.observer !== undefined,
      observe: this.#observe,
    };
    this.#outbound = new OutboundPath(parts);
    this.#inbound = new InboundPath(parts);
  }

  /** Packets that the adapter read. The batch's slots may be reused when this returns. */
  outbound(batch: PacketBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#outbound.carry(batch, nowMilliseconds);
  }

  /** Datagrams of one underlay. Its slots may be reused only when the write queue was written. */
  inbound(batch: DatagramBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#inbound.carry(batch, nowMilliseconds);
  }

  /** The same for an underlay without UDP: ESP and nothing else. */
  inboundNative(batch: DatagramBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#inbound.carryNative(batch, nowMilliseconds);
  }

  /** Packets that a BYPASS link took from the wire. Its slots may be reused only when the write queue was written. */
  inboundClear(batch: PacketBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#inbound.carryClear(batch, nowMilliseconds);
  }

  /** Makes merged packets whole. Before every write of the queue. */
  finishWrites(): void {
    this.#inbound.finishWrites();
  }

  /** Whatever is due by time. To be called before anything else of a round; cheap while nothing is due. */
  tick(nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#store.tick(nowMilliseconds);
    this.#inbound.expireEarly(nowMilliseconds);
    this.#filter.expireFlows(nowMilliseconds, flowsPerTick);
    this.#options.counters.totals[totalIndex.flows] = this.#filter.flowCount;
    this.#outbound.releasePending(nowMilliseconds);
  }

  /** When `tick` has something to do; Infinity: never. */
  get nextDeadlineMilliseconds(): number {
    return Math.min(this.#store.nextDeadlineMilliseconds, this.#inbound.nextDeadlineMilliseconds);
  }

  /** Wipes every key. */
  close(): void {
    this.#store.close();
  }

  // DataPlane: steering. `tick` was called just before, with the time.

  setPolicy(table: PolicyTable): void {
    this.#table = table;
    this.#filter.setPolicy(table);
    const associations = new Set(table.rows.map(({ association }) => association));
    associations.add(table.defaultInside.association).add(table.defaultOutside.association);
    this.#outbound.keepOnly(associations);
  }

  setTranslation(sources: TranslationSources): void {
    this.#filter.setTranslation(sources);
  }

  setPeer(peer: number, remote: Endpoint): void {
    for (const encapsulation of ['udp', 'native'] as const) {
      this.#outbound.setPeerUnderlay(peer, encapsulation, this.#options.underlayFor(remote, encapsulation));
    }
  }

  expectInbound(spi: number): void {
    this.#inbound.expect(spi);
  }

  cancelExpected(spi: number): void {
    this.#inbound.cancelExpected(spi);
  }

  installInbound(parameters: SecurityAssociationParameters): void {
    this.#store.installInbound(parameters, this.#now);
    this.#inbound.installed(parameters.spi, this.#now);
  }

  installOutbound(parameters: SecurityAssociationParameters): void {
    this.#store.installOutbound(parameters, this.#now);
    this.#outbound.agreed(parameters.association, this.#now);
  }

  removeInbound(spi: number, lingerSeconds: number): void {
    this.#store.removeInbound(spi, lingerSeconds, this.#now);
  }

  removeOutbound(association: AssociationId, spi: number): void {
    this.#store.removeOutbound(association, spi);
  }

  agreementFailed(association: AssociationId, retryAtMilliseconds: number): void {
    this.#outbound.agreementFailed(association, retryAtMilliseconds, this.#now);
  }

  setTunnelMtu(bytes: number): void {
    this.#outbound.tunnelMtu = bytes;
  }

  readonly #observe = (
    direction: 'outbound' | 'inbound',
    view: PacketView,
    { row }: Verdict,
    what: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason,
  ): void => {
    const table = this.#table;
    const defaults = table === undefined ? [] : [table.defaultInside, table.defaultOutside];
    const rowId = table?.rows[row]?.id ?? defaults[row - (table?.rows.length ?? 0)]?.id;
    this.observer?.(direction, view, what, rowId);
  };
}
