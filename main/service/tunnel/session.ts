// What runs from the first connection's `up` to the last one's `down`: the data thread with its adapter and sockets,
// the IKE engine, and the keys that pass between them.
import { randomFillSync, randomInt } from 'node:crypto';
import type { ConnectionId } from '../../engine/ike/contract.ts';
import { createIkeEngine } from '../../engine/ike/engine.ts';
import type { PathEvent } from '../../engine/path/data-plane.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { Agreement } from '../agreement/agreement.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import { monotonicMilliseconds } from '../data/clock.ts';
import type { DataThreadOptions, DataUnderlayOptions, VerdictSample } from '../data/messages.ts';
import type { DataThread } from '../data/proxy.ts';
import { KeySetter } from '../keying/key-setter.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import { schedule } from '../schedule.ts';

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
  readonly data: DataThread;
  readonly agreement: Agreement;
  readonly keys: KeySetter;
  readonly #listener: SessionListener;
  #cancelLiveness: (() => void) | undefined;
  readonly #heard = new Map<ConnectionId, number>();

  static async open(
    role: 'client' | 'gateway',
    configuration: ServiceConfiguration,
    secrets: SecretMemory,
    openDataThread: (options: DataThreadOptions) => Promise<DataThread>,
    listener: SessionListener,
  ): Promise<TunnelSession> {
    const data = await openDataThread(dataThreadOptions(role, configuration));
    return new TunnelSession(data, secrets, listener);
  }

  private constructor(data: DataThread, secrets: SecretMemory, listener: SessionListener) {
    this.data = data;
    this.#listener = listener;
    this.keys = new KeySetter(data);
    const engine = createIkeEngine({
      random: (bytes) => randomFillSync(bytes),
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
      now: monotonicMilliseconds,
      schedule,
    });
    data.on('ike', (bytes, remote, local) => this.agreement.receive(bytes, local, remote));
    data.on('path', (event) => this.#pathEvent(event));
    data.on('verdict', (sample) => listener.verdict(sample));
    data.on('warning', (text) => listener.warning(text));
    data.on('failed', (error) => {
      this.#stopTimers();
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
    this.#stopTimers();
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
    const inbound = this.keys
      .installed(child.connection)
      .find(({ association, direction }) => association === event.association && direction === 'inbound');
    if (inbound === undefined) return;
    const { connection, association } = child;
    if (event.type === 'soft-expired')
      this.agreement.rekeyChild(connection, association, inbound.parameters.spi);
    else this.agreement.deleteChild(connection, association);
  }

  /** Valid ESP is proof of life: the IKE engine then need not probe (RFC 7296 section 2.4). */
  #watchLiveness(): void {
    this.#cancelLiveness = schedule(monotonicMilliseconds() + livenessIntervalMilliseconds, () => {
      for (const { connection, association, direction } of this.keys.installed()) {
        if (direction !== 'inbound') continue;
        const heard = this.data.lastHeardMilliseconds(association);
        if (heard === undefined || heard <= (this.#heard.get(connection) ?? 0)) continue;
        this.#heard.set(connection, heard);
        this.agreement.peerAlive(connection);
      }
      this.#watchLiveness();
    });
  }

  #stopTimers(): void {
    this.#cancelLiveness?.();
    this.agreement.close();
  }

  #freeSpi(): number {
    const used = new Set(this.keys.installed().map(({ parameters }) => parameters.spi));
    for (;;) {
      const spi = randomInt(256, 0x1_0000_0000);
      if (!used.has(spi)) return spi;
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
