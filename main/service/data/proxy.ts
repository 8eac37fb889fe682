// The control thread's side of the data thread: steers the packet path by messages, reads its figures live.
import { EventEmitter } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Endpoint } from '../../engine/packet/address.ts';
import {
  type AssociationCounters,
  createPathCounters,
  type PathCounters,
  readAssociations,
  type Total,
  totals,
} from '../../engine/path/counters.ts';
import type { DataPlane, PathEvent, TranslationSources } from '../../engine/path/data-plane.ts';
import { type DropReason, dropReasons } from '../../engine/path/reasons.ts';
import { type RowHits, readRowCounters } from '../../engine/policy/counters.ts';
import type { PolicyTable } from '../../engine/policy/table.ts';
import type { AssociationId, SecurityAssociationParameters } from '../../engine/sa/parameters.ts';
import type { Waitable } from '../../host/readiness/contract.ts';
import { wakers } from '../../host/readiness/index.ts';
import type { BypassLinkOptions } from '../../host/underlay/contract.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { DataThreadOptions, DataThreadStart, FromData, ToData, VerdictSample } from './messages.ts';

/** What happens over there, in the order in which it happened. */
export interface DataThreadEvents {
  /** An IKE message without the non-ESP marker; `remote.port` is where it came from. */
  ike: [bytes: Uint8Array, remote: Endpoint, local: Endpoint];
  path: [event: PathEvent];
  verdict: [sample: VerdictSample];
  warning: [message: string];
  /** The adapter or a socket failed for good; the thread has ended. Not raised by `stop`. */
  failed: [error: Error];
}

/** What the thread opened. */
export interface DataThreadInformation {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  /** Port of the underlay that carries ESP in UDP and our own agreements; 0 where there is none of the family. */
  readonly localPort4: number;
  readonly localPort6: number;
  readonly localPorts: readonly number[];
  readonly superPackets: boolean;
  readonly backend: string;
}

/** Figures at this moment, as plain objects. */
export interface CounterSnapshot {
  readonly totals: Readonly<Record<Total, number>>;
  readonly drops: Readonly<Record<DropReason, number>>;
  /** By row id; rows of the table that was set last, and its two defaults. */
  readonly rows: ReadonlyMap<string, RowHits>;
  readonly associations: readonly AssociationCounters[];
}

export class DataThread extends EventEmitter<DataThreadEvents> implements DataPlane {
  readonly information: DataThreadInformation;
  readonly #link: Link;
  #table: PolicyTable | undefined;

  /**
   * Starts the thread and opens adapter, sockets and bypass links. Rejects with the system's reason where one of them
   * cannot be opened. `secrets` is where the key material of installed SAs lies.
   */
  static start(options: DataThreadOptions, secrets: SecretMemory): Promise<DataThread> {
    return DataThread.prepare(secrets)(options);
  }

  /**
   * Starts a thread that has everything loaded and nothing opened, so that a connection need not wait for that. What
   * it returns opens it, once. A thread that is never opened does not keep the process alive.
   */
  static prepare(secrets: SecretMemory): (options: DataThreadOptions) => Promise<DataThread> {
    const link = createLink(secrets);
    return async (options) => {
      link.worker.ref();
      link.worker.postMessage(options);
      return new DataThread(link, await link.ready);
    };
  }

  private constructor(link: Link, information: DataThreadInformation) {
    super();
    this.#link = link;
    this.information = information;
    link.receive = (message) => this.#receive(message);
  }

  setPolicy(table: PolicyTable): void {
    this.#table = table;
    this.#send({ type: 'set-policy', table });
  }

  setTranslation(sources: TranslationSources): void {
    this.#send({ type: 'set-translation', sources });
  }

  setPeer(peer: number, remote: Endpoint): void {
    this.#send({ type: 'set-peer', peer, remote });
  }

  expectInbound(spi: number): void {
    this.#send({ type: 'expect-inbound', spi });
  }

  cancelExpected(spi: number): void {
    this.#send({ type: 'cancel-expected', spi });
  }

  /** Takes `keyMaterial` over: it must come from the SecretMemory given to `start`, and is wiped and freed. */
  installInbound(parameters: SecurityAssociationParameters): void {
    this.#install('install-inbound', parameters);
  }

  /**
   * Takes `keyMaterial` over, as `installInbound`. A key that another data thread has sealed with must never be
   * installed again: sequence numbers, and so nonces, would repeat. Agree anew instead.
   */
  installOutbound(parameters: SecurityAssociationParameters): void {
    this.#install('install-outbound', parameters);
  }

  removeInbound(spi: number, lingerSeconds: number): void {
    this.#send({ type: 'remove-inbound', spi, lingerSeconds });
  }

  removeOutbound(association: AssociationId, spi: number): void {
    this.#send({ type: 'remove-outbound', association, spi });
  }

  /** `retryAtMilliseconds` by `monotonicMilliseconds` of clock.ts. */
  agreementFailed(association: AssociationId, retryAtMilliseconds: number): void {
    this.#send({ type: 'agreement-failed', association, retryAtMilliseconds });
  }

  setTunnelMtu(bytes: number): void {
    this.#send({ type: 'set-tunnel-mtu', bytes });
  }

  /** Opens and closes links so that exactly these are there. One that cannot be opened raises 'warning'. */
  setBypassLinks(links: readonly BypassLinkOptions[]): void {
    this.#send({ type: 'set-bypass-links', links });
  }

  /**
   * Sends an IKE message. `local` picks the socket (by port) and the source address; `marker` prepends the non-ESP
   * marker (RFC 3948 section 2.2). Answers from a remote written to without marker are taken to come without it.
   */
  sendIke(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined, marker: boolean): void {
    this.#send({ type: 'send-ike', bytes, remote, local, marker });
  }

  /** One NAT keepalive (RFC 3948 section 2.3). */
  sendKeepalive(remote: Endpoint, local: Endpoint | undefined): void {
    this.#send({ type: 'send-keepalive', remote, local });
  }

  /** Address and port from which a datagram to that remote would leave; undefined: there is no way there now. */
  localAddressTowards(remote: Endpoint): Promise<Endpoint | undefined> {
    return new Promise((resolve) => {
      const request = this.#link.nextRequest++;
      this.#link.requests.set(request, resolve);
      this.#send({ type: 'local-address', request, remote });
    });
  }

  /** At most ten 'verdict' events a second while on. */
  sampleVerdicts(enabled: boolean): void {
    this.#send({ type: 'sample-verdicts', enabled });
  }

  /** Read from shared memory; costs the data thread nothing. */
  snapshot(): CounterSnapshot {
    const { counters } = this.#link;
    const table = this.#table;
    const ids = table
      ? [...table.rows.map(({ id }) => id), table.defaultInside.id, table.defaultOutside.id]
      : [];
    return {
      totals: byName(totals, counters.totals),
      drops: byName(dropReasons, counters.drops),
      rows: readRowCounters(counters.rowBuffer, ids),
      associations: readAssociations(counters),
    };
  }

  /**
   * When the latest authentic ESP packet of the association arrived, in milliseconds of `monotonicMilliseconds`;
   * undefined: never. For the IKE engine's 'peer-alive'.
   */
  lastHeardMilliseconds(association: AssociationId): number | undefined {
    let latest: number | undefined;
    for (const sa of readAssociations(this.#link.counters)) {
      if (sa.association !== association || sa.direction !== 'inbound') continue;
      if (sa.lastUsedMilliseconds !== undefined) latest = Math.max(latest ?? 0, sa.lastUsedMilliseconds);
    }
    return latest;
  }

  /** Wipes the SAs, closes everything and ends the thread. Resolves when it is gone; may be called twice. */
  stop(): Promise<void> {
    this.#send({ type: 'stop' });
    return this.#link.ended;
  }

  #install(type: 'install-inbound' | 'install-outbound', parameters: SecurityAssociationParameters): void {
    const { keyMaterial, ...rest } = parameters;
    const keyAddress = this.#link.secrets.addressOf(keyMaterial);
    this.#link.keysUnderWay.add(keyAddress);
    this.#send({ type, parameters: rest, keyAddress, keyLength: keyMaterial.length });
  }

  #send(message: ToData): void {
    sendOver(this.#link, message);
  }

  #receive(message: FromData): void {
    if (message.type === 'ike-datagram') this.emit('ike', message.bytes, message.remote, message.local);
    else if (message.type === 'path-event') this.emit('path', message.event);
    else if (message.type === 'verdict-sample') this.emit('verdict', message.sample);
    else if (message.type === 'warning') this.emit('warning', message.message);
    else if (message.type === 'failed') this.emit('failed', new Error(message.message));
  }
}

/** The worker with everything that must be tidied up when it is gone. */
interface Link {
  readonly worker: Worker;
  readonly counters: PathCounters;
  readonly secrets: SecretMemory;
  readonly keysUnderWay: Set<number>;
  readonly requests: Map<number, (local: Endpoint | undefined) => void>;
  nextRequest: number;
  readonly port: MessageChannel['port1'];
  readonly waker: Waitable;
  running: boolean;
  readonly ready: Promise<DataThreadInformation>;
  readonly ended: Promise<void>;
  receive: (message: FromData) => void;
}

function createLink(secrets: SecretMemory): Link {
  const counters = createPathCounters();
  const channel = new MessageChannel();
  const waker = wakers.create();
  const start: DataThreadStart = {
    counters: counters.buffer,
    rowCounters: counters.rowBuffer,
    waker,
    port: channel.port2,
  };
  const worker = new Worker(entryFile(), {
    workerData: start,
    transferList: [channel.port2],
    name: 'sealnic-data',
  });
  worker.unref();
  const ready = Promise.withResolvers<DataThreadInformation>();
  const ended = Promise.withResolvers<void>();
  const link: Link = {
    worker,
    counters,
    secrets,
    keysUnderWay: new Set(),
    requests: new Map(),
    nextRequest: 1,
    port: channel.port1,
    waker,
    running: true,
    ready: ready.promise,
    ended: ended.promise,
    receive: () => {},
  };
  // A thread that was prepared and never opened has nobody who waits for it.
  ready.promise.catch(() => undefined);
  let started = false;
  let failure: string | undefined;
  worker.on('message', (message: FromData) => {
    if (message.type === 'ready') {
      started = true;
      const { type: _, ...information } = message;
      ready.resolve(information);
    } else if (message.type === 'secret-consumed') {
      link.keysUnderWay.delete(message.address);
      secrets.freeAddress(message.address);
    } else if (message.type === 'local-address') {
      link.requests.get(message.request)?.(message.local);
      link.requests.delete(message.request);
    } else if (message.type === 'failed') {
      failure = message.message;
    } else if (message.type !== 'stopped') {
      link.receive(message);
    }
  });
  worker.on('error', (error: Error) => {
    failure ??= error.message;
  });
  worker.on('exit', () => {
    link.running = false;
    for (const address of link.keysUnderWay) secrets.freeAddress(address);
    for (const resolve of link.requests.values()) resolve(undefined);
    link.requests.clear();
    channel.port1.close();
    wakers.close(waker);
    if (!started) ready.reject(new Error(failure ?? 'The data thread ended before it was ready.'));
    else if (failure !== undefined) link.receive({ type: 'failed', message: failure });
    ended.resolve();
  });
  return link;
}

function sendOver(link: Link, message: ToData): void {
  if (!link.running) {
    if ('keyAddress' in message) link.secrets.freeAddress(message.keyAddress);
    return;
  }
  link.port.postMessage(message);
  wakers.raise(link.waker);
}

/** Beside this file: the source when run from source, the bundle's entry when bundled. */
function entryFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './data-thread.js', import.meta.url);
}

function byName<Name extends string>(names: readonly Name[], values: Float64Array): Record<Name, number> {
  return Object.fromEntries(names.map((name, index) => [name, values[index]!])) as Record<Name, number>;
}
