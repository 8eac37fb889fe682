// BYPASS, outbound: packets leave by the link as they are; super-packets are taken apart first, sums completed.
import { type PacketMemory, packetHeadroom, type SlotRegion, segmentation } from '../packet/batch.ts';
import type { PacketView } from '../packet/view.ts';
import { type PathCounters, totalIndex } from './counters.ts';
import type { PacketDescriptor } from './descriptor.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { DropReason } from './reasons.ts';
import { completeInPlace } from './sealing.ts';
import { Segmenter } from './segment.ts';

export interface BypassSenderOptions {
  readonly memory: PacketMemory;
  readonly kernel: PacketKernel;
  readonly counters: PathCounters;
  readonly layout: { readonly scratch: SlotRegion };
  sendBypass(offset: number, length: number): boolean;
}

export class BypassSender {
  readonly #options: BypassSenderOptions;
  readonly #drop: (reason: DropReason) => void;
  readonly #segmenter: Segmenter;

  constructor(options: BypassSenderOptions, drop: (reason: DropReason) => void) {
    this.#options = options;
    this.#drop = drop;
    this.#segmenter = new Segmenter(options.memory, options.kernel);
  }

  /** The packet was translated already. */
  send(view: PacketView, packet: PacketDescriptor): void {
    const { memory, kernel, layout } = this.#options;
    if (packet.segmentType === segmentation.none) {
      completeInPlace(memory, kernel, view, packet);
      this.#sendOne(view.offset, view.length);
      return;
    }
    const count = this.#segmenter.begin(view, packet.segmentType, packet.segmentSize, 65_535);
    if (count === 0) this.#drop('malformed');
    const target = layout.scratch.start + layout.scratch.slotSize + packetHeadroom;
    for (let index = 0; index < count; index++) {
      this.#sendOne(target, this.#segmenter.build(index, target));
    }
  }

  #sendOne(offset: number, length: number): void {
    const { counters, sendBypass } = this.#options;
    if (!sendBypass(offset, length)) {
      this.#drop('no-bypass-link');
      return;
    }
    counters.totals[totalIndex.bypassOutboundPackets]! += 1;
    counters.totals[totalIndex.bypassOutboundBytes]! += length;
  }
}
