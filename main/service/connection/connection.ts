// One client connection: carries out what its state machine asks for, with the agreement (IKE), the tunnel that all
// connections share, and the profile's credentials.
import type { Failure } from '../../control/failure.ts';
import type {
  ConnectionId,
  Identity,
  IkeConfiguration,
  IkeDetails,
  IkeFailure,
} from '../../engine/ike/contract.ts';
import {
  type AddressRange,
  type Endpoint,
  everyAddress,
  type IpAddress,
  parsePrefix,
  prefixToRange,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { TrafficSelector } from '../../engine/policy/selector.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import type { Agreement, AgreementParty } from '../agreement/agreement.ts';
import type { Authenticator } from '../agreement/authenticator.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution, Tunnel } from '../tunnel/tunnel.ts';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionModel,
  idleConnection,
  stepConnection,
} from './machine.ts';

export interface ConnectionSurroundings {
  readonly tunnel: Tunnel;
  readonly authenticator: Authenticator;
  /** Addresses of the gateway's name, preferred first. */
  resolve(name: string): Promise<readonly IpAddress[]>;
  /** Throws CredentialError. */
  ikeConfiguration(
    profile: Profile,
    association: AssociationId,
    localAddress: IpAddress | undefined,
  ): IkeConfiguration;
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
  log(level: 'info' | 'warning', text: string): void;
}

/** A failure that the state machine understands, thrown by what prepares or configures. */
export class ConnectionProblem extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

export class Connection implements AgreementParty {
  readonly profile: Profile;
  readonly association: AssociationId;
  readonly owner: number;
  readonly keepTrying: boolean;
  readonly #surroundings: ConnectionSurroundings;
  readonly #changed: () => void;
  #model: ConnectionModel;
  #ike: ConnectionId | undefined;
  #remote: Endpoint | undefined;
  #details: IkeDetails | undefined;
  /** Of the latest agreement; kept while there is none, so that what was protected stays so. */
  #remoteSelectors: readonly TrafficSelector[] = [];
  #virtualAddresses: readonly IpAddress[] = [];
  #cancelTimer: (() => void) | undefined;
  /** Set while a child exists whose packets can be sealed. */
  #childInstalled = false;
  #cleaned: Promise<void> = Promise.resolve();

  constructor(
    profile: Profile,
    association: AssociationId,
    owner: number,
    keepTrying: boolean,
    surroundings: ConnectionSurroundings,
    changed: () => void,
  ) {
    this.profile = profile;
    this.association = association;
    this.owner = owner;
    this.keepTrying = keepTrying;
    this.#surroundings = surroundings;
    this.#changed = changed;
    this.#model = idleConnection(surroundings.now());
  }

  get model(): ConnectionModel {
    return this.#model;
  }
  get ikeConnection(): ConnectionId | undefined {
    return this.#ike;
  }
  get details(): IkeDetails | undefined {
    return this.#details;
  }
  get remoteSelectors(): readonly TrafficSelector[] {
    return this.#remoteSelectors;
  }

  up(): void {
    this.#dispatch({ type: 'up' });
  }

  /** Resolves when the computer is as it was before. */
  async down(): Promise<void> {
    this.#dispatch({ type: 'down' });
    await this.#cleaned;
  }

  retry(): void {
    this.#dispatch({ type: 'retry' });
  }

  networkChanged(): void {
    this.#dispatch({ type: 'network-changed' });
  }

  /** A packet waits for one of the connection's SAs. */
  agreementNeeded(): void {
    if (this.#model.phase === 'running' && this.#ike !== undefined) {
      this.#agreement?.createChild(this.#ike, this.association);
      return;
    }
    this.#dispatch({ type: 'traffic' });
  }

  /** Ends the IKE SA without undoing anything on the computer: the service stops, the block stays. */
  abandon(): void {
    this.#cancelTimer?.();
    if (this.#ike !== undefined) this.#agreement?.disconnect(this.#ike, true);
  }

  /** The adapter or the sockets are gone, and with them every SA. */
  adapterFailed(detail: string): void {
    this.#forgetIke();
    this.#dispatch({ type: 'closed', reason: { code: 'adapter-failed', detail } });
  }

  get #agreement(): Agreement | undefined {
    return this.#surroundings.tunnel.session?.agreement;
  }

  // What the agreement asks and tells.

  get keyed() {
    return { lifetime: this.profile.esp.lifetime, replayWindow: this.profile.esp.replayWindow };
  }
  preSharedKey(_local: Identity, remote: Identity): Promise<Uint8Array | undefined> {
    return this.#surroundings.authenticator.preSharedKey(this.profile, remote);
  }
  sign(...[scheme, data]: Parameters<AgreementParty['sign']>) {
    return this.#surroundings.authenticator.sign(this.profile, scheme, data);
  }
  verifyPeer(proof: Parameters<AgreementParty['verifyPeer']>[0]) {
    return this.#surroundings.authenticator.verifyPeer(this.profile, proof);
  }
  assignAddresses() {
    return { dns: [] };
  }
  established(details: IkeDetails): void {
    this.#details = details;
    this.#virtualAddresses = details.virtualAddresses;
    this.#changed();
  }
  childInstalled(
    child: Parameters<AgreementParty['childInstalled']>[0],
    direction: 'inbound' | 'outbound' | 'both',
  ): void {
    if (direction === 'inbound') return;
    this.#remoteSelectors = child.remoteSelectors;
    this.#childInstalled = true;
    this.#dispatch({ type: 'established' });
    this.#changed();
  }
  childRemoved(): void {
    this.#changed();
  }
  childFailed(association: AssociationId, reason: IkeFailure): void {
    if (this.#model.phase === 'agreeing') {
      this.#releaseIke(false);
      this.#dispatch({ type: 'closed', reason });
      return;
    }
    this.#surroundings.tunnel.session?.data.agreementFailed(association, this.#surroundings.now() + 1000);
  }
  closed(reason: IkeFailure): void {
    this.#forgetIke();
    this.#surroundings.log('info', `${this.profile.name}: the IKE SA ended (${reason.code})`);
    this.#dispatch({ type: 'closed', reason });
  }

  // The state machine's effects.

  #dispatch(event: ConnectionEvent): void {
    const before = this.#model;
    const policy = { start: this.profile.start, keepTrying: this.keepTrying };
    const { model, effects } = stepConnection(before, event, policy, this.#surroundings.now());
    this.#model = model;
    if (model.state !== before.state) {
      const why = model.why === undefined ? '' : ` (${model.why.code})`;
      this.#surroundings.log(
        model.state === 'failed' ? 'warning' : 'info',
        `${this.profile.name}: ${model.state}${why}`,
      );
    }
    for (const effect of effects) this.#carryOut(effect);
    if (model !== before) this.#changed();
  }

  #carryOut(effect: ConnectionEffect): void {
    switch (effect.type) {
      case 'prepare':
        this.#run(this.#prepare(), 'prepared', 'prepare-failed');
        return;
      case 'agree':
        this.#run(this.#agree(), undefined, 'closed');
        return;
      case 'configure':
        this.#run(this.#contribute(), 'configured', 'configure-failed');
        return;
      case 'release-ike':
        this.#releaseIke(effect.abrupt);
        return;
      case 'clean':
        this.#cleaned = this.#clean();
        return;
      case 'answer-waiting':
        this.#surroundings.tunnel.session?.data.agreementFailed(this.association, effect.retryAtMilliseconds);
        return;
      case 'set-timer':
        this.#cancelTimer?.();
        this.#cancelTimer =
          effect.atMilliseconds === undefined
            ? undefined
            : this.#surroundings.schedule(effect.atMilliseconds, () => this.#dispatch({ type: 'timer' }));
        return;
    }
  }

  #run(
    work: Promise<void>,
    done: 'prepared' | 'configured' | undefined,
    failed: 'prepare-failed' | 'configure-failed' | 'closed',
  ): void {
    work.then(
      () => {
        if (done !== undefined) this.#dispatch({ type: done });
      },
      (error: unknown) => {
        const failure = failureOf(error);
        this.#surroundings.log('warning', `${this.profile.name}: ${failure.code}: ${describe(error)}`);
        if (failed === 'closed') this.#dispatch({ type: 'closed', reason: failure });
        else this.#dispatch({ type: failed, failure });
      },
    );
  }

  async #prepare(): Promise<void> {
    const { tunnel } = this.#surroundings;
    const { port } = this.profile.gateway;
    const reaching = this.#resolveGateway().then((addresses) => tunnel.firstReachable(addresses, port));
    const [remote] = await Promise.all([reaching, this.#openTunnel()]);
    if (remote === undefined) throw new ConnectionProblem({ code: 'no-network' });
    this.#remote = remote;
    await this.#contribute();
  }

  async #openTunnel(): Promise<void> {
    try {
      await this.#surroundings.tunnel.open('client');
    } catch (error) {
      throw new ConnectionProblem({ code: 'adapter-failed', detail: describe(error) });
    }
  }

  async #contribute(): Promise<void> {
    try {
      await this.#surroundings.tunnel.contribute(this.#contribution());
    } catch (error) {
      throw new ConnectionProblem({ code: 'network-failed', detail: describe(error) });
    }
  }

  async #resolveGateway(): Promise<readonly IpAddress[]> {
    const name = this.profile.gateway.address ?? '';
    try {
      return await this.#surroundings.resolve(name);
    } catch {
      throw new ConnectionProblem({ code: 'name-not-resolved', name });
    }
  }

  async #agree(): Promise<void> {
    const { tunnel } = this.#surroundings;
    const remote = this.#remote!;
    const agreement = this.#agreement;
    if (agreement === undefined) return;
    const local = tunnel.localEndpointTowards(remote);
    const configuration = this.#surroundings.ikeConfiguration(this.profile, this.association, local.address);
    this.#ike = agreement.connect(this, configuration, local, remote);
  }

  #releaseIke(abrupt: boolean): void {
    const ike = this.#ike;
    if (ike === undefined) return;
    this.#forgetIke();
    this.#agreement?.disconnect(ike, abrupt);
    this.#agreement?.forget(ike);
  }

  #forgetIke(): void {
    this.#ike = undefined;
    this.#details = undefined;
    this.#childInstalled = false;
  }

  async #clean(): Promise<void> {
    try {
      await this.#surroundings.tunnel.withdraw(this.profile.name);
    } finally {
      this.#dispatch({ type: 'cleaned' });
    }
  }

  #contribution(): StatedContribution {
    const { profile } = this;
    const wanted = new AddressSet(this.#protectedRanges());
    const carried = new AddressSet(this.#remoteSelectors.map((selector) => selector.addresses));
    const remote = carried.isEmpty ? wanted : wanted.intersect(carried);
    const onDemand = profile.start === 'on-demand';
    return {
      profile: profile.name,
      rows: profile.filter,
      protections: [
        {
          association: this.association,
          label: `what ${profile.name} protects`,
          local: [],
          remote: remote.ranges,
        },
      ],
      association: this.association,
      uncarried: wanted.subtract(remote).ranges,
      allowLocalNetwork: profile.failClosed.allowLocalNetwork,
      defaultAction: profile.defaultAction,
      failClosed: profile.failClosed.whenDown === 'block',
      lockdown: profile.failClosed.lockdown,
      captureAll: profile.network.capture === 'all',
      gateway: this.#remote,
      routed: this.#childInstalled || onDemand || this.#model.everConnected,
      virtualAddresses: this.#virtualAddresses,
      dnsServers: profile.network.dns ? (this.#details?.dns ?? []) : [],
      mtu: profile.network.mtu,
    };
  }

  #protectedRanges(): readonly AddressRange[] {
    const { protect } = this.profile.network;
    if (protect === 'everything') return [everyAddress(4), everyAddress(6)];
    if (protect === 'gateway') return this.#remoteSelectors.map((selector) => selector.addresses);
    return protect.map((text) => prefixToRange(parsePrefix(text)!));
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof ConnectionProblem) return error.failure;
  if (error instanceof CredentialError) return { code: 'secret-missing', name: error.message };
  return { code: 'unexpected', detail: describe(error) };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
