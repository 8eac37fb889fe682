// Inbound: what the underlay and the bypass links receive, from their slots into the write queue. The numbers are those
// of path.ts.
import { espNextHeader } from '../esp/format.ts';
import { hasEspLength, OpenedPacket, openInPlace } from '../esp/open.ts';
import { checkClear, checkInner } from '../inbound/check.ts';
import { checksumState, type DatagramBatch, noPeer, type PacketBatch } from '../packet/batch.ts';
import { protocolNumber } from '../packet/protocol.ts';
import { PacketView, parsePacket } from '../packet/view.ts';
import { Verdict } from '../policy/verdict.ts';
import type { InboundAssociation } from '../sa/association.ts';
import { Coalescer } from './coalesce.ts';
import { associationFigureIndex as figure, totalIndex } from './counters.ts';
import { PacketDescriptor } from './descriptor.ts';
import { EarlyQueue } from './early-queue.ts';
import type { PathParts } from './parts.ts';

export class InboundPath {
  readonly #parts: PathParts;
  readonly #early = new EarlyQueue();
  readonly #coalescer: Coalescer;
  readonly #view = new PacketView();
  readonly #verdict = new Verdict();
  readonly #packet = new PacketDescriptor();
  readonly #opened = new OpenedPacket();
  #now = 0;

  constructor(parts: PathParts) {
    this.#parts = parts;
    this.#coalescer = new Coalescer(parts.options.memory, parts.options.kernel, parts.writes);
  }

  /** A batch from an underlay of UDP. */
  carry(batch: DatagramBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    for (let entry = 0; entry < batch.count; entry++) {
      const length = batch.length[entry]!;
      const size = batch.segmentSize[entry]! || length;
      const end = batch.offset[entry]! + length;
      if (length === 0) this.#parts.drop('bad-length');
      for (let offset = batch.offset[entry]!; offset < end; offset += size) {
        this.#datagram(batch, entry, offset, Math.min(size, end - offset));
      }
    }
  }

  /** A batch from an underlay without UDP: whole ESP packets. */
  carryNative(batch: DatagramBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    this.#parts.options.counters.totals[totalIndex.datagramsReceived]! += batch.count;
    for (let entry = 0; entry < batch.count; entry++) this.#esp(batch.offset[entry]!, batch.length[entry]!);
  }

  /** A batch from a BYPASS link. */
  carryClear(batch: PacketBatch, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    for (let index = 0; index < batch.count; index++) {
      this.#packet.fill(batch, index);
      this.#clearPacket(this.#packet);
    }
  }

  /** Makes merged packets whole. Before every write of the queue. */
  finishWrites(): void {
    this.#coalescer.finish();
  }

  expect(spi: number): void {
    this.#early.expect(spi);
  }

  cancelExpected(spi: number): void {
    const late = this.#early.take(spi).length;
    if (late > 0) this.#parts.drop('unknown-spi', late);
  }

  /** Drops what waited too long for its SA. */
  expireEarly(nowMilliseconds: number): void {
    const late = this.#early.expire(nowMilliseconds);
    if (late > 0) this.#parts.drop('unknown-spi', late);
  }

  get nextDeadlineMilliseconds(): number {
    return this.#early.nextDeadlineMilliseconds;
  }

  /** An inbound SA is there: what came early for it is opened. */
  installed(spi: number, nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    const sa = this.#parts.store.findInbound(spi);
    for (const bytes of this.#early.take(spi)) {
      const offset = this.#takeWriteSlot();
      if (offset < 0 || sa === undefined) {
        this.#parts.drop('early-queue-full');
        continue;
      }
      this.#memory.bytes.set(bytes, offset);
      this.#espPacket(sa, offset, bytes.length);
    }
  }

  #datagram(batch: DatagramBatch, entry: number, offset: number, length: number): void {
    const { totals } = this.#parts.options.counters;
    totals[totalIndex.datagramsReceived]! += 1;
    // 1
    if (length === 1 && this.#memory.bytes[offset] === 0xff) {
      totals[totalIndex.keepalives]! += 1;
      return;
    }
    if (batch.peer[entry] === noPeer && this.#parts.options.isPlainIke(batch, entry)) {
      totals[totalIndex.ikeDatagrams]! += 1;
      this.#parts.options.deliverIke(offset, length, batch, entry);
      return;
    }
    if (length < 4) {
      this.#parts.drop('bad-length');
      return;
    }
    if (this.#memory.view.getUint32(offset) === 0) {
      totals[totalIndex.ikeDatagrams]! += 1;
      this.#parts.options.deliverIke(offset + 4, length - 4, batch, entry);
      return;
    }
    this.#esp(offset, length);
  }

  /** In UDP or without: an SA takes what comes either way, whichever was agreed (RFC 7296 section 2.23). */
  #esp(offset: number, length: number): void {
    if (!hasEspLength(length)) {
      this.#parts.drop('bad-length');
      return;
    }
    // 2
    const spi = this.#memory.view.getUint32(offset);
    const sa = this.#parts.store.findInbound(spi);
    if (sa === undefined) this.#earlyPacket(spi, offset, length);
    else this.#espPacket(sa, offset, length);
  }

  #earlyPacket(spi: number, offset: number, length: number): void {
    if (!this.#early.isExpected(spi)) {
      this.#parts.drop('unknown-spi');
      return;
    }
    const bytes = this.#memory.bytes.subarray(offset, offset + length);
    if (!this.#early.add(spi, bytes, this.#now)) this.#parts.drop('early-queue-full');
  }

  #espPacket(sa: InboundAssociation, offset: number, length: number): void {
    const { figures, base } = sa.place;
    if (sa.ended) {
      this.#parts.drop('sa-expired');
      return;
    }
    // 3
    const sequence = this.#memory.view.getUint32(offset + 4);
    if (!sa.window.accepts(sequence)) {
      figures[base + figure.replayed]! += 1;
      this.#parts.drop('replayed');
      return;
    }
    // 4
    const opened = this.#opened;
    if (!openInPlace(this.#memory, this.#parts.options.layout.nonce, sa, offset, length, opened)) {
      figures[base + figure.badIcv]! += 1;
      this.#parts.drop('bad-icv');
      return;
    }
    sa.window.record(sequence);
    figures[base + figure.sequence] = sa.window.highest;
    figures[base + figure.lastUsed] = this.#now;
    this.#innerPacket(sa, opened);
    this.#parts.store.checkInbound(sa, this.#now);
  }

  #innerPacket(sa: InboundAssociation, opened: OpenedPacket): void {
    const { totals } = this.#parts.options.counters;
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
      this.#parts.drop('malformed');
      return;
    }
    figures[base + figure.packets]! += 1;
    figures[base + figure.bytes]! += view.length;
    // 5
    const reason = checkInner(this.#parts.filter, view, sa.association, sa.selectors, this.#now, verdict);
    if (this.#parts.isObserved()) {
      this.#parts.observe('inbound', view, verdict, reason ?? verdict.action);
    }
    if (reason !== undefined) {
      this.#parts.drop(reason);
      return;
    }
    this.#parts.filter.translate(view, verdict, checksumState.complete);
    if (!this.#hasWriteRoom()) return;
    totals[totalIndex.inboundPackets]! += 1;
    totals[totalIndex.inboundBytes]! += view.length;
    // 6
    if (
      this.#parts.options.superPackets &&
      view.protocol === protocolNumber.tcp &&
      view.tcpHeaderLength > 0
    ) {
      this.#coalescer.add(view);
    } else {
      this.#parts.writes.add(view.offset, view.length, checksumState.complete, 0, 0);
    }
  }

  #clearPacket(packet: PacketDescriptor): void {
    const view = this.#view;
    const verdict = this.#verdict;
    if (!parsePacket(this.#memory, packet.offset, packet.length, view)) {
      this.#parts.drop('malformed');
      return;
    }
    // 5
    const reason = checkClear(this.#parts.filter, view, this.#now, verdict);
    if (this.#parts.isObserved()) {
      this.#parts.observe('inbound', view, verdict, reason ?? verdict.action);
    }
    if (reason !== undefined) {
      this.#parts.drop(reason);
      return;
    }
    this.#parts.filter.translate(view, verdict, packet.checksum);
    if (!this.#hasWriteRoom()) return;
    const { totals } = this.#parts.options.counters;
    totals[totalIndex.bypassInboundPackets]! += 1;
    totals[totalIndex.bypassInboundBytes]! += view.length;
    const { checksum, checksumStart, checksumOffset } = packet;
    const index = this.#parts.writes.add(view.offset, view.length, checksum, checksumStart, checksumOffset);
    this.#parts.writes.batch.segmentType[index] = packet.segmentType;
    this.#parts.writes.batch.segmentSize[index] = packet.segmentSize;
  }

  #takeWriteSlot(): number {
    const slot = this.#parts.writes.takeSlot();
    if (slot >= 0) return slot;
    this.finishWrites();
    this.#parts.options.flushWrites();
    return this.#parts.writes.takeSlot();
  }

  #hasWriteRoom(): boolean {
    if (!this.#parts.writes.isFull) return true;
    this.finishWrites();
    this.#parts.options.flushWrites();
    if (!this.#parts.writes.isFull) return true;
    this.#parts.drop('adapter-refused');
    return false;
  }

  get #memory() {
    return this.#parts.options.memory;
  }
}
