// One client connection: carries out what its state machine asks for, with the agreement (IKE), the tunnel that all
// connections share, and the profile's credentials.
import { ControlError, type Failure } from '../../control/failure.ts';
import type { ConnectionId, Identity, IkeDetails, IkeFailure } from '../../engine/ike/contract.ts';
import { parseAddress } from '../../engine/packet/address.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { CardDescription } from '../../keys/card/contract.ts';
import type { Agreement, AgreementParty } from '../agreement/agreement.ts';
import type { UnlockedKey } from '../cards/card-keys.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';
import { Agreed } from './agreed.ts';
import { CardHold } from './card-hold.ts';
import { type ClientConnectionNow, clientContribution, shieldedByName } from './client-contribution.ts';
import type { ConnectionOptions, ConnectionSurroundings } from './contract.ts';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionModel,
  idleConnection,
  stepConnection,
} from './machine.ts';
import { OwnCredentials } from './own-credentials.ts';
import { acceptPassword, type EapPassword } from './password.ts';
import { Portal } from './portal.ts';
import { ConnectionProblem, describe, failureOf, nameSecret } from './problem.ts';
import { contributeTo, WayToGateway } from './reach.ts';
import { SignOfLife } from './sign-of-life.ts';
import { Suspension } from './suspension.ts';
import { Undertakings } from './undertakings.ts';

export class Connection implements AgreementParty {
  readonly profile: Profile;
  readonly association: AssociationId;
  readonly owner: number;
  readonly keepTrying: boolean;
  readonly #options: ConnectionOptions;
  readonly #surroundings: ConnectionSurroundings;
  readonly #password: EapPassword | undefined;
  readonly #agreed: Agreed;
  readonly #signOfLife: SignOfLife;
  #model: ConnectionModel;
  #ike: ConnectionId | undefined;
  #details: IkeDetails | undefined;
  #cancelTimer: (() => void) | undefined;
  /** Set while a child exists whose packets can be sealed. */
  #childInstalled = false;
  #cleaned: Promise<void> = Promise.resolve();
  readonly #undertakings = new Undertakings();
  #abandoned = false;
  readonly #credentials: OwnCredentials;
  readonly #card: CardHold;
  readonly #suspension: Suspension;
  readonly #portal: Portal;
  readonly #way: WayToGateway;
  /** Goes on with the IKE SA of an earlier process, and has no child yet. */
  #resuming = false;

  constructor(options: ConnectionOptions, surroundings: ConnectionSurroundings) {
    this.profile = options.profile;
    this.association = options.association;
    this.owner = options.owner;
    this.keepTrying = options.keepTrying;
    this.#options = options;
    this.#agreed = new Agreed(options.carried);
    this.#surroundings = surroundings;
    const { profile, owner } = options;
    this.#password = surroundings.authenticator.password(profile, owner);
    this.#credentials = new OwnCredentials(profile, owner, surroundings, this.#password);
    this.#card = new CardHold(profile, surroundings, () => this.#dispatch({ type: 'card-removed' }));
    this.#suspension = new Suspension(profile, owner, surroundings);
    this.#model = idleConnection(surroundings.now());
    this.#signOfLife = new SignOfLife({
      ...surroundings,
      isRunning: () => this.#model.phase === 'running' && this.#ike !== undefined,
      probe: (urgent) => this.#agreement?.probe(this.#ike!, urgent),
      answeredAt: () =>
        this.#agreement?.snapshot().find(({ connection }) => connection === this.#ike)?.roundTrip
          ?.atMilliseconds,
    });
    this.#portal = this.#makePortal();
    this.#way = new WayToGateway(profile, surroundings, () => this.#contribute());
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
  get agreed(): Readonly<Agreed> {
    return this.#agreed;
  }

  /** What it has of the tunnel now, or would have. */
  get contribution(): StatedContribution {
    return clientContribution(this.profile, this.#now);
  }

  get #now(): ClientConnectionNow {
    const { everConnected, phase, attempts } = this.#model;
    return {
      association: this.association,
      carried: this.#agreed.carried,
      reached: this.#way.reached,
      virtualAddresses: this.#agreed.virtualAddresses,
      dnsServers: this.#agreed.dnsServers,
      encapsulation: this.#agreed.encapsulation,
      sealing: this.#childInstalled,
      everConnected,
      passages: this.#portal.passages,
      nameServersForEveryoneUntil: this.#portal.nameServersForEveryoneUntil,
      failing: phase === 'stopped' || phase === 'backing-off' || (everConnected && attempts > 0),
    };
  }

  up(): void {
    this.#surroundings.tunnel.announce(this.contribution);
    this.#dispatch({ type: 'up' });
  }

  /** Resolves when what is protected is shut, as far as it is known, or when that has failed. */
  get shut(): Promise<void> {
    return this.#way.shut;
  }

  /** Resolves when the computer is as it was before. Rejects where a part of it is not; call it again then. */
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

  /** The computer slept: the peer is asked at once, and what was under way begins anew. */
  wokeUp(sleptMilliseconds: number): void {
    this.#dispatch({ type: 'woke-up', sleptSeconds: Math.round(sleptMilliseconds / 1000) });
  }

  /** Something around the connection changed, though not its way: does the peer still answer? */
  doubt(reason: Failure): void {
    this.#signOfLife.doubt(reason);
  }

  /** Lets the captive portal's page through for a while. Throws ControlError no-portal and those of Portal.allow. */
  async allowPortal(): Promise<{ url: string; untilMilliseconds: number }> {
    const { why, phase } = this.#model;
    if (why?.code !== 'captive-portal' || why.url === undefined || phase === 'stopped') {
      throw new ControlError({ code: 'no-portal', profile: this.profile.name });
    }
    return { url: why.url, untilMilliseconds: await this.#portal.allow(why.url) };
  }

  /** Measures the round trip, unless that was done moments ago. */
  measure(): void {
    this.#signOfLife.measure();
  }

  cardRemoved(card: string): void {
    this.#card.removed(card);
  }

  cardInserted(card: CardDescription): void {
    if (this.#card.inserted(card, this.#model)) this.#dispatch({ type: 'retry' });
  }

  /** A packet waits for one of the connection's SAs. */
  agreementNeeded(): void {
    if (this.#model.phase === 'running' && this.#ike !== undefined) {
      this.#agreement?.createChild(this.#ike, this.association);
      return;
    }
    this.#dispatch({ type: 'traffic' });
  }

  /** The service is about to restart: the IKE SA is kept for the next one, where the profile says so and it can be. */
  async suspend(): Promise<void> {
    const agreement = this.#agreement;
    if (this.#model.phase !== 'running' || agreement === undefined || !this.#suspension.isPossible) return;
    const stored = await this.#suspension.giveUp(agreement, () => this.#ike);
    if (stored === undefined) return;
    this.#forgetIke();
    await this.#suspension.keep(stored, this.#card.card);
  }

  /** Ends the IKE SA without undoing anything on the computer, and does nothing more: what is shut stays shut. */
  abandon(): void {
    this.#abandoned = true;
    this.#password?.forget();
    this.#undertakings.giveUp();
    this.#credentials.giveBack();
    this.#card.stopKeeping();
    this.#cancelTimer?.();
    this.#signOfLife.stop();
    this.#portal.end();
    this.#releaseIke(true);
  }

  /** What it authenticates with was taken away: the peer is told without waiting, every key wiped, and it stays shut. */
  keysGone(failure: Failure): void {
    this.#undertakings.giveUp();
    this.#credentials.giveBack();
    this.#dispatch({ type: 'keys-gone', failure });
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
    return this.#credentials.preSharedKey(remote);
  }
  password(...[kind, message]: Parameters<AgreementParty['password']>) {
    return this.#password?.give(kind, message) ?? Promise.resolve(undefined);
  }
  sign(...parameters: Parameters<AgreementParty['sign']>) {
    return this.#credentials.sign(...parameters);
  }
  verifyPeer(proof: Parameters<AgreementParty['verifyPeer']>[0]) {
    return this.#surroundings.authenticator.verifyPeer(this.profile, proof, this.owner);
  }
  assignAddresses() {
    return { dns: [] };
  }
  established(details: IkeDetails): void {
    acceptPassword(this.#password, (text) => this.#warn(text));
    if (this.#refuses({ virtualAddresses: details.virtualAddresses })) return;
    this.#details = details;
    this.#agreed.learnDetails(details);
    this.#surroundings.tunnel.assigned(this.profile.name, details.virtualAddresses);
    this.#options.changed();
  }
  childInstalled(
    child: Parameters<AgreementParty['childInstalled']>[0],
    direction: 'inbound' | 'outbound' | 'both',
  ): void {
    if (direction === 'inbound') return;
    if (this.#refuses({ carried: child.remoteSelectors.map(({ addresses }) => addresses) })) return;
    const isNew = this.#agreed.learnChild(child);
    if (isNew) this.#options.carriedChanged(this.#agreed.carried);
    this.#childInstalled = true;
    this.#resuming = false;
    this.#dispatch({ type: 'established' });
    if (isNew && this.#model.phase === 'running') this.#amend();
    this.#options.changed();
  }
  childRemoved(): void {
    this.#options.changed();
  }
  childFailed(association: AssociationId, reason: IkeFailure): void {
    if (this.#model.phase === 'agreeing') {
      this.#releaseIke(false);
      if (this.#agreesAnew()) return;
      this.#dispatch({ type: 'closed', reason });
      return;
    }
    this.#surroundings.tunnel.session?.data.agreementFailed(association, this.#surroundings.now() + 1000);
  }
  closed(reason: IkeFailure): void {
    this.#forgetIke();
    this.#surroundings.log('info', `${this.profile.name}: the IKE SA ended (${reason.code})`);
    if (this.#agreesAnew()) return;
    if (this.#model.phase === 'agreeing' && this.#password?.mayAskAgain(reason) === true) {
      this.#run((isCurrent) => this.#agree(isCurrent), undefined, 'closed');
      return;
    }
    const known =
      reason.code === 'dead-peer'
        ? this.#signOfLife.takeDoubt()
        : this.#credentials.takeSigningFailure(reason);
    this.#dispatch({
      type: 'closed',
      reason: known ?? nameSecret(this.#password?.explain(reason) ?? reason, this.profile),
    });
  }

  // The state machine's effects.

  #dispatch(event: ConnectionEvent): void {
    if (this.#abandoned) return;
    const before = this.#model;
    const { start, failClosed } = this.profile;
    // What goes its own way while the gateway is silent asks for nothing: the connection has to come back by itself.
    const passes = start === 'on-demand' && failClosed.whenDown === 'bypass';
    const policy = { start, keepTrying: this.keepTrying || passes };
    const { model, effects } = stepConnection(before, event, policy, this.#surroundings.now());
    this.#model = model;
    if (model.state !== before.state) {
      const why = model.why === undefined ? '' : ` (${model.why.code})`;
      this.#surroundings.log(
        model.state === 'failed' ? 'warning' : 'info',
        `${this.profile.name}: ${model.state}${why}`,
      );
    }
    // What it lets through ends before the connection is configured.
    this.#portal.follow(model);
    for (const effect of effects) this.#carryOut(effect);
    if (model !== before) this.#options.changed();
  }

  #carryOut(effect: ConnectionEffect): void {
    switch (effect.type) {
      case 'prepare':
        this.#run(
          (isCurrent) => this.#way.prepare(isCurrent, this.#model.attempts),
          'prepared',
          'prepare-failed',
        );
        return;
      case 'agree':
        this.#run((isCurrent) => this.#agree(isCurrent), undefined, 'closed');
        return;
      case 'probe':
        this.#signOfLife.probe(effect.reason);
        return;
      case 'configure':
        this.#run(() => this.#contribute(), 'configured', 'configure-failed');
        return;
      case 'release-ike':
        this.#credentials.giveBack();
        this.#releaseIke(effect.abrupt);
        return;
      case 'clean':
        this.#clean();
        return;
      case 'answer-waiting':
        this.#surroundings.tunnel.session?.data.agreementFailed(this.association, effect.retryAtMilliseconds);
        if (this.profile.failClosed.whenDown === 'bypass') this.#amend();
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
    work: (isCurrent: () => boolean) => Promise<void>,
    done: 'prepared' | 'configured' | undefined,
    failed: 'prepare-failed' | 'configure-failed' | 'closed',
  ): void {
    this.#credentials.giveBack();
    this.#undertakings.begin(
      work,
      () => {
        if (done !== undefined) this.#dispatch({ type: done });
      },
      (error) => {
        const failure = failureOf(error, 'unexpected');
        this.#warn(`${failure.code}: ${describe(error)}`);
        if (failed === 'closed') this.#dispatch({ type: 'closed', reason: failure });
        else this.#dispatch({ type: failed, failure });
      },
    );
  }

  #contribute(): Promise<void> {
    return contributeTo(this.#surroundings.tunnel, this.contribution);
  }

  async #agree(isCurrent: () => boolean): Promise<void> {
    await this.#credentials.openVaults();
    if (!isCurrent()) return;
    if (await this.#resumed(isCurrent)) return;
    if (!isCurrent() || !(await this.#credentials.acquire(isCurrent))) return;
    this.#card.card = this.#credentials.card;
    this.#card.stopKeeping();
    const { agreement, configuration, ends } = this.#outset(this.#credentials.signingKey);
    const ike = agreement.connect(this, configuration, ...ends);
    if (this.#model.phase === 'agreeing') this.#ike = ike;
  }

  #outset(key: UnlockedKey | undefined) {
    const { endpoint, underlay } = this.#way.reached!;
    const session = this.#surroundings.tunnel.session;
    if (session === undefined)
      throw new ConnectionProblem({ code: 'adapter-failed', detail: 'it is closed' });
    const address = parseAddress(underlay.source)!;
    const local = { address, port: session.localPort(address.family) };
    const { profile, association, owner } = this;
    const configuration = this.#surroundings.ikeConfiguration(profile, association, address, key, owner);
    return { agreement: session.agreement, configuration, ends: [local, endpoint] as const };
  }

  /** Goes on with the IKE SA that an earlier process kept. False: there is none. */
  async #resumed(isCurrent: () => boolean): Promise<boolean> {
    const kept = await this.#suspension.take();
    if (kept === undefined) return false;
    const { stored, elapsedMilliseconds, card } = kept;
    if (!isCurrent()) {
      this.#surroundings.freeSecret?.(stored);
      return true;
    }
    const { agreement, configuration, ends } = this.#outset(undefined);
    this.#surroundings.log('info', `${this.profile.name}: goes on with its IKE SA of before`);
    this.#resuming = true;
    this.#card.card = card;
    const ike = agreement.resume(this, configuration, ends, stored, elapsedMilliseconds);
    if (this.#model.phase === 'agreeing' && this.#resuming) this.#ike = ike;
    return true;
  }

  /** The peer does not know us any more, or not like that: no failure, but an agreement as ever. */
  #agreesAnew(): boolean {
    if (!this.#resuming) return false;
    this.#resuming = false;
    if (this.#model.phase !== 'agreeing') return false;
    this.#run((isCurrent) => this.#agree(isCurrent), undefined, 'closed');
    return true;
  }

  #releaseIke(abrupt: boolean): void {
    const ike = this.#ike;
    if (ike === undefined) return;
    this.#forgetIke();
    // Forgotten first: that it ends now is no news to us.
    this.#agreement?.forget(ike);
    this.#agreement?.disconnect(ike, abrupt);
  }

  #forgetIke(): void {
    this.#password?.exchangeEnded();
    this.#ike = undefined;
    this.#details = undefined;
    this.#childInstalled = false;
  }

  #clean(): void {
    this.#password?.forget();
    this.#signOfLife.stop();
    this.#card.stopKeeping();
    this.#undertakings.giveUp();
    this.#cleaned = this.#surroundings.tunnel.withdraw(this.profile.name).then(
      () => this.#dispatch({ type: 'cleaned' }),
      (error: unknown) => {
        const failure: Failure = { code: 'network-failed', detail: describe(error) };
        this.#warn(describe(error));
        this.#dispatch({ type: 'clean-failed', failure });
        throw new ConnectionProblem(failure);
      },
    );
    this.#cleaned.catch(() => undefined);
  }

  /** The tunnel follows what is known now. */
  #amend(): void {
    this.#surroundings.tunnel.amend(this.contribution).catch((error: unknown) => {
      this.#warn(describe(error));
    });
  }

  #makePortal(): Portal {
    const { portalSearch, tunnel, resolve, now, schedule } = this.#surroundings;
    return new Portal({
      search: portalSearch,
      profile: this.profile.name,
      resolve: (name) => resolve(name, tunnel.nameServers),
      link: () => this.#way.reached?.underlay.interfaceName,
      unanswered: () =>
        this.#agreement
          ?.snapshot()
          .some(({ connection, answered }) => connection === this.#ike && !answered) ?? false,
      isShielded: (address) => shieldedByName(this.profile, this.#agreed.carried, address),
      amend: async () => {
        await tunnel.amend(this.contribution).catch((error: unknown) => {
          this.#warn(describe(error));
        });
      },
      found: (url) => {
        this.#releaseIke(true);
        this.#dispatch({ type: 'closed', reason: { code: 'captive-portal', url } });
      },
      gone: () => this.#dispatch({ type: 'retry' }),
      now,
      schedule,
    });
  }

  #warn(text: string): void {
    this.#surroundings.log('warning', `${this.profile.name}: ${text}`);
  }

  /** Closes what was agreed where it cannot be beside what another connection has. */
  #refuses(agreed: Partial<ClientConnectionNow>): boolean {
    const failure = this.#surroundings.conflict(
      clientContribution(this.profile, { ...this.#now, ...agreed }),
    );
    if (failure === undefined) return false;
    this.#warn(`${failure.code} (${failure.other})`);
    this.#releaseIke(false);
    this.#dispatch({ type: 'closed', reason: failure });
    return true;
  }
}
