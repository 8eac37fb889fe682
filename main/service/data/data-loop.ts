// The data thread's loop: waits for adapter, sockets, links and messages, and moves batches through the packet path.
// What a queue cannot get rid of stops the reading that would fill it further.
import { randomInt } from 'node:crypto';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { viewOfAddress } from '../../../native/libc-memory.ts';
import { createDatagramBatch, createPacketBatch, type DatagramBatch } from '../../engine/packet/batch.ts';
import { createPathCounters, type PathCounters, totalIndex } from '../../engine/path/counters.ts';
import { fiveTupleOf } from '../../engine/path/five-tuple.ts';
import { PacketPath } from '../../engine/path/path.ts';
import { dropReasonIndex } from '../../engine/path/reasons.ts';
import type { Adapter, OpenAdapter } from '../../host/adapter/contract.ts';
import { loadOpenAdapter } from '../../host/adapter/index.ts';
import { enterNetworkNamespace } from '../../host/network-namespace/index.ts';
import { interest, type ReadinessSet, type Waitable } from '../../host/readiness/contract.ts';
import { createReadinessSet, wakers } from '../../host/readiness/index.ts';
import type {
  BypassLink,
  BypassLinkOptions,
  OpenBypassLink,
  OpenUnderlay,
} from '../../host/underlay/contract.ts';
import { loadOpenBypassLink, loadOpenUnderlay } from '../../host/underlay/index.ts';
import { monotonicMilliseconds } from './clock.ts';
import type { DataThreadOptions, DataThreadStart, FromData, ToData } from './messages.ts';
import { opensslBackend } from './openssl-backend.ts';
import { createPacketResources, type PacketResources } from './packet-resources.ts';
import { nativeUnderlays, Underlays } from './underlays.ts';

/** An idle loop still looks around so often, so that the thread can be ended from outside. */
const longestWaitMilliseconds = 500;
const sampleIntervalMilliseconds = 100;

/** The platform's ways to open what the loop works on; loaded ahead, so that opening takes no time. */
export interface Openers {
  readonly openAdapter: OpenAdapter;
  readonly openUnderlay: OpenUnderlay;
  readonly openBypassLink: OpenBypassLink;
}

export async function loadOpeners(): Promise<Openers> {
  return {
    openAdapter: await loadOpenAdapter(),
    openUnderlay: await loadOpenUnderlay(),
    openBypassLink: await loadOpenBypassLink(),
  };
}

export class DataLoop {
  readonly #post: (message: FromData) => void;
  readonly #port: MessagePort;
  readonly #waker: Waitable;
  readonly #counters: PathCounters;
  readonly #resources: PacketResources;
  readonly #adapter: Adapter;
  readonly #underlays: Underlays;
  readonly #openBypassLink: OpenBypassLink;
  readonly #path: PacketPath;
  readonly #packets = createPacketBatch(64);
  readonly #datagrams = createDatagramBatch(64);
  /** First entry of each send queue, and of the write queue, that the system has not taken yet. */
  readonly #sendFrom: Uint32Array;
  #writeFrom = 0;
  #links: BypassLink[] = [];
  #linkOptions: readonly BypassLinkOptions[] = [];
  #sources: ReadinessSet | undefined;
  #adapterWaitable: Waitable = 0;
  #adapterHasWaiting = false;
  /** The underlay whose batch is in work. */
  #current = 0;
  #now = 0;
  #lastSample = 0;
  #refused = 0;
  #stopping = false;

  /** Opens everything and reports 'ready' with what it opened; throws the system's reason where it cannot. */
  static open(
    start: DataThreadStart,
    options: DataThreadOptions,
    openers: Openers,
    post: (message: FromData) => void,
  ): DataLoop {
    const { openAdapter, openUnderlay, openBypassLink } = openers;
    if (options.networkNamespace !== undefined) enterNetworkNamespace(options.networkNamespace);
    const resources = createPacketResources(options.underlays.length + nativeUnderlays);
    const underlays = new Underlays(options.underlays, options.adapter.name, openUnderlay, resources.memory);
    try {
      const adapter = openAdapter(options.adapter, resources.memory);
      return new DataLoop(start, options, post, { resources, underlays, adapter, openBypassLink });
    } catch (error) {
      underlays.close();
      throw error;
    }
  }

  private constructor(
    start: DataThreadStart,
    options: DataThreadOptions,
    post: (message: FromData) => void,
    opened: Opened,
  ) {
    this.#post = post;
    this.#port = start.port;
    this.#waker = start.waker;
    this.#counters = createPathCounters(start.counters, start.rowCounters);
    this.#resources = opened.resources;
    this.#underlays = opened.underlays;
    this.#adapter = opened.adapter;
    this.#openBypassLink = opened.openBypassLink;
    const { memory, layout, kernel } = this.#resources;
    this.#sendFrom = new Uint32Array(layout.sends.length);
    this.#path = new PacketPath({
      memory,
      layout,
      kernel,
      backend: opensslBackend,
      counters: this.#counters,
      superPackets: this.#adapter.superPackets,
      hashSeed: randomInt(2 ** 32),
      underlayFor: (remote, encapsulation) => this.#underlays.numberFor(remote, encapsulation),
      emit: (event) => post({ type: 'path-event', event }),
      deliverIke: (offset, length, batch, entry) => this.#deliverIke(offset, length, batch, entry),
      isPlainIke: (batch, entry) => {
        const { underlay } = this.#underlays.list[this.#current]!;
        return this.#underlays.ike.isPlainRemote(underlay.remoteAt(batch.remote[entry]!));
      },
      sendBypass: (offset, length) => this.#links.some((link) => link.send(offset, length)),
      flushSends: (index) => this.#flushSends(index),
      flushWrites: () => this.#flushWrites(),
    });
    this.#setBypassLinks(options.bypassLinks);
    post({
      type: 'ready',
      interfaceName: this.#adapter.name,
      interfaceIndex: this.#adapter.interfaceIndex,
      localPort4: this.#underlays.localPort(4),
      localPort6: this.#underlays.localPort(6),
      localPorts: this.#underlays.localPorts,
      superPackets: this.#adapter.superPackets,
      backend: `${opensslBackend.name}, ${kernel.name}`,
    });
  }

  /** Until a 'stop' message. Throws only where adapter or sockets are lost. */
  run(): void {
    try {
      while (!this.#stopping) this.#round();
    } finally {
      this.#path.close();
      this.#adapter.close();
      this.#underlays.close();
      for (const link of this.#links) link.close();
      this.#port.close();
    }
  }

  #round(): void {
    const sources = this.#wait();
    this.#now = monotonicMilliseconds();
    this.#path.tick(this.#now);
    if (sources.isReady(0) && wakers.lower(this.#waker)) this.#readMessages();
    this.#flushAll();
    // Sockets or links were replaced by a message: what is ready now was asked of the old ones.
    if (this.#sources !== sources) return;
    if (this.#mayReadAdapter() && (this.#adapterHasWaiting || sources.isReady(1))) {
      this.#adapter.read(this.#packets, this.#resources.layout.adapterRead);
      this.#path.outbound(this.#packets, this.#now);
      this.#flushAll();
    }
    const { length } = this.#underlays.list;
    for (let index = 0; index < length; index++) {
      if (this.#mayReadUnderlay() && sources.isReady(2 + index)) this.#readUnderlay(index);
    }
    for (let index = 0; index < this.#links.length; index++) {
      if (this.#mayReadUnderlay() && sources.isReady(2 + length + index)) this.#readLink(this.#links[index]!);
    }
  }

  #wait(): ReadinessSet {
    const sources = this.#currentSources();
    const { nothing, readable, writable } = interest;
    const readUnderlay = this.#mayReadUnderlay() ? readable : nothing;
    const mayReadAdapter = this.#mayReadAdapter();
    sources.setInterest(1, (mayReadAdapter ? readable : 0) | (this.#mayReadUnderlay() ? 0 : writable));
    const { length } = this.#underlays.list;
    for (let index = 0; index < length; index++) {
      const isWaiting = this.#path.sends[index]!.batch.count > 0;
      sources.setInterest(2 + index, readUnderlay | (isWaiting ? writable : 0));
    }
    for (let index = 0; index < this.#links.length; index++) {
      sources.setInterest(2 + length + index, readUnderlay);
    }
    this.#adapterHasWaiting = mayReadAdapter && this.#adapter.hasWaiting?.() === true;
    const untilDeadline = this.#path.nextDeadlineMilliseconds - monotonicMilliseconds();
    const longest = this.#adapterHasWaiting ? 0 : longestWaitMilliseconds;
    sources.wait(Math.ceil(Math.min(Math.max(untilDeadline, 0), longest)));
    return sources;
  }

  #currentSources(): ReadinessSet {
    const { waitable } = this.#adapter;
    if (this.#sources === undefined || this.#adapterWaitable !== waitable) {
      this.#adapterWaitable = waitable;
      this.#sources = createReadinessSet([
        this.#waker,
        waitable,
        ...this.#underlays.list.map(({ underlay }) => underlay.waitable),
        ...this.#links.map((link) => link.waitable),
      ]);
    }
    return this.#sources;
  }

  #mayReadAdapter(): boolean {
    return this.#path.sends.every(({ batch }) => batch.count === 0);
  }

  /** What was read lies in the slots until it is written. */
  #mayReadUnderlay(): boolean {
    return this.#path.writes.batch.count === 0;
  }

  #readUnderlay(index: number): void {
    const { underlay, plainIke, encapsulation } = this.#underlays.list[index]!;
    const batch = this.#datagrams;
    this.#current = index;
    underlay.receive(batch, this.#resources.layout.underlayRead);
    if (plainIke) this.#deliverPlain(batch);
    else if (encapsulation === 'native') this.#path.inboundNative(batch, this.#now);
    else this.#path.inbound(batch, this.#now);
    this.#flushAll();
  }

  #readLink(link: BypassLink): void {
    link.receive(this.#packets, this.#resources.layout.underlayRead);
    this.#path.inboundClear(this.#packets, this.#now);
    this.#flushAll();
  }

  #flushAll(): void {
    for (let index = 0; index < this.#underlays.list.length; index++) this.#flushSends(index);
    this.#flushWrites();
  }

  #flushSends(index: number): void {
    const queue = this.#path.sends[index];
    const opened = this.#underlays.list[index];
    if (queue === undefined || opened === undefined || queue.batch.count === 0) return;
    const { batch } = queue;
    const { totals } = this.#counters;
    this.#sendFrom[index]! += opened.underlay.send(batch, this.#sendFrom[index]!);
    if (this.#sendFrom[index]! < batch.count) return;
    totals[totalIndex.sendErrors] = this.#underlays.errors;
    totals[totalIndex.datagramsSent] = totals[totalIndex.outboundPackets]!;
    this.#sendFrom[index] = 0;
    queue.reset();
  }

  #flushWrites(): void {
    const { writes } = this.#path;
    const { batch } = writes;
    if (batch.count === 0) return;
    this.#path.finishWrites();
    const taken = this.#adapter.write(batch, this.#writeFrom);
    this.#counters.totals[totalIndex.adapterWrites]! += taken;
    this.#writeFrom += taken;
    if (this.#writeFrom < batch.count) return;
    const refused = this.#adapter.refused ?? 0;
    this.#counters.drops[dropReasonIndex['adapter-refused']]! += refused - this.#refused;
    this.#refused = refused;
    this.#writeFrom = 0;
    writes.reset();
  }

  #deliverPlain(batch: DatagramBatch): void {
    for (let entry = 0; entry < batch.count; entry++) {
      const size = batch.segmentSize[entry]! || batch.length[entry]!;
      const end = batch.offset[entry]! + batch.length[entry]!;
      for (let offset = batch.offset[entry]!; offset < end; offset += size) {
        this.#counters.totals[totalIndex.ikeDatagrams]! += 1;
        this.#deliverIke(offset, Math.min(size, end - offset), batch, entry);
      }
    }
  }

  #deliverIke(offset: number, length: number, batch: DatagramBatch, entry: number): void {
    if (!this.#underlays.ike.admits(this.#now)) {
      this.#counters.drops[dropReasonIndex['ike-flood']]! += 1;
      return;
    }
    const { underlay } = this.#underlays.list[this.#current]!;
    const remote = batch.remote[entry]!;
    this.#post({
      type: 'ike-datagram',
      bytes: this.#resources.memory.bytes.slice(offset, offset + length),
      remote: underlay.remoteAt(remote),
      local: underlay.localAt(remote),
    });
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #readMessages(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#apply(received.message as ToData);
    }
  }

  #apply(message: ToData): void {
    const path = this.#path;
    switch (message.type) {
      case 'set-policy':
        path.setPolicy(message.table);
        break;
      case 'set-translation':
        path.setTranslation(message.sources);
        break;
      case 'set-peer':
        this.#underlays.setPeer(message.peer, message.remote);
        path.setPeer(message.peer, message.remote);
        break;
      case 'expect-inbound':
        path.expectInbound(message.spi);
        break;
      case 'cancel-expected':
        path.cancelExpected(message.spi);
        break;
      case 'install-inbound':
      case 'install-outbound':
        this.#install(message);
        break;
      case 'remove-inbound':
        path.removeInbound(message.spi, message.lingerSeconds);
        break;
      case 'remove-outbound':
        path.removeOutbound(message.association, message.spi);
        break;
      case 'agreement-failed':
        path.agreementFailed(message.association, message.retryAtMilliseconds);
        break;
      case 'set-tunnel-mtu':
        path.setTunnelMtu(message.bytes);
        break;
      case 'set-bypass-links':
        this.#setBypassLinks(message.links);
        break;
      case 'send-ike':
        this.#underlays.ike.send(message.bytes, message.remote, message.local, message.marker);
        break;
      case 'send-keepalive':
        this.#underlays.ike.sendKeepalive(message.remote, message.local);
        break;
      case 'local-address':
        this.#answerLocalAddress(message);
        break;
      case 'sample-verdicts':
        path.observer = message.enabled ? this.#sampleVerdict : undefined;
        break;
      case 'stop':
        this.#stopping = true;
        break;
    }
  }

  #install(message: Extract<ToData, { type: 'install-inbound' | 'install-outbound' }>): void {
    const keyMaterial = viewOfAddress(message.keyAddress, message.keyLength);
    try {
      if (message.parameters.encapsulation === 'native') this.#openNative();
      const parameters = { ...message.parameters, keyMaterial };
      if (message.type === 'install-inbound') this.#path.installInbound(parameters);
      else this.#path.installOutbound(parameters);
    } catch (error) {
      this.#warn(`An SA could not be installed: ${describe(error)}`);
    } finally {
      keyMaterial.fill(0);
      this.#post({ type: 'secret-consumed', address: message.keyAddress });
    }
  }

  #openNative(): void {
    if (this.#underlays.hasNative) return;
    this.#underlays.openNative((family, error) =>
      this.#warn(`No ESP without UDP over IPv${family}: ${describe(error)}`),
    );
    for (const [peer, remote] of this.#underlays.peers) this.#path.setPeer(peer, remote);
    // The links leave ESP alone from now on.
    this.#setBypassLinks(this.#linkOptions);
  }

  #answerLocalAddress({ request, remote }: Extract<ToData, { type: 'local-address' }>): void {
    const opened = this.#underlays.ike.choose(remote, undefined);
    try {
      const local = opened?.underlay.localAddressTowards(remote);
      const port = opened?.underlay.localPort ?? 0;
      this.#post({
        type: 'local-address',
        request,
        local: local === undefined ? undefined : { address: local.address, port },
      });
    } catch {
      // No route: what the caller is told by undefined.
      this.#post({ type: 'local-address', request, local: undefined });
    }
  }

  #setBypassLinks(links: readonly BypassLinkOptions[]): void {
    for (const link of this.#links) link.close();
    this.#links = [];
    this.#linkOptions = links;
    const ownPorts = this.#underlays.localPorts;
    const excludesEsp = this.#underlays.hasNative;
    for (const options of links) {
      try {
        const excludedPorts = [...new Set([...options.excludedPorts, ...ownPorts])];
        const excluded = { excludedPorts, excludesEsp: excludesEsp || options.excludesEsp };
        this.#links.push(this.#openBypassLink({ ...options, ...excluded }, this.#resources.memory));
      } catch (error) {
        this.#warn(`No way around the tunnel on ${options.interfaceName}: ${describe(error)}`);
      }
    }
    this.#sources = undefined;
  }

  readonly #sampleVerdict: NonNullable<PacketPath['observer']> = (direction, view, verdict, rowId) => {
    if (this.#now - this.#lastSample < sampleIntervalMilliseconds) return;
    this.#lastSample = this.#now;
    const packet = fiveTupleOf(this.#resources.memory, view);
    this.#post({
      type: 'verdict-sample',
      sample: { direction, packet, verdict, rowId, length: view.length },
    });
  };

  #warn(message: string): void {
    this.#post({ type: 'warning', message });
  }
}

interface Opened {
  readonly resources: PacketResources;
  readonly underlays: Underlays;
  readonly adapter: Adapter;
  readonly openBypassLink: OpenBypassLink;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
