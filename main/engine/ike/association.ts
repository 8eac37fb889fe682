// One IKE SA: its SPIs and keys, the two message windows of size one (RFC 7296 section 2.3), retransmission, cached
// responses and fragments. What the messages mean is its handler's business.
import type { Endpoint } from '../packet/address.ts';
import { equalAddresses } from '../packet/address.ts';
import { IkeFormatError, sameBytes } from './bytes.ts';
import type { ConnectionId, IkeProposal, RoundTrip } from './contract.ts';
import type { EngineCore } from './core.ts';
import type { IkeHeader } from './header.ts';
import { freeIkeKeys, type IkeKeys } from './key-derivation.ts';
import { exchangeType, notifyType } from './numbers.ts';
import { decodePayloads, encodePayloads, notify, type Payload } from './payloads.ts';
import { createProtection, type Protection } from './protection.ts';
import { Reassembly, type WholeMessage } from './reassembly.ts';
import { Retransmission, type RetransmissionPolicy } from './retransmission.ts';
import type { AssociationWindow } from './stored-association.ts';

/** Where an IKE SA's datagrams go. */
export interface IkePath {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** With the non-ESP marker (RFC 3948). */
  readonly marker: boolean;
}

/** A request of ours and what becomes of it. */
export interface Exchange {
  readonly type: number;
  readonly purpose:
    | 'authenticate'
    | 'create-child'
    | 'rekey-child'
    | 'delete-child'
    | 'rekey-ike'
    | 'delete-ike'
    | 'inform';
  /** How long to go on; absent: as the IKE SA does. */
  readonly retransmission?: RetransmissionPolicy | undefined;
  /** The request; undefined where there is no need for it any more. */
  begin(association: IkeAssociation): readonly Payload[] | undefined;
  /** The response, authenticated. Throws IkeFormatError where it makes no sense. */
  finish(payloads: readonly Payload[]): void;
  /** There will be no response. Frees what it holds; `begin` may not have been called. */
  abandon(): void;
}

export interface AssociationHandler {
  /** Which requests are let in at this time; others are dropped as if they had not come. */
  accepts(exchange: number): boolean;
  /** Leads to exactly one `respond`, now or later. Throws IkeFormatError where the request makes no sense. */
  onRequest(association: IkeAssociation, exchange: number, payloads: readonly Payload[]): void;
  /** An authenticated message has come that was not seen before. */
  onHeard(association: IkeAssociation): void;
  /** A request stayed without an answer. */
  onUnanswered(association: IkeAssociation): void;
  /** The peer, though authentic, sent something that is no IKE. */
  onFormatError(association: IkeAssociation, detail: string): void;
}

export interface AssociationParameters {
  readonly isInitiator: boolean;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly proposal: IkeProposal;
  readonly keys: IkeKeys;
  readonly path: IkePath;
  readonly fragmentation: boolean;
  readonly window: AssociationWindow;
  readonly connection: ConnectionId;
  readonly retransmission: RetransmissionPolicy;
  readonly handler: AssociationHandler;
}

interface InFlight {
  readonly exchange: Exchange;
  readonly messageId: number;
  readonly sentAtMilliseconds: number;
  readonly datagrams: readonly Uint8Array[];
  retransmission: Retransmission;
  hastened: boolean;
}

/** After IKE_SA_INIT, or in an IKE SA that replaces another. */
export function freshWindow(nextRequestId: number, expectedRequestId: number): AssociationWindow {
  return { nextRequestId, expectedRequestId, sealed: 0n, answered: undefined };
}

/** Small enough for IPv6's minimum MTU of 1280, with IPv6, UDP and marker. */
const maximumDatagramLength = 1220;
/** How long a response is kept for retransmitted requests after the SA has ended. */
const tombstoneMilliseconds = 30_000;

export class IkeAssociation {
  readonly core: EngineCore;
  readonly isInitiator: boolean;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly proposal: IkeProposal;
  readonly keys: IkeKeys;
  readonly fragmentation: boolean;
  path: IkePath;
  /** Follow the peer when an authenticated message comes from elsewhere (RFC 7296 section 2.23). */
  followsPeer = false;
  connection: ConnectionId;
  retransmission: RetransmissionPolicy;
  handler: AssociationHandler;
  state: 'open' | 'closing' | 'dead' = 'open';
  /** Requests of ours wait: a successor has been agreed on and is about to take over. */
  paused = false;
  /** Of the latest INFORMATIONAL exchange that was answered at the first sending. */
  roundTrip: RoundTrip | undefined;
  readonly #protection: Protection;
  #nextRequestId: number;
  #expectedRequestId: number;
  #queue: Exchange[] = [];
  #inFlight: InFlight | undefined;
  #request: { exchange: number; messageId: number; firstDatagram: Uint8Array } | undefined;
  #response: readonly Uint8Array[] | undefined;
  #incomingFirst: Uint8Array | undefined;
  readonly #requestParts = new Reassembly();
  readonly #responseParts = new Reassembly();

  constructor(core: EngineCore, parameters: AssociationParameters) {
    this.core = core;
    this.isInitiator = parameters.isInitiator;
    this.localSpi = parameters.localSpi;
    this.remoteSpi = parameters.remoteSpi;
    this.proposal = parameters.proposal;
    this.keys = parameters.keys;
    this.path = parameters.path;
    this.fragmentation = parameters.fragmentation;
    this.connection = parameters.connection;
    this.retransmission = parameters.retransmission;
    this.handler = parameters.handler;
    const { nextRequestId, expectedRequestId, sealed, answered } = parameters.window;
    this.#nextRequestId = nextRequestId;
    this.#expectedRequestId = expectedRequestId;
    this.#request = answered;
    this.#response = answered?.response;
    this.#protection = createProtection(
      core.environment.random,
      this.proposal,
      this.keys,
      this.isInitiator,
      sealed,
    );
    core.associations.set(this.localSpi, this);
  }

  get initiatorSpi(): bigint {
    return this.isInitiator ? this.localSpi : this.remoteSpi;
  }

  get responderSpi(): bigint {
    return this.isInitiator ? this.remoteSpi : this.localSpi;
  }

  /** The request of ours that waits for its response. */
  get inFlight(): Exchange | undefined {
    return this.#inFlight?.exchange;
  }

  /** Is such a request under way or waiting? */
  hasPending(purpose: Exchange['purpose']): boolean {
    return this.inFlight?.purpose === purpose || this.#queue.some((exchange) => exchange.purpose === purpose);
  }

  /** Undefined while an exchange is under way or waits. */
  get window(): AssociationWindow | undefined {
    const answers = this.#request !== undefined && this.#response === undefined;
    const isQuiet = this.#inFlight === undefined && this.#queue.length === 0 && !answers;
    if (!isQuiet || this.paused || this.state !== 'open') return undefined;
    return {
      nextRequestId: this.#nextRequestId,
      expectedRequestId: this.#expectedRequestId,
      sealed: this.#protection.sealed,
      answered: this.#request && { ...this.#request, response: this.#response! },
    };
  }

  enqueue(exchange: Exchange): void {
    this.#queue.push(exchange);
    this.#pump();
  }

  enqueueFirst(exchange: Exchange): void {
    this.#queue.unshift(exchange);
    this.#pump();
  }

  /** What is under way is sent again at once and given up after `policy`; a second call leaves it at that. */
  hasten(policy: RetransmissionPolicy): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || inFlight.hastened) return;
    inFlight.hastened = true;
    inFlight.retransmission.stop();
    // Whatever answers now may answer an earlier sending: no round trip is taken from it.
    inFlight.retransmission = this.#transmit(inFlight.datagrams, policy);
  }

  /** Hands over what has not begun yet, to go on in a successor. */
  takeQueue(): Exchange[] {
    const queue = this.#queue;
    this.#queue = [];
    return queue;
  }

  resume(): void {
    this.paused = false;
    this.#pump();
  }

  /** Sends a request once, whatever else is under way, and cares for no response: for farewells. */
  sendOnce(exchange: number, payloads: readonly Payload[]): void {
    if (this.state !== 'dead') this.#sendAll(this.#seal(exchange, false, this.#nextRequestId++, payloads));
  }

  /** The response to the request that the handler was given. */
  respond(payloads: readonly Payload[]): void {
    if (this.state === 'dead' || this.#request === undefined || this.#response !== undefined) return;
    const { exchange, messageId } = this.#request;
    this.#response = this.#seal(exchange, true, messageId, payloads);
    this.#sendAll(this.#response);
  }

  /** A datagram with our SPI. Drops, without a trace, what is not authentic or not expected. */
  receive(datagram: Uint8Array, header: IkeHeader, path: IkePath): void {
    if (header.fromInitiator === this.isInitiator) return;
    if (header.initiatorSpi !== this.initiatorSpi || header.responderSpi !== this.responderSpi) return;
    if (header.isResponse) this.#receiveResponse(datagram, header, path);
    else this.#receiveRequest(datagram, header, path);
  }

  /** Ends the SA: wipes its keys; retransmitted requests still get their response for a while. */
  destroy(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#inFlight?.retransmission.stop();
    const abandoned = [...(this.#inFlight === undefined ? [] : [this.#inFlight.exchange]), ...this.#queue];
    this.#inFlight = undefined;
    this.#queue = [];
    this.core.forget(this);
    freeIkeKeys(this.core.environment, this.keys);
    for (const exchange of abandoned) exchange.abandon();
    if (this.#response === undefined) this.core.associations.delete(this.localSpi);
    else {
      this.core.timers.set(this, 'tombstone', this.core.now + tombstoneMilliseconds, () =>
        this.core.associations.delete(this.localSpi),
      );
    }
  }

  #pump(): void {
    while (this.state !== 'dead' && !this.paused && this.#inFlight === undefined) {
      const exchange = this.#queue.shift();
      if (exchange === undefined) return;
      const payloads = exchange.begin(this);
      if (payloads === undefined) continue;
      const messageId = this.#nextRequestId++;
      const datagrams = this.#seal(exchange.type, false, messageId, payloads);
      this.#inFlight = {
        exchange,
        messageId,
        datagrams,
        sentAtMilliseconds: this.core.now,
        retransmission: this.#transmit(datagrams, exchange.retransmission ?? this.retransmission),
        hastened: exchange.retransmission !== undefined,
      };
    }
  }

  #transmit(datagrams: readonly Uint8Array[], policy: RetransmissionPolicy): Retransmission {
    return new Retransmission(
      this.core,
      policy,
      () => this.#sendAll(datagrams),
      () => this.handler.onUnanswered(this),
    );
  }

  #measure({ exchange, hastened, retransmission, sentAtMilliseconds }: InFlight): void {
    // Other exchanges take the peer time to compute.
    if (exchange.purpose !== 'inform' || !retransmission.sentOnce) return;
    if (hastened && exchange.retransmission === undefined) return;
    const { now } = this.core;
    this.roundTrip = { milliseconds: now - sentAtMilliseconds, atMilliseconds: now };
  }

  #receiveResponse(datagram: Uint8Array, header: IkeHeader, path: IkePath): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || header.messageId !== inFlight.messageId) return;
    if (header.exchange !== inFlight.exchange.type) return;
    const opened = this.#protection.open(datagram, header);
    const whole = opened && this.#responseParts.add(header.messageId, opened);
    if (whole === undefined) return;
    this.#measure(inFlight);
    inFlight.retransmission.stop();
    this.#inFlight = undefined;
    this.#heard(path);
    try {
      inFlight.exchange.finish(decodePayloads(whole.first, whole.inner));
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
      inFlight.exchange.abandon();
      this.handler.onFormatError(this, error.message);
    }
    this.#pump();
  }

  #receiveRequest(datagram: Uint8Array, header: IkeHeader, path: IkePath): void {
    if (this.#request !== undefined && sameBytes(datagram, this.#request.firstDatagram)) {
      if (this.#response !== undefined) this.#sendAll(this.#response);
      return;
    }
    if (this.state === 'dead' || header.messageId !== this.#expectedRequestId) return;
    if (!this.handler.accepts(header.exchange)) return;
    const opened = this.#protection.open(datagram, header);
    if (opened === undefined) return;
    if (opened.fragment === undefined || opened.fragment.number === 1) this.#incomingFirst = datagram.slice();
    const whole = this.#requestParts.add(header.messageId, opened);
    if (whole === undefined || this.#incomingFirst === undefined) return;
    this.#request = {
      exchange: header.exchange,
      messageId: header.messageId,
      firstDatagram: this.#incomingFirst,
    };
    this.#incomingFirst = undefined;
    this.#response = undefined;
    this.#expectedRequestId += 1;
    this.#heard(path);
    this.#handleRequest(header.exchange, whole);
  }

  #handleRequest(exchange: number, whole: WholeMessage): void {
    try {
      this.handler.onRequest(this, exchange, decodePayloads(whole.first, whole.inner));
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
      const critical = error.unsupportedCriticalPayload;
      if (critical !== undefined && exchange !== exchangeType.ikeAuth) {
        this.respond([notify(notifyType.unsupportedCriticalPayload, new Uint8Array([critical]))]);
        return;
      }
      this.respond([
        critical === undefined
          ? notify(notifyType.invalidSyntax)
          : notify(notifyType.unsupportedCriticalPayload, new Uint8Array([critical])),
      ]);
      this.handler.onFormatError(this, error.message);
    }
  }

  #heard(path: IkePath): void {
    if (this.followsPeer && !samePath(path, this.path)) this.path = path;
    this.handler.onHeard(this);
  }

  #seal(
    exchange: number,
    isResponse: boolean,
    messageId: number,
    payloads: readonly Payload[],
  ): Uint8Array[] {
    const { first, bytes } = encodePayloads(payloads);
    return this.#protection.seal(
      {
        initiatorSpi: this.initiatorSpi,
        responderSpi: this.responderSpi,
        exchange,
        fromInitiator: this.isInitiator,
        isResponse,
        messageId,
      },
      first,
      bytes,
      this.fragmentation ? maximumDatagramLength : undefined,
    );
  }

  #sendAll(datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) {
      this.core.emit({ type: 'send', connection: this.connection, bytes, ...this.path });
    }
  }
}

export function sameEndpoint(left: Endpoint, right: Endpoint): boolean {
  return left.port === right.port && equalAddresses(left.address, right.address);
}

function samePath(left: IkePath, right: IkePath): boolean {
  return (
    left.marker === right.marker &&
    sameEndpoint(left.local, right.local) &&
    sameEndpoint(left.remote, right.remote)
  );
}
