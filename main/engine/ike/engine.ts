// The IKEv2 engine: takes an event, finds whom it concerns, and returns the effects (RFC 7296).
import { equalAddresses } from '../packet/address.ts';
import { ResponderAdmission } from './admission.ts';
import type { IkePath } from './association.ts';
import { IkeFormatError } from './bytes.ts';
import { Connection } from './connection.ts';
import type {
  IkeEffect,
  IkeEngine,
  IkeEnvironment,
  IkeEvent,
  IkeSnapshot,
  ResponderConfiguration,
} from './contract.ts';
import { EngineCore } from './core.ts';
import { decodeHeader, type IkeHeader } from './header.ts';
import { InitInitiator } from './init-initiator.ts';
import { markerByPorts, plainMessage } from './init-message.ts';
import { type KeyDerivation, keyDerivation } from './key-derivation.ts';
import { exchangeType, notifyType } from './numbers.ts';
import { notify } from './payloads.ts';
import {
  freeStoredAssociation,
  readStoredAssociation,
  type StoredAssociation,
} from './stored-association.ts';
import { resume, suspend } from './suspension.ts';

/** `derivation` is there for tests that look on while keys are made; the product leaves it out. */
export function createIkeEngine(
  environment: IkeEnvironment,
  derivation: KeyDerivation = keyDerivation,
): IkeEngine {
  return new Engine(new EngineCore(environment, derivation));
}

class Engine implements IkeEngine {
  readonly #core: EngineCore;
  readonly #admission: ResponderAdmission;
  /** null: the caller's timer has fired and must be set again. */
  #announcedTimer: number | undefined | null;

  constructor(core: EngineCore) {
    this.#core = core;
    this.#admission = new ResponderAdmission(core);
  }

  step(event: IkeEvent, nowMilliseconds: number): IkeEffect[] {
    this.#core.now = nowMilliseconds;
    this.#handle(event);
    const atMilliseconds = this.#core.timers.earliest();
    if (atMilliseconds !== this.#announcedTimer) {
      this.#announcedTimer = atMilliseconds;
      this.#core.emit({ type: 'set-timer', atMilliseconds });
    }
    return this.#core.takeEffects();
  }

  setResponder(responder: ResponderConfiguration | undefined): void {
    this.#core.responder = responder;
  }

  snapshot(): readonly IkeSnapshot[] {
    return [...this.#core.connections.values()].map((connection) => connection.snapshot());
  }

  #handle(event: IkeEvent): void {
    switch (event.type) {
      case 'connect':
        this.#connect(event);
        break;
      case 'resume':
        this.#resume(event);
        break;
      case 'datagram':
        this.#receive(event);
        break;
      case 'timer':
        this.#announcedTimer = null;
        this.#core.timers.runDue(this.#core.now);
        break;
      case 'psk':
      case 'password':
      case 'signed':
      case 'peer-verified':
      case 'addresses-assigned':
        this.#core.answer(event);
        break;
      default:
        this.#command(event);
    }
  }

  #command(
    event: Extract<
      IkeEvent,
      {
        type:
          | 'create-child'
          | 'rekey-child'
          | 'delete-child'
          | 'rekey-ike'
          | 'disconnect'
          | 'suspend'
          | 'peer-alive'
          | 'probe';
      }
    >,
  ): void {
    const connection = this.#core.connections.get(event.connection);
    if (connection === undefined) return;
    switch (event.type) {
      case 'create-child':
        connection.createChild(event.association);
        break;
      case 'rekey-child':
        connection.rekeyChild(event.spi);
        break;
      case 'delete-child':
        connection.deleteChildren(event.association, event.spi);
        break;
      case 'rekey-ike':
        connection.rekeyIke();
        break;
      case 'disconnect':
        connection.disconnect(event.abrupt);
        break;
      case 'suspend':
        this.#suspend(connection);
        break;
      case 'peer-alive':
        connection.heardEsp();
        break;
      case 'probe':
        connection.probe(event.urgent);
        break;
    }
  }

  #connect(event: Extract<IkeEvent, { type: 'connect' }>): void {
    this.#core.connections.get(event.connection)?.closeWithDelete({ code: 'replaced' });
    const connection = new Connection(this.#core, event.connection, event.configuration);
    this.#core.connections.set(event.connection, connection);
    new InitInitiator(connection, event.local, event.remote);
  }

  #suspend(connection: Connection): void {
    const stored = suspend(connection);
    if (stored !== undefined) this.#core.emit({ type: 'suspended', connection: connection.id, stored });
  }

  #resume(event: Extract<IkeEvent, { type: 'resume' }>): void {
    const { environment, associations } = this.#core;
    this.#core.connections.get(event.connection)?.closeWithDelete({ code: 'replaced' });
    const connection = new Connection(this.#core, event.connection, event.configuration);
    this.#core.connections.set(event.connection, connection);
    let stored: StoredAssociation | undefined;
    try {
      stored = readStoredAssociation(environment, event.stored);
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
    } finally {
      environment.freeSecret(event.stored);
    }
    const isOfUse =
      stored !== undefined &&
      stored.expireInMilliseconds > event.elapsedMilliseconds &&
      equalAddresses(stored.remote.address, event.remote.address) &&
      !associations.has(stored.localSpi);
    if (stored !== undefined && isOfUse) {
      resume(connection, stored, event.local, event.elapsedMilliseconds);
      return;
    }
    if (stored !== undefined) freeStoredAssociation(environment, stored);
    connection.close({ code: 'dead-peer' });
  }

  #receive(event: Extract<IkeEvent, { type: 'datagram' }>): void {
    const { local, remote } = event;
    // A copy, since the caller's bytes may lie in a buffer that is used again.
    const bytes = new Uint8Array(event.bytes);
    const path: IkePath = { local, remote, marker: event.marker ?? markerByPorts(local, remote) };
    const header = readHeader(bytes);
    if (header === undefined || header.majorVersion < 2) return;
    if (header.majorVersion > 2) {
      this.#refuseVersion(header, path);
      return;
    }
    const ourSpi = header.fromInitiator ? header.responderSpi : header.initiatorSpi;
    const association = this.#core.associations.get(ourSpi);
    if (association !== undefined) {
      association.receive(bytes, header, path);
      return;
    }
    const initiation = this.#core.initiations.get(ourSpi);
    if (initiation !== undefined) {
      initiation.receive(bytes, header, path);
      return;
    }
    const isFirst = header.fromInitiator && !header.isResponse && header.responderSpi === 0n;
    if (isFirst && header.exchange === exchangeType.ikeSaInit) {
      this.#admission.receive(bytes, header, path);
    }
  }

  /** RFC 7296 section 2.5; IKEv1 gets no answer. */
  #refuseVersion(header: IkeHeader, path: IkePath): void {
    if (header.isResponse || this.#core.responder === undefined) return;
    const bytes = plainMessage(
      { ...header, fromInitiator: !header.fromInitiator, isResponse: true },
      [notify(notifyType.invalidMajorVersion)],
      header.exchange,
      header.messageId,
    );
    this.#core.emit({ type: 'send', connection: 0, bytes, ...path });
  }
}

function readHeader(bytes: Uint8Array): IkeHeader | undefined {
  try {
    return decodeHeader(bytes);
  } catch (error) {
    if (!(error instanceof IkeFormatError)) throw error;
    return undefined;
  }
}
