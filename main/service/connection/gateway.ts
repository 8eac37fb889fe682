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
import { type AddressPrefix, parseAddress, parsePrefix } from '../../engine/packet/address.ts';
import type { TrafficSelector } from '../../engine/policy/selector.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { AddressPool } from '../agreement/address-pool.ts';
import type { Agreement, AgreementParty, AssignedAddresses } from '../agreement/agreement.ts';
import type { Authenticator } from '../agreement/authenticator.ts';
import type { Profile } from '../profile/contract.ts';
import { formatIdentity } from '../profile/identity.ts';
import type { Protection } from '../tunnel/contribution.ts';
import type { StatedContribution, Tunnel } from '../tunnel/tunnel.ts';

export interface GatewaySurroundings {
  readonly tunnel: Tunnel;
  readonly authenticator: Authenticator;
  ikeConfiguration(profile: Profile, association: AssociationId, localAddress: undefined): IkeConfiguration;
  allocateAssociation(): AssociationId;
  now(): number;
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
  readonly #peers = new Map<ConnectionId, Peer>();
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
  get peers(): readonly GatewayPeer[] {
    return [...this.#peers.values()];
  }

  /** Opens the IKE ports and answers from then on. */
  async up(): Promise<void> {
    const { tunnel } = this.#surroundings;
    this.#enter('connecting', undefined);
    try {
      await tunnel.open('gateway');
      // Every peer's configuration is the same but for its association, which is put in when it comes.
      const template = this.#surroundings.ikeConfiguration(this.profile, 0, undefined);
      this.#agreement.setResponder({
        ikeProposals: template.ikeProposals,
        choose: (initiator) => this.#choose(initiator, template),
      });
      await tunnel.contribute(this.#contribution());
      this.#enter('connected', undefined);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#enter('failed', { code: 'adapter-failed', detail });
    }
  }

  async down(): Promise<void> {
    const { tunnel } = this.#surroundings;
    this.stopAnswering();
    await tunnel.withdraw(this.profile.name);
    this.#enter('disconnected', undefined);
  }

  stopAnswering(): void {
    const agreement = this.#surroundings.tunnel.session?.agreement;
    agreement?.setResponder(undefined);
    for (const { connection } of this.#peers.values()) agreement?.disconnect(connection, true);
    this.#peers.clear();
  }

  /** A packet for a peer has no SA any more: ask for a new one. */
  agreementNeeded(association: AssociationId): void {
    const peer = this.peers.find((candidate) => candidate.association === association);
    if (peer !== undefined) this.#agreement.createChild(peer.connection, association);
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
    const configuration = {
      ...template,
      children: template.children.map((child) => ({ ...child, association })),
    };
    return { connection, configuration };
  }

  /** Called by a peer once it has proved itself. */
  admit(peer: Peer): void {
    this.#peers.set(peer.connection, peer);
    this.#changed();
  }

  dismiss(peer: Peer): void {
    if (!this.#peers.delete(peer.connection)) return;
    const sameHolder = [...this.#peers.values()].some(({ name }) => name === peer.name);
    if (!sameHolder) {
      this.#pools.pool4?.release(peer.name);
      this.#pools.pool6?.release(peer.name);
    }
    this.refresh();
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

  /** The peers or their selectors changed: the filter follows. */
  refresh(): void {
    if (this.#state !== 'connected') return;
    this.#surroundings.tunnel.contribute(this.#contribution()).catch((error: Error) => {
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

  #contribution(): StatedContribution {
    return {
      profile: this.profile.name,
      rows: this.profile.filter,
      protections: [...this.#peers.values()].map((peer) => peer.protection),
      association: undefined,
      uncarried: [],
      allowLocalNetwork: true,
      defaultAction: this.profile.defaultAction,
      failClosed: false,
      lockdown: false,
      captureAll: false,
      gateway: undefined,
      routed: true,
      virtualAddresses: [],
      dnsServers: [],
      mtu: this.profile.network.mtu,
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
      label: this.name,
      local: this.#local.map((selector) => selector.addresses),
      remote: this.#remote.map((selector) => selector.addresses),
    };
  }
  preSharedKey(_local: Identity, remote: Identity): Promise<Uint8Array | undefined> {
    return this.#surroundings.authenticator.preSharedKey(this.#gateway.profile, remote);
  }
  sign(...[scheme, data]: Parameters<AgreementParty['sign']>) {
    return this.#surroundings.authenticator.sign(this.#gateway.profile, scheme, data);
  }
  verifyPeer(proof: Parameters<AgreementParty['verifyPeer']>[0]) {
    return this.#surroundings.authenticator.verifyPeer(this.#gateway.profile, proof);
  }
  assignAddresses(_remote: Identity, wants4: boolean, wants6: boolean): AssignedAddresses {
    return this.#gateway.assign(this.name, wants4, wants6);
  }
  established(details: IkeDetails): void {
    this.details = details;
    this.#surroundings.log('info', `${this.#gateway.profile.name}: ${this.name} connected`);
    this.#gateway.admit(this);
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
    this.#surroundings.log('info', `${this.#gateway.profile.name}: ${this.name} left (${reason.code})`);
    this.#gateway.dismiss(this);
  }
}

function prefixOf(text: string): AddressPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`"${text}" is no prefix`);
  return prefix;
}
