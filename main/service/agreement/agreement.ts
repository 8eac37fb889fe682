// Runs the IKE engine: feeds it datagrams, time and answers, and carries out the effects that it asks for. Knows no
// profile; what belongs to one connection is asked of the party that connected (or was chosen as responder).
import type {
  CertificateProblem,
  ChildKeys,
  ConnectionId,
  Identity,
  IkeConfiguration,
  IkeDetails,
  IkeEffect,
  IkeEngine,
  IkeEvent,
  IkeFailure,
  IkeSnapshot,
  PasswordKind,
  ResponderConfiguration,
  SignatureScheme,
} from '../../engine/ike/contract.ts';
import type { Endpoint, IpAddress } from '../../engine/packet/address.ts';
import type { DataPlane } from '../../engine/path/data-plane.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { KeyedConnection, KeySetter } from '../keying/key-setter.ts';

/** What a connection contributes to its own agreement, and what it is told of it. */
export interface AgreementParty {
  readonly keyed: KeyedConnection;
  /** In locked memory, taken over by the engine. */
  preSharedKey(local: Identity, remote: Identity): Promise<Uint8Array | undefined>;
  /** EAP's password or code in locked memory, taken over by the engine; undefined: none is given. */
  password(kind: PasswordKind, message: string): Promise<Uint8Array | undefined>;
  sign(scheme: SignatureScheme, data: Uint8Array): Promise<Uint8Array>;
  verifyPeer(proof: PeerProof): Promise<{ valid: boolean; problem?: CertificateProblem; detail?: string }>;
  assignAddresses(remote: Identity, wants4: boolean, wants6: boolean): AssignedAddresses;
  established(details: IkeDetails): void;
  childInstalled(child: ChildKeys, direction: 'inbound' | 'outbound' | 'both'): void;
  childRemoved(association: AssociationId): void;
  childFailed(association: AssociationId, reason: IkeFailure): void;
  closed(reason: IkeFailure): void;
}

export type PeerProof = Pick<
  Extract<IkeEffect, { type: 'verify-peer' }>,
  'certificates' | 'identity' | 'scheme' | 'data' | 'signature'
>;

export interface AssignedAddresses {
  readonly address4?: IpAddress;
  readonly address6?: IpAddress;
  readonly dns: readonly IpAddress[];
}

export interface AgreementSurroundings {
  readonly engine: IkeEngine;
  readonly dataPlane: DataPlane;
  readonly keys: KeySetter;
  sendIke(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined, marker: boolean): void;
  sendKeepalive(remote: Endpoint, local: Endpoint): void;
  now(): number;
  /** Calls back at that time; the returned function cancels. */
  schedule(atMilliseconds: number, call: () => void): () => void;
}

/** More than the engine grants a peer from its first message to its proof. */
const halfOpenLimitMilliseconds = 60_000;

export class Agreement {
  readonly #surroundings: AgreementSurroundings;
  readonly #parties = new Map<ConnectionId, AgreementParty>();
  #cancelTimer: (() => void) | undefined;
  #nextConnection: ConnectionId = 1;
  #closed = false;

  constructor(surroundings: AgreementSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Begins as initiator. The party hears `established` and `childInstalled`, or `closed`. */
  connect(
    party: AgreementParty,
    configuration: IkeConfiguration,
    local: Endpoint,
    remote: Endpoint,
  ): ConnectionId {
    const connection = this.adopt(party);
    this.#step({ type: 'connect', connection, configuration, local, remote });
    return connection;
  }

  /**
   * Goes on with the IKE SA of an earlier process, which `suspend` gave there so many milliseconds ago. `stored` is in
   * locked memory and taken over. The party hears `established` and `childInstalled`, or `closed`.
   */
  resume(
    party: AgreementParty,
    configuration: IkeConfiguration,
    [local, remote]: readonly [local: Endpoint, remote: Endpoint],
    stored: Uint8Array,
    elapsedMilliseconds: number,
  ): ConnectionId {
    const connection = this.adopt(party);
    this.#step({ type: 'resume', connection, configuration, local, remote, stored, elapsedMilliseconds });
    return connection;
  }

  /**
   * Ends the connection without a word to peer or party, and gives what another process needs to go on, in locked memory;
   * undefined, and nothing has changed, while that cannot be.
   */
  suspend(connection: ConnectionId): Uint8Array | undefined {
    if (this.#closed) return undefined;
    const { engine, now } = this.#surroundings;
    const effects = engine.step({ type: 'suspend', connection }, now());
    const suspended = effects.find((effect) => effect.type === 'suspended');
    if (suspended !== undefined) this.forget(connection);
    this.#carryOutAll(effects);
    return suspended?.stored;
  }

  /** Gives a party a connection number; a responder's `choose` does so for each peer that comes. */
  adopt(party: AgreementParty): ConnectionId {
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    this.#parties.set(connection, party);
    this.#surroundings.keys.serve(connection, party.keyed);
    return connection;
  }

  setResponder(responder: ResponderConfiguration | undefined): void {
    this.#surroundings.engine.setResponder(responder);
  }

  receive(bytes: Uint8Array, local: Endpoint, remote: Endpoint): void {
    this.#step({ type: 'datagram', bytes, local, remote });
  }

  createChild(connection: ConnectionId, association: AssociationId): void {
    this.#step({ type: 'create-child', connection, association });
  }

  rekeyChild(connection: ConnectionId, association: AssociationId, spi: number): void {
    this.#step({ type: 'rekey-child', connection, association, spi });
  }

  /** The child that has that SPI, in either direction. */
  deleteChild(connection: ConnectionId, association: AssociationId, spi: number): void {
    this.#step({ type: 'delete-child', connection, association, spi });
  }

  rekeyIke(connection: ConnectionId): void {
    this.#step({ type: 'rekey-ike', connection });
  }

  peerAlive(connection: ConnectionId): void {
    this.#step({ type: 'peer-alive', connection });
  }

  /** Asks the peer for a sign of life; `urgent`: the party hears `closed` within seconds where none comes. */
  probe(connection: ConnectionId, urgent: boolean): void {
    this.#step({ type: 'probe', connection, urgent });
  }

  /** Sends DELETE; the party hears `closed` unless it was forgotten before. */
  disconnect(connection: ConnectionId, abrupt: boolean): void {
    this.#step({ type: 'disconnect', connection, abrupt });
  }

  /** The party hears no more of that connection; what it installed is removed. */
  forget(connection: ConnectionId): void {
    this.#parties.delete(connection);
    this.#surroundings.keys.release(connection);
  }

  /** Those who still hear of their connection. */
  get partyCount(): number {
    return this.#parties.size;
  }

  snapshot(): readonly IkeSnapshot[] {
    return this.#surroundings.engine.snapshot();
  }

  /** Ends every IKE SA at once and wipes its keys; nobody hears of it, but a DELETE is sent where there is an SA. */
  close(): void {
    if (this.#closed) return;
    const { engine, now } = this.#surroundings;
    this.#parties.clear();
    engine.setResponder(undefined);
    for (const { connection } of engine.snapshot()) this.disconnect(connection, true);
    // Half-open IKE SAs of peers that have not proved themselves end by their time limit only.
    this.#carryOutAll(engine.step({ type: 'timer' }, now() + halfOpenLimitMilliseconds));
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** After `close` the engine is asked only to free what an answer brings. */
  #step(event: IkeEvent): void {
    const effects = this.#surroundings.engine.step(event, this.#surroundings.now());
    if (!this.#closed) this.#carryOutAll(effects);
  }

  #carryOutAll(effects: readonly IkeEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: IkeEffect): void {
    const { dataPlane, keys } = this.#surroundings;
    switch (effect.type) {
      case 'send':
        this.#surroundings.sendIke(effect.bytes, effect.remote, effect.local, effect.marker);
        return;
      case 'send-keepalive':
        this.#surroundings.sendKeepalive(effect.remote, effect.local);
        return;
      case 'set-timer':
        this.#setTimer(effect.atMilliseconds);
        return;
      case 'expect-inbound':
        dataPlane.expectInbound(effect.spi);
        return;
      case 'cancel-expected':
        dataPlane.cancelExpected(effect.spi);
        return;
      case 'get-psk':
      case 'get-password':
      case 'sign':
      case 'verify-peer':
      case 'assign-addresses':
        this.#ask(effect);
        return;
      case 'established':
        keys.movePeer(effect.connection, effect.details.remote);
        this.#parties.get(effect.connection)?.established(effect.details);
        return;
      case 'install-child':
        keys.install(effect.connection, effect.child, effect.direction, this.#surroundings.now());
        this.#parties.get(effect.connection)?.childInstalled(effect.child, effect.direction);
        return;
      case 'remove-child':
        keys.remove(
          effect.connection,
          effect.association,
          effect.inboundSpi,
          effect.outboundSpi,
          effect.lingerSeconds,
        );
        this.#parties.get(effect.connection)?.childRemoved(effect.association);
        return;
      case 'child-failed':
        this.#parties.get(effect.connection)?.childFailed(effect.association, effect.reason);
        return;
      case 'suspended':
        return;
      case 'peer-moved':
        keys.movePeer(effect.connection, effect.remote);
        return;
      case 'closed': {
        const party = this.#parties.get(effect.connection);
        this.forget(effect.connection);
        party?.closed(effect.reason);
        return;
      }
    }
  }

  #ask(effect: Extract<IkeEffect, { request: number }>): void {
    const { request } = effect;
    const party = this.#parties.get(effect.connection);
    switch (effect.type) {
      case 'get-psk':
        this.#answer(
          party?.preSharedKey(effect.localIdentity, effect.remoteIdentity),
          (secret) => ({ type: 'psk', request, secret }),
          () => ({ type: 'psk', request, secret: undefined }),
        );
        return;
      case 'get-password':
        this.#answer(
          party?.password(effect.kind, effect.message),
          (secret) => ({ type: 'password', request, secret }),
          () => ({ type: 'password', request, secret: undefined }),
        );
        return;
      case 'sign':
        this.#answer(
          party?.sign(effect.scheme, effect.data),
          (signature) => ({ type: 'signed', request, signature }),
          (problem) => ({ type: 'signed', request, signature: undefined, problem }),
        );
        return;
      case 'verify-peer':
        this.#answer(
          party?.verifyPeer(effect),
          (outcome) => ({ type: 'peer-verified', request, ...(outcome ?? { valid: false }) }),
          (detail) => ({ type: 'peer-verified', request, valid: false, problem: 'malformed', detail }),
        );
        return;
      case 'assign-addresses': {
        const assigned = party?.assignAddresses(effect.remoteIdentity, effect.wants4, effect.wants6);
        this.#step({ type: 'addresses-assigned', request, ...(assigned ?? { dns: [] }) });
        return;
      }
    }
  }

  #answer<T>(
    result: Promise<T> | undefined,
    event: (value: T | undefined) => IkeEvent,
    failed: (problem: string) => IkeEvent,
  ): void {
    if (result === undefined) {
      this.#step(failed('the connection is gone'));
      return;
    }
    result.then(
      (value) => this.#step(event(value)),
      (error: unknown) => this.#step(failed(error instanceof Error ? error.message : String(error))),
    );
  }

  #setTimer(atMilliseconds: number | undefined): void {
    this.#cancelTimer?.();
    this.#cancelTimer =
      atMilliseconds === undefined
        ? undefined
        : this.#surroundings.schedule(atMilliseconds, () => {
            this.#cancelTimer = undefined;
            this.#step({ type: 'timer' });
          });
  }
}
