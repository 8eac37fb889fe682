// The data thread's sockets below the tunnel: those for UDP from the start, and raw ones for ESP without UDP from the
// first SA on that does without, since they are shown all ESP that reaches the computer.
import type { Endpoint } from '../../engine/packet/address.ts';
import type { PacketMemory } from '../../engine/packet/batch.ts';
import type { Encapsulation } from '../../engine/sa/parameters.ts';
import type { OpenUnderlay, Underlay } from '../../host/underlay/contract.ts';
import { IkeHandOver, type OpenedUnderlay } from './ike-hand-over.ts';
import type { DataUnderlayOptions } from './messages.ts';

/** Send queues that are kept for raw sockets: one for each family. */
export const nativeUnderlays = 2;
const noUnderlay = 0xff;

export interface UnderlayInUse extends OpenedUnderlay {
  readonly encapsulation: Encapsulation;
}

export class Underlays {
  /** Which socket IKE goes by. */
  readonly ike: IkeHandOver;
  readonly #open: OpenUnderlay;
  readonly #memory: PacketMemory;
  readonly #options: readonly DataUnderlayOptions[];
  readonly #adapterName: string;
  readonly #list: UnderlayInUse[] = [];
  readonly #peers = new Map<number, Endpoint>();

  /** Opens the sockets for UDP; throws the system's reason where one of them cannot be. */
  constructor(
    options: readonly DataUnderlayOptions[],
    adapterName: string,
    open: OpenUnderlay,
    memory: PacketMemory,
  ) {
    this.#options = options;
    this.#adapterName = adapterName;
    this.#open = open;
    this.#memory = memory;
    try {
      for (const { plainIke, ...underlay } of options) {
        const opened = open({ ...underlay, adapterName }, memory);
        this.#list.push({ underlay: opened, family: underlay.family, plainIke, encapsulation: 'udp' });
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.ike = new IkeHandOver([...this.#list]);
  }

  /** The position is the number of the send queue. Grows by `openNative` only. */
  get list(): readonly UnderlayInUse[] {
    return this.#list;
  }

  /** One for each underlay of the options. */
  get localPorts(): readonly number[] {
    return this.#list.slice(0, this.#options.length).map(({ underlay }) => underlay.localPort);
  }

  /** Of the socket that carries ESP in UDP, from which we begin agreements too; 0 where there is none of the family. */
  localPort(family: 4 | 6): number {
    const ofFamily = this.#list.filter((opened) => opened.family === family);
    const chosen = ofFamily.find(({ plainIke }) => !plainIke) ?? ofFamily[0];
    return chosen?.underlay.localPort ?? 0;
  }

  /** Datagrams and packets that the system refused. */
  get errors(): number {
    return this.#list.reduce((sum, { underlay }) => sum + underlay.errors, 0);
  }

  get hasNative(): boolean {
    return this.#list.length > this.#options.length;
  }

  /**
   * Opens a raw socket for each family that has one for UDP. `failed` is told of those that cannot be; does nothing
   * where they are open.
   */
  openNative(failed: (family: 4 | 6, error: unknown) => void): void {
    if (this.hasNative) return;
    for (const family of [4, 6] as const) {
      const udp = this.#options.find((options) => options.family === family);
      if (udp === undefined) continue;
      try {
        const options = { family, mark: udp.mark, port: 0, offload: false, encapsulation: 'native' } as const;
        const underlay = this.#open({ ...options, adapterName: this.#adapterName }, this.#memory);
        this.#list.push({ underlay, family, plainIke: false, encapsulation: 'native' });
      } catch (error) {
        failed(family, error);
      }
    }
    for (const [peer, remote] of this.#peers) this.setPeer(peer, remote);
  }

  setPeer(peer: number, remote: Endpoint): void {
    this.#peers.set(peer, remote);
    // Who sends IKE without marker sends no ESP in UDP (RFC 3948 section 2.2), and is not to be taken for one who does.
    const inUdp = this.ike.isPlainRemote(remote) ? undefined : remote;
    for (const { underlay, encapsulation } of this.#list) {
      underlay.setPeer(peer, encapsulation === 'native' ? remote : inUdp);
    }
  }

  /** Of the underlay that leads to the remote; 255 where none does. */
  numberFor(remote: Endpoint, encapsulation: Encapsulation): number {
    const chosen =
      encapsulation === 'udp'
        ? this.ike.choose(remote, undefined)?.underlay
        : this.#nativeFor(remote.address.family);
    const index = this.#list.findIndex(({ underlay }) => underlay === chosen);
    return index < 0 ? noUnderlay : index;
  }

  /** The peers that were set. */
  get peers(): ReadonlyMap<number, Endpoint> {
    return this.#peers;
  }

  close(): void {
    for (const { underlay } of this.#list) underlay.close();
  }

  #nativeFor(family: 4 | 6): Underlay | undefined {
    return this.#list.find((each) => each.encapsulation === 'native' && each.family === family)?.underlay;
  }
}
