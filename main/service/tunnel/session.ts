// What runs from the first connection's `up` to the last one's `down`: the data thread with its adapter and sockets,
// the IKE engine, and the keys that pass between them.
import type { ConnectionId } from '../../engine/ike/contract.ts';
import { createIkeEngine } from '../../engine/ike/engine.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import type { DataPlane, PathEvent } from '../../engine/path/data-plane.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { BypassLinkOptions } from '../../host/underlay/contract.ts';
import { Agreement } from '../agreement/agreement.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import type { DataThreadOptions, DataUnderlayOptions, VerdictSample } from '../data/messages.ts';
import type { CounterSnapshot, DataThreadEvents, DataThreadInformation } from '../data/proxy.ts';
import { KeySetter } from '../keying/key-setter.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import { TrafficLedger } from '../keying/traffic-ledger.ts';

/** What the session asks of the data thread; DataThread is one, tests have another. */
export interface DataThreadControl extends DataPlane {
  readonly information: DataThreadInformation;
  on<Name extends keyof DataThreadEvents>(
    name: Name,
    listener: (...values: DataThreadEvents[Name]) => void,
  ): unknown;
  setBypassLinks(links: readonly BypassLinkOptions[]): void;
  sendIke(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined, marker: boolean): void;
  sendKeepalive(remote: Endpoint, local: Endpoint | undefined): void;
  sampleVerdicts(enabled: boolean): void;
  snapshot(): CounterSnapshot;
  lastHeardMilliseconds(association: AssociationId): number | undefined;
  stop(): Promise<void>;
}

/** What is behind a session: threads, time and randomness. */
export interface SessionMachinery {
  /** A thread with everything loaded; what this returns opens adapter and sockets, once. */
  prepareDataThread(secrets: SecretMemory): (options: DataThreadOptions) => Promise<DataThreadControl>;
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  random(bytes: Uint8Array): void;
}

export interface SessionListener {
  /** A packet waits for the association. */
  agreementNeeded(association: AssociationId): void;
  verdict(sample: VerdictSample): void;
  warning(text: string): void;
  /** Adapter or sockets failed for good; the session is over. */
  failed(error: Error): void;
}

const initialMtu = 1400;
/** How often the IKE engine is told which peers were heard. */
const livenessIntervalMilliseconds = 5000;

export class TunnelSession {
  readonly data: DataThreadControl;
  readonly agreement: Agreement;
  readonly keys: KeySetter;
  readonly traffic: TrafficLedger;
  readonly #machinery: SessionMachinery;
  readonly #listener: SessionListener;
  #cancelLiveness: (() => void) | undefined;
  #heard: ReadonlyMap<ConnectionId, number> = new Map();

  static async open(
    role: 'client' | 'gateway',
    configuration: ServiceConfiguration,
    secrets: SecretMemory,
    openDataThread: (options: DataThreadOptions) => Promise<DataThreadControl>,
    machinery: SessionMachinery,
    listener: SessionListener,
  ): Promise<TunnelSession> {
    const data = await openDataThread(dataThreadOptions(role, configuration));
    return new TunnelSession(data, secrets, machinery, listener);
  }

  private constructor(
    data: DataThreadControl,
    secrets: SecretMemory,
    machinery: SessionMachinery,
    listener: SessionListener,
  ) {
    this.data = data;
    this.#machinery = machinery;
    this.#listener = listener;
    this.traffic = new TrafficLedger(() => data.snapshot().associations);
    this.keys = new KeySetter(
      data,
      (secret) => secrets.free(secret),
      () => this.traffic.update(),
    );
    const engine = createIkeEngine({
      random: (bytes) => machinery.random(bytes),
      allocateSecret: (length) => secrets.allocate(length),
      freeSecret: (secret) => secrets.free(secret),
      allocateSpi: () => this.#freeSpi(),
    });
    this.agreement = new Agreement({
      engine,
      dataPlane: data,
      keys: this.keys,
      sendIke: (bytes, remote, local, marker) => data.sendIke(bytes, remote, local, marker),
      sendKeepalive: (remote, local) => data.sendKeepalive(remote, local),
      now: () => machinery.now(),
      schedule: (at, call) => machinery.schedule(at, call),
    });
    data.on('ike', (bytes, remote, local) => this.agreement.receive(bytes, local, remote));
    data.on('path', (event) => this.#pathEvent(event));
    data.on('verdict', (sample) => listener.verdict(sample));
    data.on('warning', (text) => listener.warning(text));
    data.on('failed', (error) => {
      this.#end();
      listener.failed(error);
    });
    if (secrets.unlockedBytes > 0) listener.warning('the system refused to lock the memory that holds keys');
    this.#watchLiveness();
  }

  localPort(family: 4 | 6): number {
    const { localPort4, localPort6 } = this.data.information;
    return family === 4 ? localPort4 : localPort6;
  }

  /** Ends the data thread, which wipes every key that it has. */
  async close(): Promise<void> {
    this.#end();
    await this.data.stop();
  }

  #pathEvent(event: PathEvent): void {
    if (event.type === 'agreement-needed') {
      this.#listener.agreementNeeded(event.association);
      return;
    }
    const child = this.keys
      .installed()
      .find(
        ({ association, parameters }) => association === event.association && parameters.spi === event.spi,
      );
    if (child === undefined) return;
    const { connection, association } = child;
    if (event.type === 'soft-expired') this.agreement.rekeyChild(connection, association, event.spi);
    else this.agreement.deleteChild(connection, association, event.spi);
  }

  /** Valid ESP is proof of life: the IKE engine then need not probe (RFC 7296 section 2.4). */
  #watchLiveness(): void {
    const { now, schedule } = this.#machinery;
    this.#cancelLiveness = schedule(now() + livenessIntervalMilliseconds, () => {
      const before = this.#heard;
      this.#heard = this.#lastHeard();
      // An SA that is removed goes on opening what comes late.
      this.traffic.update();
      for (const [connection, heard] of this.#heard) {
        if (heard > (before.get(connection) ?? 0)) this.agreement.peerAlive(connection);
      }
      this.#watchLiveness();
    });
  }

  #lastHeard(): ReadonlyMap<ConnectionId, number> {
    const latest = new Map<ConnectionId, number>();
    for (const { connection, association, direction } of this.keys.installed()) {
      if (direction !== 'inbound') continue;
      const heard = this.data.lastHeardMilliseconds(association);
      if (heard !== undefined) latest.set(connection, Math.max(heard, latest.get(connection) ?? 0));
    }
    return latest;
  }

  /** Timers and the keys of IKE; those of the SAs go with the data thread. */
  #end(): void {
    this.#cancelLiveness?.();
    this.agreement.close();
  }

  #freeSpi(): number {
    const used = new Set(this.keys.installed().map(({ parameters }) => parameters.spi));
    const bytes = new Uint8Array(4);
    for (;;) {
      this.#machinery.random(bytes);
      const spi = new DataView(bytes.buffer).getUint32(0);
      // RFC 4303 section 2.1: those up to 255 are reserved.
      if (spi > 255 && !used.has(spi)) return spi;
    }
  }
}

function dataThreadOptions(
  role: 'client' | 'gateway',
  configuration: ServiceConfiguration,
): DataThreadOptions {
  const { mark, ports } = configuration;
  const common = { mark, offload: true };
  const families = [4, 6] as const;
  const underlays: DataUnderlayOptions[] =
    role === 'client'
      ? families.map((family) => ({ ...common, family, port: ports.local, plainIke: false }))
      : families.flatMap((family) => [
          { ...common, family, port: ports.ike, plainIke: true },
          { ...common, family, port: ports.natTraversal, plainIke: false },
        ]);
  return { adapter: { name: configuration.interfaceName, mtu: initialMtu }, underlays, bypassLinks: [] };
}
