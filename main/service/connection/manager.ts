// All connections of the service by profile: who may be up beside whom, and who a packet or an ending session concerns.
import { ControlError, type Failure } from '../../control/failure.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { Profile } from '../profile/contract.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { WantedConnections } from '../wanted.ts';
import { Connection, type ConnectionSurroundings } from './connection.ts';
import { Gateway, type GatewaySurroundings } from './gateway.ts';

export type ManagerSurroundings = Omit<ConnectionSurroundings, 'tunnel'> &
  Omit<GatewaySurroundings, 'tunnel' | 'allocateAssociation'> & {
    readonly tunnel: Tunnel;
    readonly wanted: WantedConnections;
  };

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

  /** Opens the profile's connection, or tries again where it had failed. Throws ControlError connection-exists. */
  up(profile: Profile, owner: number, keepTrying: boolean): Connection | Gateway {
    const existing = this.#connections.get(profile.name) ?? this.#gateways.get(profile.name);
    if (existing instanceof Connection && existing.model.state !== 'disconnected') {
      if (existing.model.state === 'failed') existing.retry();
      return existing;
    }
    if (existing instanceof Gateway && existing.state === 'connected') return existing;
    const other = this.#active().find((name) => name !== profile.name);
    if (other !== undefined) throw new ControlError({ code: 'connection-exists', profile: other });
    this.#surroundings.wanted.add(profile.name, owner);
    return profile.role === 'gateway'
      ? this.#openGateway(profile, owner)
      : this.#openConnection(profile, owner, keepTrying);
  }

  /** Resolves when everything is as it was. Throws ControlError not-connected. */
  async down(name: string): Promise<void> {
    const connection = this.#connections.get(name);
    const gateway = this.#gateways.get(name);
    if (connection === undefined && gateway === undefined) {
      throw new ControlError({ code: 'not-connected', profile: name });
    }
    await connection?.down();
    await gateway?.down();
    this.#connections.delete(name);
    this.#gateways.delete(name);
    this.#surroundings.wanted.remove(name);
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
    for (const gateway of this.#gateways.values()) void gateway.up();
  }

  /** Links or addresses of the computer changed. */
  async networkChanged(): Promise<void> {
    const { tunnel } = this.#surroundings;
    if (await tunnel.underlayChanged()) {
      for (const connection of this.#connections.values()) connection.networkChanged();
    }
    await tunnel.refresh();
  }

  /** The service stops: peers are told, the computer's protection is left in place. */
  abandon(): void {
    for (const connection of this.#connections.values()) connection.abandon();
    for (const gateway of this.#gateways.values()) gateway.stopAnswering();
  }

  ownerOf(name: string): number | undefined {
    return (this.#connections.get(name) ?? this.#gateways.get(name))?.owner;
  }

  onChange(listener: () => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  #active(): readonly string[] {
    return [...this.#connections.keys(), ...this.#gateways.keys()];
  }

  #openConnection(profile: Profile, owner: number, keepTrying: boolean): Connection {
    const changed = () => this.#changed();
    const association = this.#allocateAssociation();
    const connection = new Connection(profile, association, owner, keepTrying, this.#surroundings, changed);
    this.#connections.set(profile.name, connection);
    connection.up();
    return connection;
  }

  #openGateway(profile: Profile, owner: number): Gateway {
    const surroundings = { ...this.#surroundings, allocateAssociation: () => this.#allocateAssociation() };
    const gateway = new Gateway(profile, owner, surroundings, () => this.#changed());
    this.#gateways.set(profile.name, gateway);
    void gateway.up();
    return gateway;
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
