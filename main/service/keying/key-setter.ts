// Sets agreed keys for the terminal (the mission's key information setting part): turns the IKE engine's children into
// SAs of the data plane, under the peer and with the lifetime of their connection.
import type { ChildKeys, ConnectionId } from '../../engine/ike/contract.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import type { DataPlane } from '../../engine/path/data-plane.ts';
import type { AssociationId, Lifetime, SecurityAssociationParameters } from '../../engine/sa/parameters.ts';

export interface KeyedConnection {
  readonly lifetime: Lifetime;
  /** Packets. */
  readonly replayWindow: number;
}

/** What is installed now, for `sa list`; no keys. */
export interface InstalledChild {
  readonly connection: ConnectionId;
  readonly association: AssociationId;
  readonly direction: 'inbound' | 'outbound';
  readonly parameters: Omit<SecurityAssociationParameters, 'keyMaterial'>;
  readonly installedAtMilliseconds: number;
}

export class KeySetter {
  readonly #dataPlane: DataPlane;
  readonly #peers = new Map<ConnectionId, { readonly peer: number; readonly keyed: KeyedConnection }>();
  readonly #installed = new Map<string, InstalledChild>();
  #nextPeer = 0;

  constructor(dataPlane: DataPlane) {
    this.#dataPlane = dataPlane;
  }

  /** Must be called before the first child of the connection is installed. */
  serve(connection: ConnectionId, keyed: KeyedConnection): void {
    if (this.#peers.has(connection)) return;
    const peer = this.#nextPeer % 0xffff;
    this.#nextPeer += 1;
    this.#peers.set(connection, { peer, keyed });
  }

  movePeer(connection: ConnectionId, remote: Endpoint): void {
    const known = this.#peers.get(connection);
    if (known !== undefined) this.#dataPlane.setPeer(known.peer, remote);
  }

  /** The data plane takes the keys over and wipes them. */
  install(
    connection: ConnectionId,
    child: ChildKeys,
    direction: 'inbound' | 'outbound' | 'both',
    nowMilliseconds: number,
  ): void {
    const known = this.#peers.get(connection);
    if (known === undefined) throw new Error(`connection ${connection} has no peer`);
    const common = {
      association: child.association,
      algorithm: child.proposal.encryption,
      lifetime: known.keyed.lifetime,
      replayWindow: known.keyed.replayWindow,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
      peer: known.peer,
      encapsulation: child.encapsulation,
    };
    const remember = (side: 'inbound' | 'outbound', spi: number) =>
      this.#installed.set(`${side} ${connection} ${spi}`, {
        connection,
        association: child.association,
        direction: side,
        parameters: { ...common, spi },
        installedAtMilliseconds: nowMilliseconds,
      });
    if (direction !== 'outbound') {
      this.#dataPlane.installInbound({ ...common, ...child.inbound });
      remember('inbound', child.inbound.spi);
    }
    if (direction !== 'inbound') {
      this.#dataPlane.installOutbound({ ...common, ...child.outbound });
      remember('outbound', child.outbound.spi);
    }
  }

  remove(
    connection: ConnectionId,
    association: AssociationId,
    inboundSpi: number,
    outboundSpi: number,
    lingerSeconds: number,
  ): void {
    if (this.#installed.delete(`inbound ${connection} ${inboundSpi}`)) {
      this.#dataPlane.removeInbound(inboundSpi, lingerSeconds);
    }
    if (this.#installed.delete(`outbound ${connection} ${outboundSpi}`)) {
      this.#dataPlane.removeOutbound(association, outboundSpi);
    }
  }

  /** The connection has ended: whatever it still has installed goes with it. */
  release(connection: ConnectionId): void {
    for (const { association, direction, parameters } of this.installed(connection)) {
      this.#installed.delete(`${direction} ${connection} ${parameters.spi}`);
      if (direction === 'inbound') this.#dataPlane.removeInbound(parameters.spi, 0);
      else this.#dataPlane.removeOutbound(association, parameters.spi);
    }
    this.#peers.delete(connection);
  }

  installed(connection?: ConnectionId): readonly InstalledChild[] {
    return [...this.#installed.values()].filter(
      (child) => connection === undefined || child.connection === connection,
    );
  }
}
