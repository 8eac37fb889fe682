// The child SAs of a connection: installing, switching over, removing, and their lifetimes. They belong to the
// connection and not to an IKE SA, since a rekeyed IKE SA inherits them (RFC 7296 section 2.8).
import type { AssociationId } from '../sa/parameters.ts';
import type { AgreedChild } from './child-negotiation.ts';
import type { ChildKeys, ConnectionId, IkeConfiguration, IkeFailure } from './contract.ts';
import type { EngineCore } from './core.ts';
import type { ChildKeyPair } from './key-derivation.ts';

export interface Child extends AgreedChild {
  readonly encapsulation: 'udp' | 'native';
  readonly installedAt: number;
  /**
   * active: in use. rekeying: our rekey request is under way. replaced: the peer has rekeyed it and will delete it.
   * deleting: we have replaced it, or want it gone. redundant: lost a simultaneous rekeying; its maker will delete it.
   */
  state: 'active' | 'rekeying' | 'replaced' | 'deleting' | 'redundant';
  /** The child by which the peer replaces this one, and the lower nonce of that exchange (section 2.8.1). */
  peerReplacement: { readonly child: Child; readonly lowestNonce: Uint8Array } | undefined;
  /** Our key for sending, until it is safe to send: the peer may not have installed its side yet. */
  heldOutboundKey: Uint8Array | undefined;
  /** Why the latest rekeying did not succeed. */
  lastRefusal: IkeFailure | undefined;
}

/** What is to happen at the end of a child's lifetimes. */
export interface ChildLifetimeEvents {
  onSoftLimit(child: Child): void;
  onHardLimit(child: Child): void;
}

const none = new Uint8Array(0);

export class Children {
  readonly #core: EngineCore;
  readonly #connection: ConnectionId;
  readonly #configuration: IkeConfiguration;
  readonly #events: ChildLifetimeEvents;
  readonly #children = new Set<Child>();

  constructor(
    core: EngineCore,
    connection: ConnectionId,
    configuration: IkeConfiguration,
    events: ChildLifetimeEvents,
  ) {
    this.#core = core;
    this.#connection = connection;
    this.#configuration = configuration;
    this.#events = events;
  }

  /**
   * Takes the keys over. 'both': the peer surely receives already. 'inbound': our sending key is held back until
   * `activateOutbound`.
   */
  install(
    agreed: AgreedChild,
    encapsulation: 'udp' | 'native',
    keys: ChildKeyPair,
    weInitiated: boolean,
    direction: 'both' | 'inbound',
  ): Child {
    const inbound = weInitiated ? keys.responder : keys.initiator;
    const outbound = weInitiated ? keys.initiator : keys.responder;
    const child: Child = {
      ...agreed,
      encapsulation,
      installedAt: this.#core.now,
      state: 'active',
      peerReplacement: undefined,
      heldOutboundKey: direction === 'both' ? undefined : outbound,
      lastRefusal: undefined,
    };
    this.#children.add(child);
    this.#startLifetimes(child);
    this.#emitInstall(child, direction, inbound, direction === 'both' ? outbound : none);
    return child;
  }

  /** From now on we send under this child. */
  activateOutbound(child: Child): void {
    const key = child.heldOutboundKey;
    if (key === undefined) return;
    child.heldOutboundKey = undefined;
    this.#emitInstall(child, 'outbound', none, key);
  }

  /** We will never send under this child. */
  dropHeldKey(child: Child): void {
    if (child.heldOutboundKey !== undefined) this.#core.environment.freeSecret(child.heldOutboundKey);
    child.heldOutboundKey = undefined;
  }

  remove(child: Child, lingerSeconds: number): void {
    if (!this.#children.delete(child)) return;
    this.#core.timers.clear(child);
    this.dropHeldKey(child);
    this.#core.emit({
      type: 'remove-child',
      connection: this.#connection,
      association: child.configuration.association,
      inboundSpi: child.inboundSpi,
      outboundSpi: child.outboundSpi,
      lingerSeconds,
    });
  }

  removeAll(): void {
    for (const child of [...this.#children]) this.remove(child, 0);
  }

  has(child: Child): boolean {
    return this.#children.has(child);
  }

  all(): Child[] {
    return [...this.#children];
  }

  byInboundSpi(spi: number): Child | undefined {
    return this.all().find((child) => child.inboundSpi === spi);
  }

  byOutboundSpi(spi: number): Child | undefined {
    return this.all().find((child) => child.outboundSpi === spi);
  }

  of(association: AssociationId): Child[] {
    return this.all().filter((child) => child.configuration.association === association);
  }

  /** Tries the rekeying again later. */
  retrySoftLimit(child: Child, waitMilliseconds: number): void {
    this.#core.timers.set(child, 'rekey', this.#core.now + waitMilliseconds, () =>
      this.#events.onSoftLimit(child),
    );
  }

  rekeyAt(child: Child): number | undefined {
    return this.#core.timers.at(child, 'rekey');
  }

  #startLifetimes(child: Child): void {
    const { softSeconds, hardSeconds } = this.#configuration.childLifetime;
    const { timers, now } = this.#core;
    if (softSeconds !== undefined) {
      const jitter = 1 - 0.1 * this.#core.randomFraction();
      timers.set(child, 'rekey', now + softSeconds * 1000 * jitter, () => this.#events.onSoftLimit(child));
    }
    if (hardSeconds !== undefined) {
      timers.set(child, 'expire', now + hardSeconds * 1000, () => this.#events.onHardLimit(child));
    }
  }

  #emitInstall(
    child: Child,
    direction: 'inbound' | 'outbound' | 'both',
    inboundKey: Uint8Array,
    outboundKey: Uint8Array,
  ): void {
    const keys: ChildKeys = {
      association: child.configuration.association,
      proposal: child.proposal,
      encapsulation: child.encapsulation,
      inbound: { spi: child.inboundSpi, keyMaterial: inboundKey },
      outbound: { spi: child.outboundSpi, keyMaterial: outboundKey },
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
    };
    this.#core.emit({ type: 'install-child', connection: this.#connection, child: keys, direction });
  }
}
