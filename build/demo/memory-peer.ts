// One end of the demo in memory: a whole engine (IKE and packet path) with arrays in place of adapter and network.
import { randomFillSync } from 'node:crypto';
import { nobleBackend } from '../../main/engine/esp/noble-backend.ts';
import type {
  ChildKeys,
  IkeConfiguration,
  IkeDetails,
  IkeEffect,
  IkeEvent,
} from '../../main/engine/ike/contract.ts';
import { createIkeEngine } from '../../main/engine/ike/engine.ts';
import { type Endpoint, parseAddress } from '../../main/engine/packet/address.ts';
import {
  createDatagramBatch,
  createPacketBatch,
  noPeer,
  packetHeadroom,
} from '../../main/engine/packet/batch.ts';
import { createPathCounters, type PathCounters } from '../../main/engine/path/counters.ts';
import { createPlainKernel } from '../../main/engine/path/packet-kernel.ts';
import { createPacketMemory, layOutMemory, smallSizes } from '../../main/engine/path/packet-memory.ts';
import { PacketPath } from '../../main/engine/path/path.ts';
import type { PolicyTable } from '../../main/engine/policy/table.ts';

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

export interface MemoryPeerOptions {
  readonly configuration: IkeConfiguration;
  readonly policy: PolicyTable;
  readonly secret: string;
  /** Gateway: what the other end gets. */
  readonly virtualAddress?: string;
  send(datagram: Datagram): void;
  deliver(packet: Uint8Array): void;
}

const ikePort = 500;
const peerIndex = 1;
const connection = 1;

export class MemoryPeer {
  readonly counters: PathCounters = createPathCounters();
  details: IkeDetails | undefined;
  readonly #options: MemoryPeerOptions;
  readonly #layout = layOutMemory({ ...smallSizes, underlays: 1 });
  readonly #memory = createPacketMemory(this.#layout, () => 0).memory;
  readonly #packets = createPacketBatch(1);
  readonly #datagrams = createDatagramBatch(1);
  readonly #path: PacketPath;
  readonly #ike = createIkeEngine({
    random: (bytes) => void randomFillSync(bytes),
    allocateSecret: (length) => new Uint8Array(length),
    freeSecret: (secret) => void secret.fill(0),
    allocateSpi: () => this.#nextSpi++,
  });
  #nextSpi = 0x1000_0000 + Math.floor(performance.now());
  #arriving: Datagram | undefined;
  /** Where the peer is by now, and where we are for it (NAT traversal moves both from 500 to 4500). */
  #local: Endpoint | undefined;
  #remote: Endpoint | undefined;

  constructor(options: MemoryPeerOptions) {
    this.#options = options;
    this.#path = new PacketPath({
      memory: this.#memory,
      layout: this.#layout,
      kernel: createPlainKernel(this.#memory),
      backend: nobleBackend,
      counters: this.counters,
      superPackets: false,
      hashSeed: 1,
      underlayFor: () => 0,
      emit: () => {},
      deliverIke: (offset, length) => this.#receiveIke(offset, length),
      isPlainIke: () => this.#arriving?.to.port === ikePort || this.#arriving?.from.port === ikePort,
      sendBypass: () => false,
      flushSends: () => this.#flushSends(),
      flushWrites: () => this.#flushWrites(),
    });
    this.#path.setTunnelMtu(1400);
    this.#path.setPolicy(options.policy);
    const { configuration } = options;
    if (configuration.role === 'responder') {
      this.#ike.setResponder({
        ikeProposals: configuration.ikeProposals,
        choose: () => ({ connection, configuration }),
      });
    }
  }

  connect(local: Endpoint, remote: Endpoint): void {
    this.#step({ type: 'connect', connection, configuration: this.#options.configuration, local, remote });
  }

  disconnect(): void {
    this.#step({ type: 'disconnect', connection, abrupt: false });
  }

  /** A packet that a program sends. */
  sendPacket(bytes: Uint8Array): void {
    const offset = this.#layout.adapterRead.start + packetHeadroom;
    this.#memory.bytes.set(bytes, offset);
    this.#packets.offset[0] = offset;
    this.#packets.length[0] = bytes.length;
    this.#packets.count = 1;
    this.#path.outbound(this.#packets, performance.now());
    this.#flushSends();
    this.#flushWrites();
  }

  /** A datagram that the network brings. */
  receive(datagram: Datagram): void {
    const offset = this.#layout.underlayRead.start + packetHeadroom;
    this.#arriving = datagram;
    this.#memory.bytes.set(datagram.bytes, offset);
    this.#datagrams.offset[0] = offset;
    this.#datagrams.length[0] = datagram.bytes.length;
    this.#datagrams.segmentSize[0] = 0;
    this.#datagrams.peer[0] = this.#remote?.port === datagram.from.port ? peerIndex : noPeer;
    this.#datagrams.count = 1;
    this.#path.inbound(this.#datagrams, performance.now());
    this.#flushSends();
    this.#flushWrites();
  }

  #receiveIke(offset: number, length: number): void {
    const { from, to } = this.#arriving!;
    this.#step({
      type: 'datagram',
      bytes: this.#memory.bytes.slice(offset, offset + length),
      local: to,
      remote: from,
    });
  }

  #step(event: IkeEvent): void {
    for (const effect of this.#ike.step(event, performance.now())) this.#carryOut(effect);
  }

  #carryOut(effect: IkeEffect): void {
    switch (effect.type) {
      case 'send': {
        const bytes = effect.marker ? Buffer.concat([Buffer.alloc(4), effect.bytes]) : effect.bytes;
        this.#options.send({ bytes, from: effect.local, to: effect.remote });
        return;
      }
      case 'get-psk':
        this.#step({ type: 'psk', request: effect.request, secret: Buffer.from(this.#options.secret) });
        return;
      case 'assign-addresses': {
        const address4 = parseAddress(this.#options.virtualAddress ?? '');
        const { request } = effect;
        this.#step({
          type: 'addresses-assigned',
          request,
          dns: [],
          ...(address4 === undefined ? {} : { address4 }),
        });
        return;
      }
      case 'established':
        this.details = effect.details;
        this.#local = effect.details.local;
        this.#remote = effect.details.remote;
        this.#path.setPeer(peerIndex, this.#remote);
        return;
      case 'expect-inbound':
        this.#path.expectInbound(effect.spi);
        return;
      case 'cancel-expected':
        this.#path.cancelExpected(effect.spi);
        return;
      case 'install-child':
        this.#install(effect.child, effect.direction);
        return;
      case 'remove-child':
        this.#path.removeInbound(effect.inboundSpi, 0);
        this.#path.removeOutbound(effect.association, effect.outboundSpi);
        return;
      case 'closed':
        this.details = undefined;
        if (effect.reason.code !== 'requested' && effect.reason.code !== 'deleted-by-peer') {
          throw new Error(`the connection ended: ${effect.reason.code}`);
        }
        return;
      case 'child-failed':
        throw new Error(`no SA: ${effect.reason.code}`);
      default:
        return;
    }
  }

  #install(child: ChildKeys, direction: 'inbound' | 'outbound' | 'both'): void {
    const common = {
      association: child.association,
      algorithm: child.proposal.encryption,
      lifetime: {},
      replayWindow: 1024,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
      peer: peerIndex,
      encapsulation: child.encapsulation,
    };
    if (direction !== 'outbound') this.#path.installInbound({ ...common, ...child.inbound });
    if (direction !== 'inbound') this.#path.installOutbound({ ...common, ...child.outbound });
    child.inbound.keyMaterial.fill(0);
    child.outbound.keyMaterial.fill(0);
  }

  #flushSends(): void {
    const queue = this.#path.sends[0]!;
    const { batch } = queue;
    for (let entry = 0; entry < batch.count; entry++) {
      const end = batch.offset[entry]! + batch.length[entry]!;
      const size = batch.segmentSize[entry]! || batch.length[entry]!;
      for (let offset = batch.offset[entry]!; offset < end; offset += size) {
        const bytes = this.#memory.bytes.slice(offset, Math.min(offset + size, end));
        this.#options.send({ bytes, from: this.#local!, to: this.#remote! });
      }
    }
    queue.reset();
  }

  #flushWrites(): void {
    this.#path.finishWrites();
    const { batch } = this.#path.writes;
    const packets = Array.from({ length: batch.count }, (_, index) =>
      this.#memory.bytes.slice(batch.offset[index]!, batch.offset[index]! + batch.length[index]!),
    );
    this.#path.writes.reset();
    for (const packet of packets) this.#options.deliver(packet);
  }
}
