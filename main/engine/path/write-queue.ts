// Packets on their way to the adapter. Most stay where they were opened; super-packets and answers get slots of their own.
import { createPacketBatch, type PacketBatch, packetHeadroom, type SlotRegion } from '../packet/batch.ts';

const batchCapacity = 4096;

export class WriteQueue {
  /** For Adapter.write. */
  readonly batch: PacketBatch = createPacketBatch(batchCapacity);
  readonly #region: SlotRegion;
  #usedSlots = 0;

  constructor(region: SlotRegion) {
    this.#region = region;
  }

  get isFull(): boolean {
    return this.batch.count === this.batch.capacity;
  }

  /** First byte for a packet of up to 65,535 bytes, with the headroom ahead; -1: none left until the batch is written. */
  takeSlot(): number {
    if (this.#usedSlots === this.#region.slotCount) return -1;
    return this.#region.start + this.#usedSlots++ * this.#region.slotSize + packetHeadroom;
  }

  /** Appends a packet that is none of the super kind; returns its index. There must be room. */
  add(
    offset: number,
    length: number,
    checksum: number,
    checksumStart: number,
    checksumOffset: number,
  ): number {
    const { batch } = this;
    const index = batch.count++;
    batch.offset[index] = offset;
    batch.length[index] = length;
    batch.segmentType[index] = 0;
    batch.segmentSize[index] = 0;
    batch.checksum[index] = checksum;
    batch.checksumStart[index] = checksumStart;
    batch.checksumOffset[index] = checksumOffset;
    return index;
  }

  /** Everything was written, or given up. */
  reset(): void {
    this.batch.count = 0;
    this.#usedSlots = 0;
  }
}
