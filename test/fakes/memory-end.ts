// One end of a tunnel in memory: a packet path whose adapter and underlay are arrays. Nothing happens by itself.

import type { AeadBackend } from '../../main/engine/esp/aead-backend.ts';
import { nobleBackend } from '../../main/engine/esp/noble-backend.ts';
import { type Endpoint, parseAddress } from '../../main/engine/packet/address.ts';
import {
  createDatagramBatch,
  createPacketBatch,
  type DatagramBatch,
  noPeer,
  type PacketMemory,
  packetHeadroom,
} from '../../main/engine/packet/batch.ts';
import {
  createPathCounters,
  type PathCounters,
  type Total,
  totalIndex,
} from '../../main/engine/path/counters.ts';
import type { PathEvent } from '../../main/engine/path/data-plane.ts';
import { createPlainKernel, type PacketKernel } from '../../main/engine/path/packet-kernel.ts';
import {
  createPacketMemory,
  layOutMemory,
  type MemoryLayout,
  smallSizes,
} from '../../main/engine/path/packet-memory.ts';
import { PacketPath } from '../../main/engine/path/path.ts';
import { type DropReason, dropReasonIndex, dropReasons } from '../../main/engine/path/reasons.ts';
import type { Encapsulation } from '../../main/engine/sa/parameters.ts';

/** A packet for or from the adapter, with what the descriptor says beside offset and length. */
export interface AdapterPacket {
  readonly bytes: Uint8Array;
  readonly segmentType?: number;
  readonly segmentSize?: number;
  readonly checksum?: number;
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
}

/** A run of datagrams as it leaves. */
export interface SentRun {
  readonly encapsulation: Encapsulation;
  readonly peer: number;
  readonly segmentSize: number;
  readonly bytes: Uint8Array;
}

export interface MemoryEndOptions {
  readonly backend?: AeadBackend;
  readonly superPackets?: boolean;
  readonly kernel?: (memory: PacketMemory) => PacketKernel;
  readonly sendBytes?: number;
}

const underlays: readonly Encapsulation[] = ['udp', 'native'];

export const testPeer = 7;
export const testRemote: Endpoint = { address: parseAddress('192.0.2.9')!, port: 4500 };

export class MemoryEnd {
  readonly memory: PacketMemory;
  readonly layout: MemoryLayout;
  readonly counters: PathCounters;
  readonly path: PacketPath;
  readonly events: PathEvent[] = [];
  readonly ike: Uint8Array[] = [];
  readonly bypassed: Uint8Array[] = [];
  /** What the adapter was given, taken out by `takeWritten`. */
  readonly written: AdapterPacket[] = [];
  readonly sent: SentRun[] = [];
  /** Set to false to make the link, the underlay or the adapter refuse. */
  hasBypassLink = true;
  sends = true;
  writes = true;
  now = 1000;

  constructor(options: MemoryEndOptions = {}) {
    this.layout = layOutMemory({
      ...smallSizes,
      underlays: underlays.length,
      sendBytes: options.sendBytes ?? smallSizes.sendBytes,
    });
    this.memory = createPacketMemory(this.layout, () => 0).memory;
    this.counters = createPathCounters();
    this.path = new PacketPath({
      memory: this.memory,
      layout: this.layout,
      kernel: (options.kernel ?? createPlainKernel)(this.memory),
      backend: options.backend ?? nobleBackend,
      counters: this.counters,
      superPackets: options.superPackets ?? true,
      hashSeed: 1,
      flowCapacity: 4096,
      underlayFor: (_, encapsulation) => underlays.indexOf(encapsulation),
      emit: (event) => this.events.push(event),
      deliverIke: (offset, length) => this.ike.push(this.memory.bytes.slice(offset, offset + length)),
      isPlainIke: () => false,
      sendBypass: (offset, length) => {
        if (this.hasBypassLink) this.bypassed.push(this.memory.bytes.slice(offset, offset + length));
        return this.hasBypassLink;
      },
      flushSends: () => this.#flushSends(),
      flushWrites: () => this.#flushWrites(),
    });
    this.path.setPeer(testPeer, testRemote);
    this.path.setTunnelMtu(1400);
  }

  /** Puts packets into the adapter's slots, as one batch, and lets the path run. */
  outbound(...packets: readonly (AdapterPacket | Uint8Array)[]): void {
    this.path.tick(this.now);
    this.path.outbound(this.#batchOf(packets, this.layout.adapterRead), this.now);
    this.#flush();
  }

  /** The same for what a bypass link took from the wire. */
  inboundClear(...packets: readonly (AdapterPacket | Uint8Array)[]): void {
    this.path.tick(this.now);
    this.path.inboundClear(this.#batchOf(packets, this.layout.underlayRead), this.now);
    this.#flush();
  }

  /** Datagrams from the underlay of UDP; `segmentSize` makes each of them a run. */
  inbound(datagrams: readonly Uint8Array[], segmentSize = 0, peer = testPeer): void {
    this.#inbound(datagrams, segmentSize, peer, (batch) => this.path.inbound(batch, this.now));
  }

  /** Packets from the underlay without UDP. */
  inboundNative(packets: readonly Uint8Array[]): void {
    this.#inbound(packets, 0, noPeer, (batch) => this.path.inboundNative(batch, this.now));
  }

  #inbound(
    datagrams: readonly Uint8Array[],
    segmentSize: number,
    peer: number,
    carry: (batch: DatagramBatch) => void,
  ): void {
    this.path.tick(this.now);
    const { underlayRead } = this.layout;
    for (let first = 0; first < datagrams.length; first += underlayRead.slotCount) {
      const batch = createDatagramBatch(underlayRead.slotCount);
      for (const bytes of datagrams.slice(first, first + underlayRead.slotCount)) {
        const offset = underlayRead.start + batch.count * underlayRead.slotSize + packetHeadroom;
        this.memory.bytes.set(bytes, offset);
        batch.offset[batch.count] = offset;
        batch.length[batch.count] = bytes.length;
        batch.segmentSize[batch.count] = bytes.length > segmentSize ? segmentSize : 0;
        batch.peer[batch.count] = peer === testPeer ? testPeer : noPeer;
        batch.count += 1;
      }
      carry(batch);
      this.#flush();
    }
  }

  /** Steers the path at the present time and sends what that let go. */
  steer(change: (path: PacketPath) => void): void {
    this.path.tick(this.now);
    change(this.path);
    this.#flush();
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    this.path.tick(this.now);
    this.#flush();
  }

  /** Datagrams that left since the last call, runs taken apart. */
  takeSent(): Uint8Array[] {
    return this.sent.splice(0).flatMap(({ bytes, segmentSize }) => {
      const size = segmentSize || bytes.length;
      return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.slice(index * size, (index + 1) * size),
      );
    });
  }

  takeWritten(): AdapterPacket[] {
    return this.written.splice(0);
  }

  drops(reason: DropReason): number {
    return this.counters.drops[dropReasonIndex[reason]]!;
  }

  /** Reasons that were counted, with their counts. */
  allDrops(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(
      dropReasons.map((reason) => [reason, this.drops(reason)] as const).filter(([, count]) => count > 0),
    );
  }

  total(name: Total): number {
    return this.counters.totals[totalIndex[name]]!;
  }

  #batchOf(packets: readonly (AdapterPacket | Uint8Array)[], region: MemoryLayout['adapterRead']) {
    const batch = createPacketBatch(region.slotCount);
    for (const given of packets) {
      const packet = given instanceof Uint8Array ? { bytes: given } : given;
      const index = batch.count++;
      const offset = region.start + index * region.slotSize + packetHeadroom;
      this.memory.bytes.set(packet.bytes, offset);
      batch.offset[index] = offset;
      batch.length[index] = packet.bytes.length;
      batch.segmentType[index] = packet.segmentType ?? 0;
      batch.segmentSize[index] = packet.segmentSize ?? 0;
      batch.checksum[index] = packet.checksum ?? 0;
      batch.checksumStart[index] = packet.checksumStart ?? 0;
      batch.checksumOffset[index] = packet.checksumOffset ?? 0;
    }
    return batch;
  }

  #flush(): void {
    this.#flushSends();
    this.#flushWrites();
  }

  #flushSends(): void {
    if (!this.sends) return;
    for (const [underlay, queue] of this.path.sends.entries()) {
      const { batch } = queue;
      for (let index = 0; index < batch.count; index++) {
        const start = batch.offset[index]!;
        this.sent.push({
          encapsulation: underlays[underlay]!,
          peer: batch.peer[index]!,
          segmentSize: batch.segmentSize[index]!,
          bytes: this.memory.bytes.slice(start, start + batch.length[index]!),
        });
      }
      queue.reset();
    }
  }

  #flushWrites(): void {
    if (!this.writes) return;
    this.path.finishWrites();
    const { batch } = this.path.writes;
    for (let index = 0; index < batch.count; index++) {
      const start = batch.offset[index]!;
      this.written.push({
        bytes: this.memory.bytes.slice(start, start + batch.length[index]!),
        segmentType: batch.segmentType[index]!,
        segmentSize: batch.segmentSize[index]!,
        checksum: batch.checksum[index]!,
        checksumStart: batch.checksumStart[index]!,
        checksumOffset: batch.checksumOffset[index]!,
      });
    }
    this.path.writes.reset();
  }
}
