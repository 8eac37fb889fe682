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

/** 0 to 65534 (DataPlane.setPeer). */
const peerCount = 0xffff;

export class KeySetter {
  readonly #dataPlane: DataPlane;
  readonly #freeSecret: (secret: Uint8Array) => void;
  readonly #removing: () => void;
  readonly #peers = new Map<ConnectionId, { readonly peer: number; readonly keyed: KeyedConnection }>();
  readonly #installed = new Map<string, InstalledChild>();
  #nextPeer = 0;

  /** `freeSecret`: for keys that come too late to be of use. `removing`: SAs and what they counted are about to go. */
  constructor(
    dataPlane: DataPlane,
    freeSecret: (secret: Uint8Array) => void,
    removing: () => void = () => undefined,
  ) {
    this.#dataPlane = dataPlane;
    this.#freeSecret = freeSecret;
    this.#removing = removing;
  }

  /** Must be called before the first child of the connection is installed. */
  serve(connection: ConnectionId, keyed: KeyedConnection): void {
    if (this.#peers.has(connection)) return;
    this.#peers.set(connection, { peer: this.#freePeer(), keyed });
  }

  movePeer(connection: ConnectionId, remote: Endpoint): void {
    const known = this.#peers.get(connection);
    if (known !== undefined) this.#dataPlane.setPeer(known.peer, remote);
  }

  /** The data plane takes the keys over and wipes them; those of a connection that was released are wiped here. */
  install(
    connection: ConnectionId,
    child: ChildKeys,
    direction: 'inbound' | 'outbound' | 'both',
    nowMilliseconds: number,
  ): void {
    const known = this.#peers.get(connection);
    if (known === undefined) {
      for (const { keyMaterial } of [child.inbound, child.outbound]) {
        if (keyMaterial.length > 0) this.#freeSecret(keyMaterial);
      }
      return;
    }
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
    this.#removing();
    if (this.#installed.delete(`inbound ${connection} ${inboundSpi}`)) {
      this.#dataPlane.removeInbound(inboundSpi, lingerSeconds);
    }
    if (this.#installed.delete(`outbound ${connection} ${outboundSpi}`)) {
      this.#dataPlane.removeOutbound(association, outboundSpi);
    }
  }

  /** The connection has ended: whatever it still has installed goes with it. */
  release(connection: ConnectionId): void {
    this.#removing();
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

  /** Not the one of a connection that is still there, however many have come and gone since. */
  #freePeer(): number {
    const used = new Set([...this.#peers.values()].map(({ peer }) => peer));
    if (used.size >= peerCount) throw new Error('more connections than the data plane has room for');
    while (used.has(this.#nextPeer)) this.#nextPeer = (this.#nextPeer + 1) % peerCount;
    const peer = this.#nextPeer;
    this.#nextPeer = (peer + 1) % peerCount;
    return peer;
  }
}
