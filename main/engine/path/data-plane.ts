// The one interface through which the control side steers the packet path. The path implements it; the data thread's
// proxy implements it for the control thread; so do the tests' fakes.
import type { Endpoint, IpAddress } from '../packet/address.ts';
import type { PolicyTable } from '../policy/table.ts';
import type { AssociationId, SecurityAssociationParameters } from '../sa/parameters.ts';

export interface DataPlane {
  /** Replaces the whole filter at once; flow state is carried over where the verdict stays the same. */
  setPolicy(table: PolicyTable): void;
  /**
   * The source that the terminal's packets must carry so that the association's selectors (PROTECT) or the link
   * (BYPASS) fit; the flow table translates to it. `undefined`: no translation.
   */
  setTranslation(sources: TranslationSources): void;
  /** Adds or moves a peer. Index 0 to 65534, given out by the control thread. */
  setPeer(peer: number, remote: Endpoint): void;
  /** Packets for an SPI announced here and not installed yet are held briefly (64 packets, 200 ms). */
  expectInbound(spi: number): void;
  cancelExpected(spi: number): void;
  /** Installs the receiving SA. */
  installInbound(parameters: SecurityAssociationParameters): void;
  /** Installs the sending SA as the association's current one and lets go the packets that waited for it. */
  installOutbound(parameters: SecurityAssociationParameters): void;
  /** `lingerSeconds`: an inbound SA still opens packets for so long (5 after a delete). Keys are wiped then. */
  removeInbound(spi: number, lingerSeconds: number): void;
  removeOutbound(association: AssociationId, spi: number): void;
  /** Held packets are answered with ICMP (administratively prohibited / no route) and the row backs off until then. */
  agreementFailed(association: AssociationId, retryAtMilliseconds: number): void;
  /** Size of the largest inner packet, bytes; the adapter's MTU. */
  setTunnelMtu(bytes: number): void;
}

export interface TranslationSources {
  /** What PROTECT needs as source; an association without one takes the link's address in place of another's. */
  readonly virtual?: readonly VirtualSource[];
  /** The link's own addresses, for BYPASS from a virtual source. */
  readonly link4?: IpAddress | undefined;
  readonly link6?: IpAddress | undefined;
}

/** At most one of each family for an association. */
export interface VirtualSource {
  readonly association: AssociationId;
  readonly address: IpAddress;
}

/** What the path tells the control side. */
export type PathEvent =
  | {
      /** A packet needs an SA and there is none: once for an association until installOutbound or agreementFailed. */
      readonly type: 'agreement-needed';
      readonly association: AssociationId;
      /** The packet that asked, for the agreement's first selectors (RFC 7296 section 2.9). */
      readonly packet: FiveTuple;
    }
  | {
      readonly type: 'soft-expired';
      readonly association: AssociationId;
      readonly spi: number;
      readonly limit: 'seconds' | 'bytes' | 'packets';
    }
  | {
      readonly type: 'hard-expired';
      readonly association: AssociationId;
      readonly spi: number;
      readonly limit: 'seconds' | 'bytes' | 'packets' | 'sequence';
    };

export interface FiveTuple {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** Ports, or for ICMP type << 8 | code as destination port and 0 as source port; 0 where there are none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}
