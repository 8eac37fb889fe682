// All connections of the service by profile: who may be up beside whom, and who a packet or an ending session concerns.
import { ControlError, type Failure } from '../../control/failure.ts';
import type { AddressRange } from '../../engine/packet/address.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { CardDescription } from '../../keys/card/contract.ts';
import { rangesOf, textsOf } from '../carried-networks.ts';
import type { Log } from '../log.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';
import { type Conflict, conflictWith } from '../tunnel/overlap.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { WantedConnections } from '../wanted.ts';
import { Connection } from './connection.ts';
import type { ConnectionSurroundings } from './contract.ts';
import { Gateway, type GatewaySurroundings } from './gateway.ts';
import { ConnectionProblem } from './problem.ts';

export type ManagerSurroundings = Omit<ConnectionSurroundings, 'tunnel' | 'log' | 'conflict'> &
  Omit<GatewaySurroundings, 'tunnel' | 'allocateAssociation' | 'log'> & {
    readonly tunnel: Tunnel;
    /** `owner`: whose connection it tells. */
    readonly log: Log;
    readonly wanted: WantedConnections;
  };

/** Beside one another; there is no more in a person's day, and looking for overlaps compares each with each. */
const mostConnections = 16;

export class ConnectionManager {
  readonly #surroundings: ManagerSurroundings;
  readonly #connections = new Map<string, Connection>();
  readonly #gateways = new Map<string, Gateway>();
  readonly #listeners = new Set<() => void>();
  #nextAssociation: AssociationId = 1;

  constructor(surroundings: ManagerSurroundings) {
    this.#surroundings = surroundings;
  }

  get connections(): readonly Connection[] {
    return [...this.#connections.values()];
  }
  get gateways(): readonly Gateway[] {
    return [...this.#gateways.values()];
  }

  /**
   * Opens the profile's connection; where it had failed, anew, by the profile as it is now. `text`: the profile's file,
   * remembered in case it is gone after a crash. Nothing is changed where it throws ControlError: networks-overlap,
   * address-taken or defaults-differ (who is up protects some of it already), gateway-first or connection-exists (of a
   * gateway of ours), too-much.
   */
  up(profile: Profile, owner: number, keepTrying: boolean, text?: string): Connection | Gateway {
    const { wanted } = this.#surroundings;
    const existing = this.#connections.get(profile.name) ?? this.#gateways.get(profile.name);
    if (existing !== undefined && isUnderWay(existing)) {
      if (existing instanceof Connection && existing.model.phase === 'backing-off') existing.retry();
      return existing;
    }
    const opened =
      profile.role === 'gateway'
        ? this.#makeGateway(profile, owner)
        : this.#makeConnection(profile, owner, keepTrying, existing);
    this.#admit(opened);
    wanted.add({ profile: profile.name, owner, ...(text !== undefined && { text }) });
    if (existing instanceof Gateway) existing.stopAnswering();
    else if (existing?.model.phase === 'stopped') existing.abandon();
    this.#connections.delete(profile.name);
    this.#gateways.delete(profile.name);
    if (opened instanceof Gateway) {
      this.#gateways.set(profile.name, opened);
      void opened.up();
    } else {
      this.#connections.set(profile.name, opened);
      opened.up();
    }
    return opened;
  }

  /**
   * Resolves when everything is as it was. Throws ControlError not-connected, or connection-failed where something
   * could not be taken back: it may be said again then.
   */
  async down(name: string): Promise<void> {
    const { wanted, tunnel } = this.#surroundings;
    const existing = this.#connections.get(name) ?? this.#gateways.get(name);
    if (existing === undefined && wanted.find(name) === undefined) {
      throw new ControlError({ code: 'not-connected', profile: name });
    }
    // Killed from here on, the next service takes back what this one did not.
    wanted.remove(name);
    try {
      await (existing === undefined ? tunnel.withdraw(name) : existing.down());
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const failure: Failure =
        error instanceof ConnectionProblem ? error.failure : { code: 'network-failed', detail };
      throw new ControlError({ code: 'connection-failed', profile: name, failure });
    }
    // It may be on its way up again already.
    if (this.#connections.get(name) === existing) this.#connections.delete(name);
    if (this.#gateways.get(name) === existing) this.#gateways.delete(name);
    this.#changed();
  }

  retry(name: string): void {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new ControlError({ code: 'not-connected', profile: name });
    connection.retry();
  }

  /** Resolves with undefined once it is connected, or with why the attempt failed. */
  settled(connection: Connection | Gateway): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const outcome =
          connection instanceof Connection ? outcomeOf(connection) : outcomeOfGateway(connection);
        if (outcome === undefined) return;
        watch.close();
        resolve(outcome.failure);
      };
      const watch = this.onChange(look);
      look();
    });
  }

  agreementNeeded(association: AssociationId): void {
    const connection = this.connections.find((candidate) => candidate.association === association);
    connection?.agreementNeeded();
    for (const gateway of this.#gateways.values()) gateway.agreementNeeded(association);
  }

  /** The data thread died: whoever used it starts over. */
  sessionFailed(detail: string): void {
    for (const connection of this.#connections.values()) connection.adapterFailed(detail);
    for (const gateway of this.#gateways.values()) gateway.sessionFailed(detail);
  }

  /** Links or addresses of the computer changed. */
  async networkChanged(): Promise<void> {
    const { tunnel } = this.#surroundings;
    const changed = await tunnel.underlaysChanged();
    for (const connection of this.#connections.values()) {
      if (changed.has(connection.profile.name) || waitsForNetwork(connection)) connection.networkChanged();
      else connection.doubt({ code: 'network-changed' });
    }
    await tunnel.refresh();
  }

  /** The computer slept. */
  wokeUp(sleptMilliseconds: number): void {
    for (const connection of this.#connections.values()) connection.wokeUp(sleptMilliseconds);
  }

  /** See Connection.allowPortal. Throws ControlError not-connected as well. */
  async allowPortal(name: string): Promise<{ url: string; untilMilliseconds: number }> {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new ControlError({ code: 'not-connected', profile: name });
    return await connection.allowPortal();
  }

  cardRemoved(card: string): void {
    for (const connection of this.#connections.values()) connection.cardRemoved(card);
  }

  cardInserted(card: CardDescription): void {
    for (const connection of this.#connections.values()) connection.cardInserted(card);
  }

  /** Somebody watches the connection's round trip. Throws ControlError not-connected. */
  measure(name: string): void {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new ControlError({ code: 'not-connected', profile: name });
    connection.measure();
  }

  /** Keeps for the next service what shall outlive this one; before `abandon`. */
  async suspend(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.suspend()));
  }

  /** The service stops: peers are told, the computer's protection is left in place. */
  abandon(): void {
    for (const connection of this.#connections.values()) connection.abandon();
    for (const gateway of this.#gateways.values()) gateway.stopAnswering();
  }

  /** The profile was removed: one of the same name is another. */
  forget(name: string): void {
    this.#surroundings.wanted.networks.forget(name);
  }

  ownerOf(name: string): number | undefined {
    const existing = this.#connections.get(name) ?? this.#gateways.get(name);
    return (existing ?? this.#surroundings.wanted.find(name))?.owner;
  }

  onChange(listener: () => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  /** Throws ControlError where it cannot be beside what is up. */
  #admit(candidate: Connection | Gateway): void {
    const { name } = candidate.profile;
    const others = this.#others(name);
    if (others.length >= mostConnections) {
      throw new ControlError({ code: 'too-much', limit: { code: 'limit-profiles', count: mostConnections } });
    }
    if (candidate instanceof Gateway) {
      const gateway = others.find((other) => other instanceof Gateway);
      if (gateway) throw new ControlError({ code: 'connection-exists', profile: gateway.profile.name });
      const [client] = others;
      if (client && this.#surroundings.tunnel.isForClients) {
        throw new ControlError({ code: 'gateway-first', profile: name, other: client.profile.name });
      }
    }
    const conflict = this.#conflictOf(candidate.contribution);
    if (conflict !== undefined) throw new ControlError({ profile: name, ...conflict });
  }

  #conflictOf(candidate: StatedContribution): Conflict | undefined {
    const others = this.#others(candidate.profile).map(({ contribution }) => contribution);
    return conflictWith(candidate, others, this.#surroundings.tunnel.names);
  }

  /** All but that one and those that are on their way down. */
  #others(name: string): readonly (Connection | Gateway)[] {
    const connections = this.connections.filter(({ model }) => model.phase !== 'cleaning');
    const gateways = this.gateways.filter(({ leaving }) => !leaving);
    return [...connections, ...gateways].filter(({ profile }) => profile.name !== name);
  }

  #makeConnection(
    profile: Profile,
    owner: number,
    keepTrying: boolean,
    former: Connection | Gateway | undefined,
  ): Connection {
    const { wanted } = this.#surroundings;
    const { name } = profile;
    const stopped = former instanceof Connection && former.model.phase === 'stopped' ? former : undefined;
    const connection: Connection = new Connection(
      {
        profile,
        association: this.#allocateAssociation(),
        owner,
        keepTrying,
        carried: stopped?.agreed.carried ?? carriedBefore(wanted, profile),
        changed: () => this.#changed(),
        carriedChanged: (ranges) => {
          if (this.#connections.get(name) !== connection || wanted.find(name) === undefined) return;
          wanted.add({ profile: name, owner, carried: ranges.map(textsOf) });
          wanted.networks.remember(profile, ranges);
        },
      },
      {
        ...this.#surroundings,
        log: this.#logFor(owner),
        conflict: (contribution) => this.#conflictOf(contribution),
      },
    );
    return connection;
  }

  #makeGateway(profile: Profile, owner: number): Gateway {
    const surroundings = {
      ...this.#surroundings,
      allocateAssociation: () => this.#allocateAssociation(),
      log: this.#logFor(owner),
    };
    return new Gateway(profile, owner, surroundings, () => this.#changed());
  }

  #logFor(owner: number): ConnectionSurroundings['log'] {
    return (level, text) => this.#surroundings.log(level, text, owner);
  }

  #allocateAssociation(): AssociationId {
    const association = this.#nextAssociation;
    this.#nextAssociation += 1;
    return association;
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Neither ended, nor on its way down. */
function isUnderWay(existing: Connection | Gateway): boolean {
  if (existing instanceof Gateway) return !existing.leaving && existing.state !== 'failed';
  const { phase } = existing.model;
  return phase !== 'idle' && phase !== 'stopped' && phase !== 'cleaning';
}

/** The next change of links or addresses may be what it lacks. */
function waitsForNetwork({ model }: Connection): boolean {
  const lacking = new Set<Failure['code'] | undefined>(['no-network', 'name-not-resolved', 'network-failed']);
  return model.phase === 'backing-off' && lacking.has(model.why?.code);
}

/** Over a crash whatever it was; over `down` what a gateway decides. */
function carriedBefore(wanted: WantedConnections, profile: Profile): readonly AddressRange[] {
  const overCrash = rangesOf(wanted.find(profile.name)?.carried ?? []);
  return overCrash.length > 0 ? overCrash : wanted.networks.find(profile);
}

function outcomeOf({ model }: Connection): { failure: Failure | undefined } | undefined {
  if (model.state === 'connected' || model.phase === 'waiting-for-traffic') return { failure: undefined };
  if (model.state === 'failed') return { failure: model.why };
  if (model.phase === 'idle') return { failure: { code: 'requested' } };
  // Goes on trying: the first failure is reported, the attempts continue.
  if (model.phase === 'backing-off') return { failure: model.why };
  return undefined;
}

function outcomeOfGateway({ state, failure }: Gateway): { failure: Failure | undefined } | undefined {
  if (state === 'connected') return { failure: undefined };
  return state === 'failed' ? { failure } : undefined;
}
