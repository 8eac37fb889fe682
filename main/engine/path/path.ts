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
//   1. Demultiplex every segment: IKE, keepalive, ESP.
//   2. Find the SA by SPI; hold what comes early for one that is being agreed.
//   3. Replay check.   4. Open; only then move the window.
//   5. Check the inner packet against the SA's selectors and the filter, and translate its address back.
//   6. Coalesce TCP segments where the adapter takes super-packets.
//   7. Write the queue as a batch: the caller's.
//
// What a BYPASS link hands in goes through 5 and 7 alone. Every drop has a reason and a counter. Nothing is allocated
// for a packet except where it must wait.
import type { AeadBackend } from '../esp/aead-backend.ts';
import { espNextHeader } from '../esp/format.ts';
import { hasEspLength, OpenedPacket, openInPlace } from '../esp/open.ts';
import { checkClear, checkInner } from '../inbound/check.ts';
import type { Endpoint } from '../packet/address.ts';
import {
  checksumState,
  type DatagramBatch,
  noPeer,
  type PacketBatch,
  type PacketMemory,
  packetHeadroom,
  segmentation,
} from '../packet/batch.ts';
import { protocolNumber } from '../packet/protocol.ts';
import { PacketView, parsePacket } from '../packet/view.ts';
import { RowCounters } from '../policy/counters.ts';
import { PacketFilter } from '../policy/filter.ts';
import type { PolicyTable } from '../policy/table.ts';
import { Verdict } from '../policy/verdict.ts';
import type { InboundAssociation } from '../sa/association.ts';
import type { AssociationId, SecurityAssociationParameters } from '../sa/parameters.ts';
import { AssociationStore } from '../sa/store.ts';
import { BypassSender } from './bypass-sender.ts';
import { Coalescer } from './coalesce.ts';
import { associationFigureIndex as figure, type PathCounters, totalIndex } from './counters.ts';
import type { DataPlane, PathEvent, TranslationSources } from './data-plane.ts';
import { PacketDescriptor } from './descriptor.ts';
import { EarlyQueue } from './early-queue.ts';
import { fiveTupleOf } from './five-tuple.ts';
import { type HeldPacket, HoldQueue } from './hold-queue.ts';
import { IcmpAnswers } from './icmp-answers.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { MemoryLayout } from './packet-memory.ts';
import { type DropReason, dropReasonIndex } from './reasons.ts';
import { Sealing } from './sealing.ts';
import { SendQueue } from './send-queue.ts';
import { WriteQueue } from './write-queue.ts';

export interface PathOptions {
  readonly memory: PacketMemory;
  readonly layout: MemoryLayout;
  readonly kernel: PacketKernel;
  readonly backend: AeadBackend;
  readonly counters: PathCounters;
  /** Does the adapter take TCP super-packets? */
  readonly superPackets: boolean;
  /** A random number that outsiders do not know. */
  readonly hashSeed: number;
  /** Which underlay (and send queue) leads to a remote. */
  underlayFor(remote: Endpoint): number;
  emit(event: PathEvent): void;
  /** An IKE message without marker; it must be copied. `entry` is the index in the datagram batch. */
  deliverIke(offset: number, length: number, batch: DatagramBatch, entry: number): void;
  /** Does a source outside the peer table send IKE without the non-ESP marker? */
  isPlainIke(batch: DatagramBatch, entry: number): boolean;
  /** A whole packet for a BYPASS link; false: none took it. */
  sendBypass(offset: number, length: number): boolean;
  /** Sends, or writes, what a full queue holds and resets it, as far as the system takes it now. */
  flushSends(underlay: number): void;
  flushWrites(): void;
  readonly flowCapacity?: number;
}

/** Told about every packet while somebody looks: `verdict` is the action, or the reason of a drop. */
export type VerdictObserver = (
  direction: 'outbound' | 'inbound',
  view: PacketView,
  verdict: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason,
  rowId: string | undefined,
) => void;

export class PacketPath implements DataPlane {
  /** Filled by `outbound`; one for each underlay. Reset them once sent. */
  readonly sends: readonly SendQueue[];
  /** Filled by all three entries; call `finishWrites` before writing, reset it once written. */
  readonly writes: WriteQueue;
  /** Set while verdict samples are wanted. */
  observer: VerdictObserver | undefined;
  readonly #options: PathOptions;
  readonly #memory: PacketMemory;
  readonly #filter: PacketFilter;
  readonly #store: AssociationStore;
  readonly #holds = new HoldQueue();
  readonly #early = new EarlyQueue();
  readonly #sealing: Sealing;
  readonly #bypass: BypassSender;
  readonly #coalescer: Coalescer;
  readonly #answers: IcmpAnswers;
  readonly #view = new PacketView();
  readonly #verdict = new Verdict();
  readonly #packet = new PacketDescriptor();
  readonly #opened = new OpenedPacket();
  readonly #peerUnderlay = new Uint8Array(noPeer).fill(0xff);
  readonly #releasable = new Set<AssociationId>();
  #table: PolicyTable | undefined;
  #tunnelMtu = 1280;
  #now = 0;

  constructor(options: PathOptions) {
    this.#options = options;
    const { memory, layout, kernel, counters, backend } = options;
    this.#memory = memory;
    this.sends = layout.sends.map((region) => new SendQueue(region));
    this.writes = new WriteQueue(layout.adapterWrite);
    this.#filter = new PacketFilter({
      memory,
      checksum: kernel,
      counters: new RowCounters(counters.rowBuffer),
      hashSeed: options.hashSeed,
      ...(options.flowCapacity === undefined ? {} : { flowCapacity: options.flowCapacity }),
    });
    const emit = (event: PathEvent): void => options.emit(event);
    this.#store = new AssociationStore({ memory, backend, figures: counters.associations, emit });
    this.#sealing = new Sealing({
      memory,
      kernel,
      nonce: layout.nonce,
      store: this.#store,
      totals: counters.totals,
      makeRoom: (queue) => options.flushSends(this.sends.indexOf(queue)),
      drop: (reason) => this.#drop(reason),
    });
    this.#bypass = new BypassSender(options, (reason) => this.#drop(reason));
    this.#coalescer = new Coalescer(memory, kernel, this.writes);
    this.#answers = new IcmpAnswers(memory, kernel, this.writes, counters.totals);
  }

  /** Packets that the adapter read. The batch's slots may be reused when this returns. */
  outbound(batch: PacketBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#releasePending();
    const packet = this.#packet;
    this.#options.counters.totals[totalIndex.adapterReads]! += batch.count;
    for (let index = 0; index < batch.count; index++) {
      packet.fill(batch, index);
      this.#outboundPacket(packet, true);
    }
  }

  /** Datagrams of one underlay. Its slots may be reused only when the write queue was written. */
  inbound(batch: DatagramBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    for (let entry = 0; entry < batch.count; entry++) {
      const length = batch.length[entry]!;
      const size = batch.segmentSize[entry]! || length;
      const end = batch.offset[entry]! + length;
      if (length === 0) this.#drop('bad-length');
      for (let offset = batch.offset[entry]!; offset < end; offset += size) {
        this.#datagram(batch, entry, offset, Math.min(size, end - offset));
      }
    }
  }

  /** Packets that a BYPASS link took from the wire. Its slots may be reused only when the write queue was written. */
  inboundClear(batch: PacketBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    for (let index = 0; index < batch.count; index++) {
      this.#packet.fill(batch, index);
      this.#clearPacket(this.#packet);
    }
  }

  // --- outbound -----------------------------------------------------------------------------------------------------

  /** `isNew`: false for a packet that waited and was counted and told about before. */
  #outboundPacket(packet: PacketDescriptor, isNew: boolean): void {
    const view = this.#view;
    const verdict = this.#verdict;
    // 1
    if (!parsePacket(this.#memory, packet.offset, packet.length, view)) {
      this.#drop('malformed');
      return;
    }
    // 2
    this.#filter.decideOutbound(view, this.#now, verdict, isNew);
    if (isNew && this.observer !== undefined) this.#observe('outbound', verdict.reason ?? verdict.action);
    if (verdict.reason !== undefined) {
      this.#drop(verdict.reason);
      return;
    }
    if (verdict.action === 'BYPASS') {
      this.#filter.translate(view, verdict, packet.checksum);
      this.#bypass.send(view, packet);
      return;
    }
    // 3
    const { association } = verdict;
    const sa = this.#store.findOutbound(association);
    if (sa === undefined || (isNew && this.#holds.holds(association))) {
      this.#hold(association, packet, sa === undefined);
      return;
    }
    const underlay = this.#peerUnderlay[sa.peer]!;
    const queue = this.sends[underlay];
    if (queue === undefined) {
      this.#drop('send-failed');
      return;
    }
    // 4
    if (this.#isTooBig(view, packet)) {
      this.#answers.answer(view, 'too-big', this.#tunnelMtu, this.#now);
      this.#drop('too-big');
      return;
    }
    this.#filter.translate(view, verdict, packet.checksum);
    if (sa.selectors.checkOutbound(view) === 'outside') {
      this.#drop('selector-mismatch');
      return;
    }
    // 5
    this.#sealing.seal(view, packet, sa, queue, this.#tunnelMtu, this.#now);
  }

  /** May it neither be segmented nor fragmented down to the tunnel's MTU? */
  #isTooBig(view: PacketView, packet: PacketDescriptor): boolean {
    if (packet.segmentType === segmentation.none) return view.length > this.#tunnelMtu && view.dontFragment;
    if (packet.segmentType !== segmentation.udp) return false;
    return view.headerLength + 8 + packet.segmentSize > this.#tunnelMtu;
  }

  #hold(association: AssociationId, packet: PacketDescriptor, needsAgreement: boolean): void {
    const answer = this.#holds.ask(association, packet.length, this.#now);
    if (answer === 'full') {
      this.#drop('hold-queue-full');
      return;
    }
    if (answer === 'backing-off') {
      this.#answers.answer(this.#view, 'no-route', 0, this.#now);
      this.#drop('agreement-failed');
      return;
    }
    const asks = needsAgreement && answer === 'first';
    this.#holds.add(association, asks, {
      bytes: this.#memory.bytes.slice(packet.offset, packet.offset + packet.length),
      segmentType: packet.segmentType,
      segmentSize: packet.segmentSize,
      checksum: packet.checksum,
      checksumStart: packet.checksumStart,
      checksumOffset: packet.checksumOffset,
    });
    this.#options.counters.totals[totalIndex.heldPackets] = this.#holds.count;
    if (asks) {
      this.#options.emit({
        type: 'agreement-needed',
        association,
        packet: fiveTupleOf(this.#memory, this.#view),
      });
    }
  }

  /** Lets go what waited for an SA that is there now, as far as there is room to send it. */
  #releasePending(): void {
    if (this.#releasable.size === 0) return;
    for (const association of this.#releasable) {
      const sa = this.#store.findOutbound(association);
      if (sa === undefined || this.#release(association, this.sends[this.#peerUnderlay[sa.peer]!])) {
        this.#releasable.delete(association);
      }
    }
    this.#options.counters.totals[totalIndex.heldPackets] = this.#holds.count;
  }

  /** False: the send queue has no room for the next one. */
  #release(association: AssociationId, queue: SendQueue | undefined): boolean {
    while (this.#holds.holds(association)) {
      if (queue !== undefined && queue.place(2 * 65_536) < 0) return false;
      const held = this.#holds.take(association);
      if (held === undefined) break;
      this.#restore(held);
      this.#outboundPacket(this.#packet, false);
      // Its SA ended meanwhile: it waits again, and what is behind it stays there.
      if (this.#store.findOutbound(association) === undefined) break;
    }
    return true;
  }

  /** A held packet goes back into the packet memory. */
  #restore(held: HeldPacket): void {
    const packet = this.#packet;
    packet.offset = this.#options.layout.scratch.start + packetHeadroom;
    packet.length = held.bytes.length;
    packet.segmentType = held.segmentType;
    packet.segmentSize = held.segmentSize;
    packet.checksum = held.checksum;
    packet.checksumStart = held.checksumStart;
    packet.checksumOffset = held.checksumOffset;
    this.#memory.bytes.set(held.bytes, packet.offset);
  }

  // --- inbound ------------------------------------------------------------------------------------------------------

  #datagram(batch: DatagramBatch, entry: number, offset: number, length: number): void {
    const { totals } = this.#options.counters;
    totals[totalIndex.datagramsReceived]! += 1;
    // 1
    if (length === 1 && this.#memory.bytes[offset] === 0xff) {
      totals[totalIndex.keepalives]! += 1;
      return;
    }
    if (batch.peer[entry] === noPeer && this.#options.isPlainIke(batch, entry)) {
      totals[totalIndex.ikeDatagrams]! += 1;
      this.#options.deliverIke(offset, length, batch, entry);
      return;
    }
    if (length < 4) {
      this.#drop('bad-length');
      return;
    }
    const spi = this.#memory.view.getUint32(offset);
    if (spi === 0) {
      totals[totalIndex.ikeDatagrams]! += 1;
      this.#options.deliverIke(offset + 4, length - 4, batch, entry);
      return;
    }
    if (!hasEspLength(length)) {
      this.#drop('bad-length');
      return;
    }
    // 2
    const sa = this.#store.findInbound(spi);
    if (sa === undefined) this.#earlyPacket(spi, offset, length);
    else this.#espPacket(sa, offset, length);
  }

  #earlyPacket(spi: number, offset: number, length: number): void {
    if (!this.#early.isExpected(spi)) {
      this.#drop('unknown-spi');
      return;
    }
    const bytes = this.#memory.bytes.subarray(offset, offset + length);
    if (!this.#early.add(spi, bytes, this.#now)) this.#drop('early-queue-full');
  }

  #espPacket(sa: InboundAssociation, offset: number, length: number): void {
    const { figures, base } = sa.place;
    if (sa.ended) {
      this.#drop('sa-expired');
      return;
    }
    // 3
    const sequence = this.#memory.view.getUint32(offset + 4);
    if (!sa.window.accepts(sequence)) {
      figures[base + figure.replayed]! += 1;
      this.#drop('replayed');
      return;
    }
    // 4
    const opened = this.#opened;
    if (!openInPlace(this.#memory, this.#options.layout.nonce, sa, offset, length, opened)) {
      figures[base + figure.badIcv]! += 1;
      this.#drop('bad-icv');
      return;
    }
    sa.window.record(sequence);
    figures[base + figure.sequence] = sa.window.highest;
    figures[base + figure.lastUsed] = this.#now;
    this.#innerPacket(sa, opened);
    this.#store.checkInbound(sa, this.#now);
  }

  #innerPacket(sa: InboundAssociation, opened: OpenedPacket): void {
    const { totals } = this.#options.counters;
    const { figures, base } = sa.place;
    if (opened.nextHeader === espNextHeader.dummy) {
      totals[totalIndex.dummyPackets]! += 1;
      return;
    }
    const view = this.#view;
    const verdict = this.#verdict;
    const isParsed = parsePacket(this.#memory, opened.offset, opened.length, view);
    const nextHeader = view.family === 4 ? espNextHeader.ipv4 : espNextHeader.ipv6;
    if (!isParsed || opened.nextHeader !== nextHeader) {
      this.#drop('malformed');
      return;
    }
    figures[base + figure.packets]! += 1;
    figures[base + figure.bytes]! += view.length;
    // 5
    const reason = checkInner(this.#filter, view, sa.association, sa.selectors, this.#now, verdict);
    if (this.observer !== undefined) this.#observe('inbound', reason ?? verdict.action);
    if (reason !== undefined) {
      this.#drop(reason);
      return;
    }
    this.#filter.translate(view, verdict, checksumState.complete);
    if (!this.#hasWriteRoom()) return;
    totals[totalIndex.inboundPackets]! += 1;
    totals[totalIndex.inboundBytes]! += view.length;
    // 6
    if (this.#options.superPackets && view.protocol === protocolNumber.tcp && view.tcpHeaderLength > 0) {
      this.#coalescer.add(view);
    } else {
      this.writes.add(view.offset, view.length, checksumState.complete, 0, 0);
    }
  }

  #clearPacket(packet: PacketDescriptor): void {
    const view = this.#view;
    const verdict = this.#verdict;
    if (!parsePacket(this.#memory, packet.offset, packet.length, view)) {
      this.#drop('malformed');
      return;
    }
    // 5
    const reason = checkClear(this.#filter, view, this.#now, verdict);
    if (this.observer !== undefined) this.#observe('inbound', reason ?? verdict.action);
    if (reason !== undefined) {
      this.#drop(reason);
      return;
    }
    this.#filter.translate(view, verdict, packet.checksum);
    if (!this.#hasWriteRoom()) return;
    const { totals } = this.#options.counters;
    totals[totalIndex.bypassInboundPackets]! += 1;
    totals[totalIndex.bypassInboundBytes]! += view.length;
    const { checksum, checksumStart, checksumOffset } = packet;
    const index = this.writes.add(view.offset, view.length, checksum, checksumStart, checksumOffset);
    this.writes.batch.segmentType[index] = packet.segmentType;
    this.writes.batch.segmentSize[index] = packet.segmentSize;
  }

  #takeWriteSlot(): number {
    const slot = this.writes.takeSlot();
    if (slot >= 0) return slot;
    this.finishWrites();
    this.#options.flushWrites();
    return this.writes.takeSlot();
  }

  #hasWriteRoom(): boolean {
    if (!this.writes.isFull) return true;
    this.finishWrites();
    this.#options.flushWrites();
    if (!this.writes.isFull) return true;
    this.#drop('adapter-refused');
    return false;
  }

  // --- the caller's side --------------------------------------------------------------------------------------------

  /** Makes merged packets whole. Before every write of the queue. */
  finishWrites(): void {
    this.#coalescer.finish();
  }

  /** Whatever is due by time. To be called before anything else of a round; cheap while nothing is due. */
  tick(nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#store.tick(nowMilliseconds);
    const late = this.#early.expire(nowMilliseconds);
    if (late > 0) this.#drop('unknown-spi', late);
    this.#filter.expireFlows(nowMilliseconds, 16);
    this.#options.counters.totals[totalIndex.flows] = this.#filter.flowCount;
    this.#releasePending();
  }

  /** When `tick` has something to do; Infinity: never. */
  get nextDeadlineMilliseconds(): number {
    return Math.min(this.#store.nextDeadlineMilliseconds, this.#early.nextDeadlineMilliseconds);
  }

  /** Wipes every key. */
  close(): void {
    this.#store.close();
  }

  // --- DataPlane: steering; `tick` was called just before, with the time ----------------------------------------------

  setPolicy(table: PolicyTable): void {
    this.#table = table;
    this.#filter.setPolicy(table);
    const known = new Set(table.rows.map(({ association }) => association));
    known.add(table.defaultInside.association).add(table.defaultOutside.association);
    for (const association of this.#holds.associations()) {
      if (known.has(association)) continue;
      while (this.#holds.take(association) !== undefined) this.#drop('policy-discard');
      this.#holds.answered(association);
    }
  }

  setTranslation(sources: TranslationSources): void {
    this.#filter.setTranslation(sources);
  }

  setPeer(peer: number, remote: Endpoint): void {
    this.#peerUnderlay[peer] = this.#options.underlayFor(remote);
  }

  expectInbound(spi: number): void {
    this.#early.expect(spi);
  }

  cancelExpected(spi: number): void {
    const late = this.#early.take(spi).length;
    if (late > 0) this.#drop('unknown-spi', late);
  }

  installInbound(parameters: SecurityAssociationParameters): void {
    this.#store.installInbound(parameters, this.#now);
    const sa = this.#store.findInbound(parameters.spi);
    for (const bytes of this.#early.take(parameters.spi)) {
      const offset = this.#takeWriteSlot();
      if (offset < 0 || sa === undefined) {
        this.#drop('early-queue-full');
        continue;
      }
      this.#memory.bytes.set(bytes, offset);
      this.#espPacket(sa, offset, bytes.length);
    }
  }

  installOutbound(parameters: SecurityAssociationParameters): void {
    this.#store.installOutbound(parameters, this.#now);
    this.#holds.answered(parameters.association);
    this.#releasable.add(parameters.association);
    this.#releasePending();
  }

  removeInbound(spi: number, lingerSeconds: number): void {
    this.#store.removeInbound(spi, lingerSeconds, this.#now);
  }

  removeOutbound(association: AssociationId, spi: number): void {
    this.#store.removeOutbound(association, spi);
  }

  agreementFailed(association: AssociationId, retryAtMilliseconds: number): void {
    for (let held = this.#holds.take(association); held; held = this.#holds.take(association)) {
      this.#restore(held);
      const isParsed = parsePacket(this.#memory, this.#packet.offset, this.#packet.length, this.#view);
      if (isParsed) this.#answers.answer(this.#view, 'no-route', 0, this.#now);
      this.#drop('agreement-failed');
    }
    this.#holds.answered(association, retryAtMilliseconds);
    this.#options.counters.totals[totalIndex.heldPackets] = this.#holds.count;
  }

  setTunnelMtu(bytes: number): void {
    this.#tunnelMtu = bytes;
  }

  #drop(reason: DropReason, count = 1): void {
    this.#options.counters.drops[dropReasonIndex[reason]]! += count;
  }

  #observe(direction: 'outbound' | 'inbound', verdict: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason): void {
    const table = this.#table;
    const { row } = this.#verdict;
    const defaults = table === undefined ? [] : [table.defaultInside, table.defaultOutside];
    const rowId = table?.rows[row]?.id ?? defaults[row - (table?.rows.length ?? 0)]?.id;
    this.observer?.(direction, this.#view, verdict, rowId);
  }
}
