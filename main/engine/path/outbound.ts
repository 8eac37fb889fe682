// Outbound: what the terminal sends, from the adapter's slots into the send queues. The numbers are those of path.ts.
import { type PacketBatch, packetHeadroom, segmentation } from '../packet/batch.ts';
import { PacketView, parsePacket } from '../packet/view.ts';
import { Verdict } from '../policy/verdict.ts';
import type { OutboundAssociation } from '../sa/association.ts';
import type { AssociationId, Encapsulation } from '../sa/parameters.ts';
import { BypassSender } from './bypass-sender.ts';
import { totalIndex } from './counters.ts';
import { PacketDescriptor } from './descriptor.ts';
import { fiveTupleOf } from './five-tuple.ts';
import { type HeldPacket, HoldQueue } from './hold-queue.ts';
import type { PathParts } from './parts.ts';
import { Sealing } from './sealing.ts';
import type { SendQueue } from './send-queue.ts';

const noUnderlay = 0xff;
const peerCapacity = 0xffff;

export class OutboundPath {
  /** Bytes of the largest inner packet. */
  tunnelMtu = 1280;
  readonly #parts: PathParts;
  readonly #holds = new HoldQueue();
  readonly #sealing: Sealing;
  readonly #bypass: BypassSender;
  readonly #view = new PacketView();
  readonly #verdict = new Verdict();
  readonly #packet = new PacketDescriptor();
  readonly #peerUnderlay: Readonly<Record<Encapsulation, Uint8Array>> = {
    udp: new Uint8Array(peerCapacity).fill(noUnderlay),
    native: new Uint8Array(peerCapacity).fill(noUnderlay),
  };
  readonly #releasable = new Set<AssociationId>();
  #now = 0;

  constructor(parts: PathParts) {
    this.#parts = parts;
    const { options, store, sends } = parts;
    const drop = parts.drop;
    this.#sealing = new Sealing({
      memory: options.memory,
      kernel: options.kernel,
      nonce: options.layout.nonce,
      store,
      totals: options.counters.totals,
      makeRoom: (queue) => options.flushSends(sends.indexOf(queue)),
      drop,
    });
    this.#bypass = new BypassSender(options, drop);
  }

  /** A batch from the adapter. */
  carry(batch: PacketBatch, nowMilliseconds: number): void {
    this.releasePending(nowMilliseconds);
    const packet = this.#packet;
    this.#parts.options.counters.totals[totalIndex.adapterReads]! += batch.count;
    for (let index = 0; index < batch.count; index++) {
      packet.fill(batch, index);
      this.#outboundPacket(packet, true);
    }
  }

  setPeerUnderlay(peer: number, encapsulation: Encapsulation, underlay: number): void {
    this.#peerUnderlay[encapsulation][peer] = underlay;
  }

  /** An outbound SA is there: what waited for it may leave. */
  agreed(association: AssociationId, nowMilliseconds: number): void {
    this.#holds.answered(association);
    this.#releasable.add(association);
    this.releasePending(nowMilliseconds);
  }

  /** What waited is answered with ICMP, and until the given time so is what comes after it. */
  agreementFailed(association: AssociationId, retryAtMilliseconds: number, nowMilliseconds: number): void {
    for (let held = this.#holds.take(association); held; held = this.#holds.take(association)) {
      this.#restore(held);
      const isParsed = parsePacket(this.#memory, this.#packet.offset, this.#packet.length, this.#view);
      if (isParsed) this.#parts.answers.answer(this.#view, 'no-route', 0, nowMilliseconds);
      this.#parts.drop('agreement-failed');
    }
    this.#holds.answered(association, retryAtMilliseconds);
    this.#countHeld();
  }

  /** Drops what waits for associations that are no longer in the filter. */
  keepOnly(associations: ReadonlySet<AssociationId>): void {
    for (const association of this.#holds.associations()) {
      if (associations.has(association)) continue;
      while (this.#holds.take(association) !== undefined) this.#parts.drop('policy-discard');
      this.#holds.answered(association);
    }
    this.#countHeld();
  }

  /** Lets go what waited for an SA that is there now, as far as there is room to send it. */
  releasePending(nowMilliseconds: number): void {
    this.#now = nowMilliseconds;
    if (this.#releasable.size === 0) return;
    for (const association of this.#releasable) {
      const sa = this.#parts.store.findOutbound(association);
      if (sa === undefined || this.#release(association, this.#queueOf(sa))) {
        this.#releasable.delete(association);
      }
    }
    this.#countHeld();
  }

  /** `isNew`: false for a packet that waited and was counted and told about before. */
  #outboundPacket(packet: PacketDescriptor, isNew: boolean): void {
    const view = this.#view;
    const verdict = this.#verdict;
    // 1
    if (!parsePacket(this.#memory, packet.offset, packet.length, view)) {
      this.#parts.drop('malformed');
      return;
    }
    // 2
    this.#parts.filter.decideOutbound(view, this.#now, verdict, isNew);
    if (isNew && this.#parts.isObserved()) {
      this.#parts.observe('outbound', view, verdict, verdict.reason ?? verdict.action);
    }
    if (verdict.reason !== undefined) {
      this.#parts.drop(verdict.reason);
      return;
    }
    if (verdict.action === 'BYPASS') {
      this.#parts.filter.translate(view, verdict, packet.checksum);
      this.#bypass.send(view, packet);
      return;
    }
    // 3
    const { association } = verdict;
    const sa = this.#parts.store.findOutbound(association);
    if (sa === undefined || (isNew && this.#holds.holds(association))) {
      this.#hold(association, packet, sa === undefined);
      return;
    }
    const queue = this.#queueOf(sa);
    if (queue === undefined) {
      this.#parts.drop('send-failed');
      return;
    }
    // 4
    if (this.#isTooBig(view, packet)) {
      this.#parts.answers.answer(view, 'too-big', this.tunnelMtu, this.#now);
      this.#parts.drop('too-big');
      return;
    }
    this.#parts.filter.translate(view, verdict, packet.checksum);
    if (sa.selectors.checkOutbound(view) === 'outside') {
      this.#parts.drop('selector-mismatch');
      return;
    }
    // 5
    this.#sealing.seal(view, packet, sa, queue, this.tunnelMtu, this.#now);
  }

  /** undefined: no underlay leads to the peer. */
  #queueOf(sa: OutboundAssociation): SendQueue | undefined {
    return this.#parts.sends[this.#peerUnderlay[sa.encapsulation][sa.peer]!];
  }

  /** May it neither be segmented nor fragmented down to the tunnel's MTU? */
  #isTooBig(view: PacketView, packet: PacketDescriptor): boolean {
    if (packet.segmentType === segmentation.none) return view.length > this.tunnelMtu && view.dontFragment;
    if (packet.segmentType !== segmentation.udp) return false;
    return view.headerLength + 8 + packet.segmentSize > this.tunnelMtu;
  }

  #hold(association: AssociationId, packet: PacketDescriptor, needsAgreement: boolean): void {
    const answer = this.#holds.ask(association, packet.length, this.#now);
    if (answer === 'full') {
      this.#parts.drop('hold-queue-full');
      return;
    }
    if (answer === 'backing-off') {
      this.#parts.answers.answer(this.#view, 'no-route', 0, this.#now);
      this.#parts.drop('agreement-failed');
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
    this.#countHeld();
    if (asks) {
      this.#parts.options.emit({
        type: 'agreement-needed',
        association,
        packet: fiveTupleOf(this.#memory, this.#view),
      });
    }
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
      if (this.#parts.store.findOutbound(association) === undefined) break;
    }
    return true;
  }

  /** A held packet goes back into the packet memory. */
  #restore(held: HeldPacket): void {
    const packet = this.#packet;
    packet.offset = this.#parts.options.layout.scratch.start + packetHeadroom;
    packet.length = held.bytes.length;
    packet.segmentType = held.segmentType;
    packet.segmentSize = held.segmentSize;
    packet.checksum = held.checksum;
    packet.checksumStart = held.checksumStart;
    packet.checksumOffset = held.checksumOffset;
    this.#memory.bytes.set(held.bytes, packet.offset);
  }

  #countHeld(): void {
    this.#parts.options.counters.totals[totalIndex.heldPackets] = this.#holds.count;
  }

  get #memory() {
    return this.#parts.options.memory;
  }
}
