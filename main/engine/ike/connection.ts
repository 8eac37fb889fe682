// One connection: the peer as the caller knows it. It holds the current IKE SA and those that come and go around a
// rekeying, the child SAs, and the timers for rekeying, dead peer detection and NAT keepalives.
import type { Endpoint, IpAddress } from '../packet/address.ts';
import { intersectSelectors, type TrafficSelector } from '../policy/selector.ts';
import type { AssociationId } from '../sa/parameters.ts';
import { type AssociationHandler, type IkeAssociation, sameEndpoint } from './association.ts';
import { type ConcreteChild, selectorsOfAddresses, selectorsOfEverything } from './child-negotiation.ts';
import { type Child, Children } from './children.ts';
import type {
  ChildConfiguration,
  ConnectionId,
  IkeConfiguration,
  IkeDetails,
  IkeFailure,
  IkeSnapshot,
} from './contract.ts';
import type { EngineCore } from './core.ts';
import { CreateChild } from './create-child.ts';
import { respondCreateChild } from './create-child-responder.ts';
import { Heartbeat } from './heartbeat.ts';
import {
  DeleteChild,
  DeleteIke,
  ikeDelete,
  isIkeDelete,
  Liveness,
  respondInformational,
} from './informational.ts';
import { exchangeType, notifyType } from './numbers.ts';
import { notify, type Payload } from './payloads.ts';
import { RekeyIke } from './rekey-ike.ts';
import { urgentRetransmission } from './retransmission.ts';
import { detailsOf, snapshotOf } from './snapshot.ts';

/** What the handshake found out. */
export interface Establishment {
  readonly association: IkeAssociation;
  readonly localIdentity: IkeDetails['localIdentity'];
  readonly remoteIdentity: IkeDetails['remoteIdentity'];
  readonly natDetected: IkeDetails['natDetected'];
  readonly encapsulation: 'udp' | 'native';
  readonly virtualAddresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
  readonly subnets: IkeDetails['subnets'];
}

/** Of an IKE SA that is not new. */
export interface RemainingLifetime {
  readonly rekeyInMilliseconds: number;
  readonly expireInMilliseconds: number;
}

/** How long the farewell of `disconnect` may take. */
const farewellMilliseconds = 5000;
/** Without the peer's DELETE for the old IKE SA we move to the new one after this long. */
const adoptionMilliseconds = 10_000;
const abandonedAssociationMilliseconds = 60_000;
const lingerSeconds = 5;

export class Connection implements AssociationHandler {
  readonly core: EngineCore;
  readonly id: ConnectionId;
  readonly configuration: IkeConfiguration;
  readonly children: Children;
  /** What the handshake in progress holds; `cancel` frees it. */
  handshake: { cancel(): void } | undefined;
  /** The IKE SA by which the peer replaces the current one, until it takes over (RFC 7296 section 2.8.2). */
  peerSuccessor: { readonly association: IkeAssociation; readonly lowestNonce: Uint8Array } | undefined;
  /** Outbound SPIs that the peer deleted before its response about them reached us. */
  readonly deletedEarly = new Set<number>();
  /** Why the latest rekeying of the IKE SA did not succeed. */
  lastRefusal: IkeFailure | undefined;
  #current: IkeAssociation | undefined;
  #establishment: Establishment | undefined;
  readonly #associations = new Set<IkeAssociation>();
  #establishedAt: number | undefined;
  readonly #heartbeat: Heartbeat;
  #remote: Endpoint | undefined;
  #closing: IkeFailure | undefined;
  #closed = false;

  constructor(core: EngineCore, id: ConnectionId, configuration: IkeConfiguration) {
    this.core = core;
    this.id = id;
    this.configuration = configuration;
    this.#heartbeat = new Heartbeat(core, configuration, () => this.#current);
    this.children = new Children(core, id, configuration, {
      onSoftLimit: (child) => this.#rekeyChild(child),
      onHardLimit: (child) => this.#expireChild(child),
    });
  }

  get current(): IkeAssociation | undefined {
    return this.#current;
  }

  get establishment(): Establishment | undefined {
    return this.#establishment;
  }

  get encapsulation(): 'udp' | 'native' {
    return this.#establishment?.encapsulation ?? 'native';
  }

  /** On the caller's clock; undefined: not yet. */
  get establishedAt(): number | undefined {
    return this.#establishedAt;
  }

  /** Its IKE SA is the only one: no rekeying is under way, none has just ended. */
  get hasOneAssociation(): boolean {
    return this.#associations.size === 1;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** The handshake is done. */
  establish(establishment: Establishment, lifetime?: RemainingLifetime): void {
    const { association } = establishment;
    this.handshake = undefined;
    this.#establishment = establishment;
    this.#establishedAt = this.core.now;
    this.#remote = association.path.remote;
    this.#associations.add(association);
    association.handler = this;
    association.connection = this.id;
    association.retransmission = this.configuration.retransmission;
    association.followsPeer = establishment.natDetected.remote;
    this.#setCurrent(association, lifetime);
    this.#heartbeat.start(establishment.natDetected.local && establishment.encapsulation === 'udp');
    this.core.emit({
      type: 'established',
      connection: this.id,
      details: detailsOf(association, establishment),
    });
  }

  createChild(id: AssociationId): void {
    const configuration = this.childConfiguration(id);
    if (this.#current === undefined || configuration === undefined || this.isClosing) {
      this.childFailed(id, this.#closing ?? { code: 'requested' });
      return;
    }
    this.#current.enqueue(new CreateChild(this, configuration, undefined));
  }

  /** The data plane met a soft limit. */
  rekeyChild(spi: number): void {
    const child = this.children.byInboundSpi(spi) ?? this.children.byOutboundSpi(spi);
    if (child !== undefined) this.#rekeyChild(child);
  }

  /** `spi`: only the child that has it. */
  deleteChildren(id: AssociationId, spi: number | undefined): void {
    for (const child of this.children.of(id)) {
      if (spi === undefined || child.inboundSpi === spi || child.outboundSpi === spi) this.deleteChild(child);
    }
  }

  /** Takes the child out of use at both ends. */
  deleteChild(child: Child): void {
    if (child.state === 'deleting' || child.state === 'redundant') return;
    child.state = 'deleting';
    this.#current?.enqueue(new DeleteChild(this, child));
  }

  rekeyIke(): void {
    if (this.#current === undefined || this.isClosing || this.#current.hasPending('rekey-ike')) return;
    this.#current.enqueue(new RekeyIke(this));
  }

  disconnect(abrupt: boolean): void {
    const association = this.#current;
    if (association === undefined || association.state !== 'open') {
      if (!this.isClosing || abrupt) this.close({ code: 'requested' });
      return;
    }
    if (abrupt) {
      this.closeWithDelete({ code: 'requested' });
      return;
    }
    this.#closing = { code: 'requested' };
    association.state = 'closing';
    for (const exchange of association.takeQueue()) exchange.abandon();
    association.enqueueFirst(new DeleteIke(() => this.close({ code: 'requested' })));
    association.resume();
    this.core.timers.set(this, 'farewell', this.core.now + farewellMilliseconds, () =>
      this.close({ code: 'requested' }),
    );
  }

  /** Says DELETE once and does not wait for the answer. */
  closeWithDelete(reason: IkeFailure): void {
    this.#current?.sendOnce(exchangeType.informational, [ikeDelete]);
    this.close(reason);
  }

  /** Everything ends here: children are removed, keys wiped, the caller told. */
  close(reason: IkeFailure): void {
    if (this.#closed) return;
    this.#closed = true;
    this.handshake?.cancel();
    this.core.forget(this);
    this.#heartbeat.stop();
    for (const association of this.#associations) association.destroy();
    this.#associations.clear();
    this.children.removeAll();
    if (this.core.connections.get(this.id) === this) this.core.connections.delete(this.id);
    this.core.emit({ type: 'closed', connection: this.id, reason });
  }

  /** The data plane heard the peer. */
  heardEsp(): void {
    this.#heartbeat.heard();
  }

  /** See the event of that name. */
  probe(urgent: boolean): void {
    const association = this.#current;
    if (association === undefined || association.state !== 'open' || this.isClosing) return;
    // A request that is under way anyway shows as much.
    if (association.inFlight === undefined) {
      association.enqueueFirst(new Liveness(urgent ? urgentRetransmission : undefined));
    } else if (urgent) association.hasten(urgentRetransmission);
  }

  childFailed(association: AssociationId, reason: IkeFailure): void {
    this.core.emit({ type: 'child-failed', connection: this.id, association, reason });
  }

  /** The peer has deleted a child, or answered our deleting it. */
  childGone(child: Child, byPeer: boolean): void {
    const replacement = child.peerReplacement?.child;
    const id = child.configuration.association;
    if (replacement?.state === 'active' || replacement?.state === 'rekeying') {
      this.children.activateOutbound(replacement);
    }
    this.children.remove(child, lingerSeconds);
    if (byPeer && this.children.of(id).length === 0 && child.state === 'active') {
      this.childFailed(id, { code: 'deleted-by-peer' });
    }
  }

  childConfiguration(id: AssociationId): ChildConfiguration | undefined {
    return this.configuration.children.find((child) => child.association === id);
  }

  /** The configuration's selectors, with the open ones filled in (see ChildConfiguration). */
  concreteChild(configuration: ChildConfiguration): ConcreteChild {
    return {
      configuration,
      localSelectors: this.#localSelectors(configuration),
      remoteSelectors: this.#remoteSelectors(configuration),
    };
  }

  /** A successor that we or the peer agreed on; it is not in use yet. */
  addSuccessor(association: IkeAssociation): void {
    this.#associations.add(association);
  }

  /** The peer is about to delete the old IKE SA; if it does not, we go over to the new one ourselves. */
  awaitAdoption(old: IkeAssociation, successor: IkeAssociation): void {
    old.paused = true;
    this.core.timers.set(successor, 'adopt', this.core.now + adoptionMilliseconds, () =>
      this.adopt(successor),
    );
  }

  /** From now on `successor` is the connection's IKE SA (RFC 7296 section 2.18). */
  adopt(successor: IkeAssociation): void {
    const old = this.#current;
    if (old === successor || successor.state !== 'open') return;
    this.core.timers.clear(successor, 'adopt');
    if (this.peerSuccessor?.association === successor) this.peerSuccessor = undefined;
    this.lastRefusal = undefined;
    this.#setCurrent(successor);
    successor.roundTrip ??= old?.roundTrip;
    if (old === undefined || old.state === 'dead') return;
    this.retireLater(old);
    for (const exchange of old.takeQueue()) successor.enqueue(exchange);
  }

  /** An IKE SA whose maker shall delete it, but which must not stay for ever. */
  retireLater(association: IkeAssociation): void {
    this.core.timers.set(association, 'retire', this.core.now + abandonedAssociationMilliseconds, () =>
      this.retire(association),
    );
  }

  retire(association: IkeAssociation): void {
    this.#associations.delete(association);
    association.destroy();
  }

  /** The peer's DELETE for an IKE SA, already answered. */
  deletedByPeer(association: IkeAssociation): void {
    const successor = this.peerSuccessor?.association;
    if (association === this.#current) {
      if (successor === undefined) {
        this.close(this.#closing ?? { code: 'deleted-by-peer' });
        return;
      }
      this.adopt(successor);
    } else if (association === successor) this.peerSuccessor = undefined;
    this.retire(association);
  }

  accepts(exchange: number): boolean {
    return exchange === exchangeType.createChildSa || exchange === exchangeType.informational;
  }

  onRequest(association: IkeAssociation, exchange: number, payloads: readonly Payload[]): void {
    // The peer uses the new IKE SA: it has our response.
    if (association === this.peerSuccessor?.association && !isIkeDelete(payloads)) this.adopt(association);
    if (exchange === exchangeType.informational) respondInformational(this, association, payloads);
    else if (this.isClosing || association.state !== 'open') {
      association.respond([notify(notifyType.temporaryFailure)]);
    } else respondCreateChild(this, association, payloads);
  }

  onHeard(association: IkeAssociation): void {
    this.#heartbeat.heard();
    const { remote } = association.path;
    if (association === this.#current && this.#remote && !sameEndpoint(remote, this.#remote)) {
      this.#remote = remote;
      this.core.emit({ type: 'peer-moved', connection: this.id, remote });
    }
  }

  onUnanswered(association: IkeAssociation): void {
    if (association === this.#current) this.close(this.#closing ?? { code: 'dead-peer' });
    else this.retire(association);
  }

  onFormatError(_association: IkeAssociation, detail: string): void {
    this.close({ code: 'invalid-message', detail });
  }

  snapshot(): IkeSnapshot {
    return snapshotOf(this);
  }

  /** Tries the rekeying of the IKE SA again later. */
  retryRekeyIke(waitMilliseconds: number): void {
    this.core.timers.set(this, 'rekey', this.core.now + waitMilliseconds, () => this.rekeyIke());
  }

  #setCurrent(association: IkeAssociation, remaining?: RemainingLifetime): void {
    this.#current = association;
    const lifetime = this.configuration.ikeLifetimeSeconds * 1000;
    if (lifetime <= 0) return;
    const jitter = 1 - 0.1 * this.core.randomFraction();
    const { timers, now } = this.core;
    timers.set(this, 'rekey', now + (remaining?.rekeyInMilliseconds ?? lifetime * jitter), () =>
      this.rekeyIke(),
    );
    timers.set(this, 'expire', now + (remaining?.expireInMilliseconds ?? lifetime * 1.1), () =>
      this.closeWithDelete(this.lastRefusal ?? { code: 'dead-peer' }),
    );
  }

  #rekeyChild(child: Child): void {
    if (child.state !== 'active' || !this.children.has(child) || this.isClosing) return;
    this.#current?.enqueue(new CreateChild(this, child.configuration, child));
  }

  #expireChild(child: Child): void {
    if (child.state === 'deleting' || child.state === 'redundant') {
      this.children.remove(child, 0);
      return;
    }
    const id = child.configuration.association;
    const reason = child.lastRefusal ?? { code: 'dead-peer' };
    const others = this.children.of(id).filter((other) => other !== child && other.state === 'active');
    this.deleteChild(child);
    if (others.length === 0) this.childFailed(id, reason);
  }

  #localSelectors(configuration: ChildConfiguration): readonly TrafficSelector[] {
    if (configuration.localSelectors.length > 0) return configuration.localSelectors;
    const virtual = this.#establishment?.virtualAddresses ?? [];
    if (this.configuration.role === 'initiator' && virtual.length > 0) return selectorsOfAddresses(virtual);
    return this.#current === undefined ? [] : selectorsOfAddresses([this.#current.path.local.address]);
  }

  #remoteSelectors(configuration: ChildConfiguration): readonly TrafficSelector[] {
    const { remoteSelectors } = configuration;
    const virtual = selectorsOfAddresses(this.#establishment?.virtualAddresses ?? []);
    if (this.configuration.role === 'responder' && virtual.length > 0) {
      return remoteSelectors.length > 0 ? intersectSelectors(virtual, remoteSelectors) : virtual;
    }
    if (remoteSelectors.length > 0) return remoteSelectors;
    if (this.configuration.role === 'initiator') return selectorsOfEverything({ ip4: true, ip6: true });
    return this.#current === undefined ? [] : selectorsOfAddresses([this.#current.path.remote.address]);
  }
}
