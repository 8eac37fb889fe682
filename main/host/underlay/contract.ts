// The real network below the tunnel: UDP for IKE and ESP, raw sockets for ESP without UDP, and others for what the filter
// lets pass.
import type { Endpoint } from '../../engine/packet/address.ts';
import type { DatagramBatch, PacketBatch, PacketMemory, SlotRegion } from '../../engine/packet/batch.ts';
import type { Waitable } from '../readiness/contract.ts';

export interface UnderlayOptions {
  /** Local UDP port; 0: ephemeral (initiator). A responder opens one underlay for 500 and one for 4500. */
  readonly port: number;
  readonly family: 4 | 6;
  /** SO_MARK on everything that leaves, so that policy rules keep it out of the tunnel. 0: none. */
  readonly mark: number;
  /** Name of the virtual adapter, by which nothing of ours may leave: for systems that know no marks. Absent: none. */
  readonly adapterName?: string | undefined;
  /** Use the system's segmentation and coalescing of datagrams where it has them. */
  readonly offload: boolean;
  /**
   * 'native': a raw socket for IP protocol 50. There are no ports then: `port` is 0, a peer is known by its address
   * alone, and `offload` has no effect. It sees all ESP that reaches the computer. Absent: 'udp'.
   */
  readonly encapsulation?: 'udp' | 'native' | undefined;
}

/** Used on the data thread only. Non-blocking. */
export interface Underlay {
  /** For a ReadinessSet. */
  readonly waitable: Waitable;
  readonly localPort: number;
  readonly sendsSegmented: boolean;
  /**
   * Reads datagrams into the region's slots, without their IP and UDP headers; a GRO run is one entry. Looks each
   * source up in the peer table (exact address and port) and fills `peer` or `noPeer`, and `remote`.
   */
  receive(batch: DatagramBatch, region: SlotRegion): void;
  /** Source of the entry of the latest `receive` whose `remote` is this index. */
  remoteAt(remote: number): Endpoint;
  /** The local address on which that entry arrived (IP_PKTINFO). */
  localAt(remote: number): Endpoint;
  /**
   * Sends entries `from` to `count` to their peers; returns how many were taken. Where the system takes only the head
   * of a run, `offset` and `length` of that entry are moved on to what is left. Falls back from UDP_SEGMENT to single
   * datagrams on EIO for good, and for one entry where its segments are too big for the path. Errors of single datagrams (EMSGSIZE, ENETUNREACH, EPERM) are
   * counted in `errors`, not thrown.
   */
  send(batch: DatagramBatch, from: number): number;
  /** IKE and keepalives: rare, so by value. `local` picks the source address; undefined lets the system choose. */
  sendTo(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined): void;
  /** Adds or moves a peer; undefined forgets it. */
  setPeer(peer: number, remote: Endpoint | undefined): void;
  /** The source address the system would use towards that address. */
  localAddressTowards(remote: Endpoint): Endpoint;
  readonly errors: number;
  close(): void;
}

/** BYPASS: raw IP packets out by a marked socket bound to the link, and in by a tap on the link. */
export interface BypassLink {
  /** For a ReadinessSet. */
  readonly waitable: Waitable;
  readonly interfaceName: string;
  /** Packets from the link whose source lies in the watched prefixes; packet i lies in slot i. */
  receive(batch: PacketBatch, region: SlotRegion): void;
  /**
   * Whole IP packets with complete checksums; super-packets must have been segmented. False: the system did not take
   * it (counted in `errors`, except for a full queue).
   */
  send(offset: number, length: number): boolean;
  readonly errors: number;
  close(): void;
}

export interface BypassLinkOptions {
  readonly interfaceName: string;
  readonly mark: number;
  /** Source prefixes (what enters the adapter) whose inbound packets are taken from the link. */
  readonly prefixes: readonly {
    readonly family: 4 | 6;
    readonly bytes: Uint8Array;
    readonly length: number;
  }[];
  /** Sources that stay the system's own although a prefix covers them: the local network, where the profile lets it. */
  readonly excludedPrefixes?: BypassLinkOptions['prefixes'] | undefined;
  /** Our own underlay's local UDP ports: datagrams to them are left to their sockets. */
  readonly excludedPorts: readonly number[];
  /** Our own underlay takes ESP without UDP: it is left to its sockets. Absent: false. */
  readonly excludesEsp?: boolean | undefined;
}

export type OpenUnderlay = (options: UnderlayOptions, memory: PacketMemory) => Underlay;
export type OpenBypassLink = (options: BypassLinkOptions, memory: PacketMemory) => BypassLink;
