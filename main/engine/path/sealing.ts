// Outbound 4 and 5: segmentation to the tunnel's MTU and sealing into the send queue.
import { espNextHeader, espPrefixLength, sealedLength } from '../esp/format.ts';
import { sealInPlace } from '../esp/seal.ts';
import { checksumState, type PacketMemory, segmentation } from '../packet/batch.ts';
import type { PacketView } from '../packet/view.ts';
import { lastSequence, type OutboundAssociation } from '../sa/association.ts';
import type { AssociationStore } from '../sa/store.ts';
import { associationFigureIndex as figure, totalIndex } from './counters.ts';
import type { PacketDescriptor } from './descriptor.ts';
import { Fragmenter } from './fragment.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { DropReason } from './reasons.ts';
import { Segmenter } from './segment.ts';
import type { SendQueue } from './send-queue.ts';

export interface SealingOptions {
  readonly memory: PacketMemory;
  readonly kernel: PacketKernel;
  readonly nonce: number;
  readonly store: AssociationStore;
  readonly totals: Float64Array;
  /** Sends what the queue holds, if the system takes it now. */
  readonly makeRoom: (queue: SendQueue) => void;
  readonly drop: (reason: DropReason) => void;
}

export class Sealing {
  readonly #options: SealingOptions;
  readonly #segmenter: Segmenter;
  readonly #fragmenter: Fragmenter;
  /** Where the inner packet that is being sealed goes; -1: it was dropped. */
  #target = -1;

  constructor(options: SealingOptions) {
    this.#options = options;
    this.#segmenter = new Segmenter(options.memory, options.kernel);
    this.#fragmenter = new Fragmenter(options.memory, options.kernel);
  }

  /** Seals the packet, or every segment or fragment of it. Packets that are too big were answered before. */
  seal(
    view: PacketView,
    packet: PacketDescriptor,
    sa: OutboundAssociation,
    queue: SendQueue,
    mtu: number,
    now: number,
  ): void {
    if (packet.segmentType !== segmentation.none) this.#sealSegments(view, packet, sa, queue, mtu, now);
    else if (view.length > mtu) this.#sealFragments(view, packet, sa, queue, mtu, now);
    else this.#sealWhole(view, packet, sa, queue, now);
  }

  #sealWhole(
    view: PacketView,
    packet: PacketDescriptor,
    sa: OutboundAssociation,
    queue: SendQueue,
    now: number,
  ): void {
    if (!this.#reserve(sa, queue, view.length)) return;
    copyComplete(this.#options.memory, this.#options.kernel, view, packet, this.#target);
    this.#finish(sa, queue, view.family, view.length, now);
  }

  #sealSegments(
    view: PacketView,
    packet: PacketDescriptor,
    sa: OutboundAssociation,
    queue: SendQueue,
    mtu: number,
    now: number,
  ): void {
    const segmenter = this.#segmenter;
    const count = segmenter.begin(view, packet.segmentType, packet.segmentSize, mtu);
    if (count === 0) this.#options.drop('malformed');
    const largest = segmenter.largestLength;
    for (let index = 0; index < count; index++) {
      if (!this.#reserve(sa, queue, largest)) return;
      const length = segmenter.build(index, this.#target);
      this.#finish(sa, queue, view.family, length, now);
    }
  }

  #sealFragments(
    view: PacketView,
    packet: PacketDescriptor,
    sa: OutboundAssociation,
    queue: SendQueue,
    mtu: number,
    now: number,
  ): void {
    completeInPlace(this.#options.memory, this.#options.kernel, view, packet);
    this.#fragmenter.begin(view, mtu);
    while (this.#reserve(sa, queue, mtu)) {
      const length = this.#fragmenter.build(this.#target);
      if (length === 0) return;
      this.#finish(sa, queue, view.family, length, now);
    }
  }

  /** Finds a sequence number and a place for one more inner packet; otherwise drops it, with its reason. */
  #reserve(sa: OutboundAssociation, queue: SendQueue, innerLength: number): boolean {
    const { store, drop, makeRoom } = this.#options;
    if (!sa.ended && sa.sequence >= lastSequence) {
      store.endBySequence(sa);
      drop('sequence-exhausted');
      return false;
    }
    if (sa.ended) {
      drop('sa-expired');
      return false;
    }
    const length = sealedLength(innerLength);
    let place = queue.place(length);
    if (place < 0) {
      makeRoom(queue);
      place = queue.place(length);
    }
    if (place < 0) {
      drop('send-failed');
      return false;
    }
    this.#target = place + espPrefixLength;
    return true;
  }

  #finish(sa: OutboundAssociation, queue: SendQueue, family: 4 | 6, innerLength: number, now: number): void {
    const { memory, nonce, totals, store } = this.#options;
    const nextHeader = family === 4 ? espNextHeader.ipv4 : espNextHeader.ipv6;
    const place = this.#target - espPrefixLength;
    queue.commit(sealInPlace(memory, nonce, sa, place, innerLength, nextHeader), sa.peer);
    const { figures, base } = sa.place;
    figures[base + figure.packets]! += 1;
    figures[base + figure.bytes]! += innerLength;
    figures[base + figure.sequence] = sa.sequence;
    figures[base + figure.lastUsed] = now;
    totals[totalIndex.outboundPackets]! += 1;
    totals[totalIndex.outboundBytes]! += innerLength;
    store.checkOutbound(sa, now);
  }
}

/** Copies the packet to `target`, where its transport checksum becomes complete. */
export function copyComplete(
  memory: PacketMemory,
  kernel: PacketKernel,
  view: PacketView,
  packet: PacketDescriptor,
  target: number,
): void {
  const start = packet.checksumStart;
  if (packet.checksum !== checksumState.needed || start + packet.checksumOffset + 2 > view.length) {
    kernel.copy(view.offset, target, view.length);
    return;
  }
  kernel.copy(view.offset, target, start);
  const sum = kernel.copyAndSum(view.offset + start, target + start, view.length - start);
  memory.view.setUint16(target + start + packet.checksumOffset, ~sum & 0xffff || 0xffff);
}

/** Completes the transport checksum where the packet lies. */
export function completeInPlace(
  memory: PacketMemory,
  kernel: PacketKernel,
  view: PacketView,
  packet: PacketDescriptor,
): void {
  const start = packet.checksumStart;
  if (packet.checksum !== checksumState.needed || start + packet.checksumOffset + 2 > view.length) return;
  const sum = kernel.sum(view.offset + start, view.length - start);
  memory.view.setUint16(view.offset + start + packet.checksumOffset, ~sum & 0xffff || 0xffff);
  packet.checksum = checksumState.complete;
}
