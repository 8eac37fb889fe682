// One packet's descriptor, taken out of a batch. One object is filled again and again.
import type { PacketBatch } from '../packet/batch.ts';

export class PacketDescriptor {
  offset = 0;
  length = 0;
  /** As in PacketBatch. */
  segmentType = 0;
  segmentSize = 0;
  checksum = 0;
  checksumStart = 0;
  checksumOffset = 0;

  fill(batch: PacketBatch, index: number): void {
    this.offset = batch.offset[index]!;
    this.length = batch.length[index]!;
    this.segmentType = batch.segmentType[index]!;
    this.segmentSize = batch.segmentSize[index]!;
    this.checksum = batch.checksum[index]!;
    this.checksumStart = batch.checksumStart[index]!;
    this.checksumOffset = batch.checksumOffset[index]!;
  }
}
