// Our own gateway: answers the terminals that come, gives them addresses, and protects what lies behind it. One of
// these serves all peers of a profile with role "gateway".
import type { Failure } from '../../control/failure.ts';
import type { ConnectionState } from '../../control/state.ts';
import type {
  ChildKeys,
  ConnectionId,
  Identity,
  IkeConfiguration,
  IkeDetails,
  IkeFailure,
} from '../../engine/ike/contract.ts';
import {
  type AddressPrefix,
  type AddressRange,
  everyAddress,
  parseAddress,
  parsePrefix,
  prefixToRange,
} from '../../engine/packet/address.ts';
import type { TrafficSelector } from '../../engine/policy/selector.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { AddressPool } from '../agreement/address-pool.ts';
import type { Agreement, AgreementParty, AssignedAddresses } from '../agreement/agreement.ts';
import type { Authenticator } from '../agreement/authenticator.ts';
import type { Profile } from '../profile/contract.ts';
import { formatIdentity } from '../profile/identity.ts';
import type { Protection, StatedContribution } from '../tunnel/contribution.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { backOffMilliseconds } from './machine.ts';
import { describe, failureOf } from './problem.ts';

export interface GatewaySurroundings {
  readonly tunnel: Tunnel;
  readonly authenticator: Authenticator;
  ikeConfiguration(
    profile: Profile,
    association: AssociationId,
    localAddress: undefined,
    key: undefined,
    owner: number,
  ): IkeConfiguration;
  allocateAssociation(): AssociationId;
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  log(level: 'info' | 'warning', text: string): void;
}

/** A peer that has come to us. */
export interface GatewayPeer {
  readonly connection: ConnectionId;
  readonly association: AssociationId;
  readonly details: IkeDetails | undefined;
}

export class Gateway {
  readonly profile: Profile;
  readonly owner: number;
  readonly #surroundings: GatewaySurroundings;
  readonly #changed: () => void;
  readonly #pools: { readonly pool4: AddressPool | undefined; readonly pool6: AddressPool | undefined };
  /** Also those that have not proved themselves yet. */
  readonly #callers = new Map<ConnectionId, Peer>();
  #attempts = 0;
  #cancelRetry: (() => void) | undefined;
  #undertaking = 0;
  #leaving = false;
  #state: ConnectionState = 'disconnected';
  #sinceMilliseconds: number;
  #failure: Failure | undefined;

  constructor(profile: Profile, owner: number, surroundings: GatewaySurroundings, changed: () => void) {
    this.profile = profile;
    this.owner = owner;
    this.#surroundings = surroundings;
    this.#changed = changed;
    this.#sinceMilliseconds = surroundings.now();
    const pool = (text: string | undefined) =>
      text === undefined ? undefined : new AddressPool(prefixOf(text));
    this.#pools = { pool4: pool(profile.responder?.pool4), pool6: pool(profile.responder?.pool6) };
  }

  get state(): ConnectionState {
    return this.#state;
  }
  get sinceMilliseconds(): number {
    return this.#sinceMilliseconds;
  }
  get failure(): Failure | undefined {
    return this.#failure;
  }
  /** On its way down, or there already. */
  get leaving(): boolean {
    return this.#leaving;
  }
  get peers(): readonly GatewayPeer[] {
    return this.#admitted;
  }

  /** Opens the IKE ports and answers from then on. */
  async up(): Promise<void> {
    const { tunnel } = this.#surroundings;
    this.#undertaking += 1;
    const undertaking = this.#undertaking;
    this.#cancelRetry?.();
    tunnel.announce(this.contribution);
    this.#enter('connecting', undefined);
    try {
      await tunnel.open('gateway');
      // Every peer's configuration is the same but for its association, which is put in when it comes.
      const template = this.#surroundings.ikeConfiguration(this.profile, 0, undefined, undefined, this.owner);
      if (undertaking !== this.#undertaking) return;
      await tunnel.contribute(this.contribution);
      if (undertaking !== this.#undertaking) return;
      this.#agreement.setResponder({
        ikeProposals: template.ikeProposals,
        choose: (initiator) => this.#choose(initiator, template),
      });
      this.#attempts = 0;
      this.#enter('connected', undefined);
    } catch (error) {
      if (undertaking !== this.#undertaking) return;
      this.#enter('failed', failureOf(error, 'adapter-failed'));
      if (this.#attempts > 0) this.#tryLater();
    }
  }

  /** Resolves when everything is as it was before. Rejects where a part of it is not; call it again then. */
  async down(): Promise<void> {
    const { tunnel } = this.#surroundings;
    this.stopAnswering();
    try {
      await tunnel.withdraw(this.profile.name);
    } catch (error) {
      this.#enter('failed', { code: 'network-failed', detail: describe(error) });
      throw error;
    }
    this.#enter('disconnected', undefined);
  }

  /** Adapter and ports are gone, and every SA with them: they are opened anew, with longer and longer pauses. */
  sessionFailed(detail: string): void {
    if (this.#leaving) return;
    this.#callers.clear();
    this.#undertaking += 1;
    this.#enter('failed', { code: 'adapter-failed', detail });
    this.#tryLater();
  }

  /** Whoever is there is told, and nobody is answered any more. */
  stopAnswering(): void {
    this.#leaving = true;
    this.#undertaking += 1;
    this.#cancelRetry?.();
    const agreement = this.#surroundings.tunnel.session?.agreement;
    agreement?.setResponder(undefined);
    const callers = [...this.#callers.keys()];
    this.#callers.clear();
    for (const connection of callers) {
      agreement?.forget(connection);
      agreement?.disconnect(connection, true);
    }
  }

  /** A packet for a peer has no SA any more: ask for a new one. */
  agreementNeeded(association: AssociationId): void {
    const peer = this.peers.find((candidate) => candidate.association === association);
    if (peer !== undefined) this.#agreement.createChild(peer.connection, association);
  }

  #tryLater(): void {
    this.#attempts += 1;
    const at = this.#surroundings.now() + backOffMilliseconds(this.#attempts);
    this.#cancelRetry?.();
    this.#cancelRetry = this.#surroundings.schedule(at, () => void this.up());
  }

  get #admitted(): readonly Peer[] {
    return [...this.#callers.values()].filter(({ details }) => details !== undefined);
  }

  get #agreement(): Agreement {
    const { session } = this.#surroundings.tunnel;
    if (session === undefined) throw new Error('the tunnel is closed');
    return session.agreement;
  }

  #choose(initiator: Identity, template: IkeConfiguration) {
    const association = this.#surroundings.allocateAssociation();
    const peer = new Peer(this, this.#surroundings, formatIdentity(initiator), association);
    const connection = this.#agreement.adopt(peer);
    peer.connection = connection;
    this.#callers.set(connection, peer);
    const configuration = {
      ...template,
      // No remote selectors: a terminal speaks for the address that we gave it, or else for its own, and never for
      // what it claims beyond.
      children: template.children.map((child) => ({ ...child, association, remoteSelectors: [] })),
    };
    return { connection, configuration };
  }

  dismiss(peer: Peer): void {
    if (!this.#callers.delete(peer.connection)) return;
    // The same terminal may be back already, with the address that it had.
    const sameHolder = [...this.#callers.values()].some(({ name }) => name === peer.name);
    if (!sameHolder) {
      this.#pools.pool4?.release(peer.name);
      this.#pools.pool6?.release(peer.name);
    }
    if (peer.details !== undefined) this.refresh();
  }

  assign(holder: string, wants4: boolean, wants6: boolean): AssignedAddresses {
    const address4 = wants4 ? this.#pools.pool4?.assign(holder) : undefined;
    const address6 = wants6 ? this.#pools.pool6?.assign(holder) : undefined;
    return {
      ...(address4 && { address4 }),
      ...(address6 && { address6 }),
      dns: (this.profile.responder?.dns ?? []).map((text) => parseAddress(text)!),
    };
  }

  /**
   * The peers or their selectors changed: the filter follows at once, so that a peer which has our answer finds it in
   * force.
   */
  refresh(): void {
    if (this.#state !== 'connected' || this.#leaving) return;
    this.#surroundings.tunnel.amend(this.contribution).catch((error: Error) => {
      this.#surroundings.log('warning', `${this.profile.name}: ${error.message}`);
    });
    this.#changed();
  }

  #enter(state: ConnectionState, failure: Failure | undefined): void {
    this.#state = state;
    this.#failure = failure;
    this.#sinceMilliseconds = this.#surroundings.now();
    this.#surroundings.log('info', `${this.profile.name}: ${state}`);
    this.#changed();
  }

  /** What it has of the tunnel now, or would have. */
  get contribution(): StatedContribution {
    const { pool4, pool6, networks = [] } = this.profile.responder ?? { pool4: undefined, pool6: undefined };
    const pools = [pool4, pool6].flatMap((text) => (text === undefined ? [] : [rangeOf(text)]));
    return {
      profile: this.profile.name,
      rows: this.profile.filter,
      // Latest first: where a terminal that was lost comes back, the SAs of its former life get no packets.
      protections: this.#admitted.map((peer) => peer.protection).reverse(),
      association: undefined,
      uncarried: [],
      allowLocalNetwork: true,
      defaultAction: this.profile.defaultAction,
      failClosed: false,
      lockdown: false,
      captureAll: false,
      gateway: undefined,
      underlay: undefined,
      routed: true,
      virtualAddresses: [],
      dnsServers: [],
      mtu: this.profile.network.mtu,
      gatewayRole: {
        // Without a pool, a terminal speaks for whatever address it has.
        reserved: pools.length > 0 ? pools : [everyAddress(4), everyAddress(6)],
        offered: networks.map(rangeOf),
      },
    };
  }
}

/** One terminal that talks to our gateway. */
class Peer implements AgreementParty, GatewayPeer {
  connection: ConnectionId = 0;
  readonly name: string;
  readonly association: AssociationId;
  details: IkeDetails | undefined;
  readonly #gateway: Gateway;
  readonly #surroundings: GatewaySurroundings;
  #local: readonly TrafficSelector[] = [];
  #remote: readonly TrafficSelector[] = [];

  constructor(gateway: Gateway, surroundings: GatewaySurroundings, name: string, association: AssociationId) {
    this.#gateway = gateway;
    this.#surroundings = surroundings;
    this.name = name;
    this.association = association;
  }

  get keyed() {
    const { lifetime, replayWindow } = this.#gateway.profile.esp;
    return { lifetime, replayWindow };
  }
  get protection(): Protection {
    return {
      association: this.association,
      label: { code: 'label-text', text: this.name },
      local: this.#local.map((selector) => selector.addresses),
      remote: this.#remote.map((selector) => selector.addresses),
    };
  }
  preSharedKey(_local: Identity, remote: Identity): Promise<Uint8Array | undefined> {
    return this.#surroundings.authenticator.preSharedKey(this.#gateway.profile, remote, this.#gateway.owner);
  }
  /** A gateway's profile has a key of its own. */
  password(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  sign(...[scheme, data]: Parameters<AgreementParty['sign']>) {
    return this.#surroundings.authenticator.sign(this.#gateway.profile, scheme, data, this.#gateway.owner);
  }
  verifyPeer(proof: Parameters<AgreementParty['verifyPeer']>[0]) {
    return this.#surroundings.authenticator.verifyPeer(this.#gateway.profile, proof, this.#gateway.owner);
  }
  assignAddresses(_remote: Identity, wants4: boolean, wants6: boolean): AssignedAddresses {
    return this.#gateway.assign(this.name, wants4, wants6);
  }
  established(details: IkeDetails): void {
    this.details = details;
    this.#surroundings.log('info', `${this.#gateway.profile.name}: ${this.name} connected`);
    this.#gateway.refresh();
  }
  childInstalled(child: ChildKeys): void {
    this.#local = child.localSelectors;
    this.#remote = child.remoteSelectors;
    this.#gateway.refresh();
  }
  childRemoved(): void {}
  childFailed(association: AssociationId): void {
    const retryAt = this.#surroundings.now() + 1000;
    this.#surroundings.tunnel.session?.data.agreementFailed(association, retryAt);
  }
  closed(reason: IkeFailure): void {
    const what = this.details === undefined ? 'was refused' : 'left';
    this.#surroundings.log('info', `${this.#gateway.profile.name}: ${this.name} ${what} (${reason.code})`);
    this.#gateway.dismiss(this);
  }
}

function rangeOf(text: string): AddressRange {
  return prefixToRange(prefixOf(text));
}

function prefixOf(text: string): AddressPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`"${text}" is no prefix`);
  return prefix;
}
