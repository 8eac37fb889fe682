// What an agreement hands to the data plane: everything one direction of a child SA needs.
import type { TrafficSelector } from '../policy/selector.ts';

/** ESP transforms of this product, with IANA's IKEv2 names in lower case. */
export type EspAlgorithm = 'aes-128-gcm-16' | 'aes-256-gcm-16' | 'chacha20-poly1305';

/** Bytes of the key alone, without the salt. */
export const keyLengths: Readonly<Record<EspAlgorithm, number>> = {
  'aes-128-gcm-16': 16,
  'aes-256-gcm-16': 32,
  'chacha20-poly1305': 32,
};

/** 'udp': RFC 3948 on the IKE socket; 'native': IP protocol 50. */
export type Encapsulation = 'udp' | 'native';

/** Soft limits raise an event once, hard limits end the SA. Absent: no limit. */
export interface Lifetime {
  readonly softSeconds?: number;
  readonly hardSeconds?: number;
  readonly softBytes?: number;
  readonly hardBytes?: number;
  readonly softPackets?: number;
  readonly hardPackets?: number;
}

/**
 * Which pair of inbound and outbound SAs serves a PROTECT row. The number stays the same over rekeying; the outbound
 * SA behind it is replaced. Given out by the control thread, from 1.
 */
export type AssociationId = number;

export interface SecurityAssociationParameters {
  readonly association: AssociationId;
  /** RFC 4303 section 2.1, 256 to 2^32-1. Inbound: chosen by us. Outbound: chosen by the peer. */
  readonly spi: number;
  readonly algorithm: EspAlgorithm;
  /**
   * Key followed by the 4-byte salt (RFC 4106 section 8.1, RFC 7634 section 2): 20 or 36 bytes. Lies in locked
   * memory; whoever takes it over makes its cipher context at once and never copies it elsewhere.
   */
  readonly keyMaterial: Uint8Array;
  readonly lifetime: Lifetime;
  /** Packets, a multiple of 32; inbound only. */
  readonly replayWindow: number;
  /** Ours first: what the inner packet's local side and remote side may be. */
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  /** Index in the data plane's peer table: where sealed packets go, whence they may come. */
  readonly peer: number;
  /** How packets leave. What comes in is taken either way (RFC 7296 section 2.23). */
  readonly encapsulation: Encapsulation;
}
