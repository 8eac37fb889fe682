// IKE_SA_INIT as initiator (RFC 7296 section 1.2), with cookies (2.6), INVALID_KE_PAYLOAD (1.3) and the float to port
// 4500 (2.23). Nothing here is authenticated: an error that comes in is only believed when no better answer follows.
import type { Endpoint } from '../packet/address.ts';
import { freshWindow, IkeAssociation, type IkePath, sameEndpoint } from './association.ts';
import { InitiatorAuthentication } from './auth-initiator.ts';
import { ByteReader, IkeFormatError } from './bytes.ts';
import type { Connection } from './connection.ts';
import type { IkeFailure, IkeGroup, IkeProposal } from './contract.ts';
import { nonceLength } from './create-child.ts';
import { type InitOutcome, readPeerHashes } from './handshake-authentication.ts';
import { headerLength, type IkeHeader } from './header.ts';
import {
  commonNotifies,
  ikePort,
  markerByPorts,
  natDetectionHashes,
  natTraversalPort,
  plainMessage,
} from './init-message.ts';
import { type KeyExchange, startKeyExchange } from './key-exchange.ts';
import { detectNat } from './nat-detection.ts';
import { exchangeType, notifyName, notifyType } from './numbers.ts';
import {
  decodePayloads,
  findErrorNotify,
  findNotify,
  notify,
  type Payload,
  requirePayload,
} from './payloads.ts';
import { chooseIke, isSingleChoice, offerIke } from './proposals.ts';
import { Retransmission } from './retransmission.ts';
import { isGroup } from './transforms.ts';

/** A genuine answer may follow a forged error for so long. */
const graceMilliseconds = 1000;
/** Cookie and group requests that we go along with. */
const maximumRestarts = 4;

export class InitInitiator {
  readonly #connection: Connection;
  readonly #path: IkePath;
  readonly #startedAt: number;
  readonly #localSpi: bigint;
  readonly #nonce: Uint8Array;
  #cookie: Uint8Array | undefined;
  #keyExchange: KeyExchange;
  #message: Uint8Array = new Uint8Array(0);
  #retransmission: Retransmission | undefined;
  #restarts = 0;
  #error: IkeFailure | undefined;

  constructor(connection: Connection, local: Endpoint, remote: Endpoint) {
    const { core, configuration } = connection;
    const [preferred] = configuration.ikeProposals;
    if (preferred === undefined) throw new RangeError('a connection needs at least one IKE proposal');
    this.#connection = connection;
    this.#path = { local, remote, marker: markerByPorts(local, remote) };
    this.#startedAt = core.now;
    this.#localSpi = core.newIkeSpi();
    this.#nonce = core.randomBytes(nonceLength);
    this.#keyExchange = startKeyExchange(core.environment, preferred.group);
    connection.handshake = this;
    core.initiations.set(this.#localSpi, this);
    core.timers.set(this, 'no answer', core.now + configuration.connectTimeoutMilliseconds, () =>
      connection.close(
        this.#error ?? { code: 'no-answer', milliseconds: configuration.connectTimeoutMilliseconds },
      ),
    );
    this.#send();
  }

  cancel(): void {
    const { core } = this.#connection;
    this.#retransmission?.stop();
    this.#keyExchange.destroy();
    core.initiations.delete(this.#localSpi);
    core.forget(this);
  }

  /** A message in the clear that answers our SPI. */
  receive(datagram: Uint8Array, header: IkeHeader, path: IkePath): void {
    if (!header.isResponse || header.fromInitiator || header.exchange !== exchangeType.ikeSaInit) return;
    if (header.messageId !== 0 || !sameEndpoint(path.remote, this.#path.remote)) return;
    try {
      const payloads = decodePayloads(header.nextPayload, datagram.subarray(headerLength));
      this.#understand(datagram, header, payloads);
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
    }
  }

  #understand(datagram: Uint8Array, header: IkeHeader, payloads: readonly Payload[]): void {
    const cookie = findNotify(payloads, notifyType.cookie);
    const error = findErrorNotify(payloads);
    if (header.responderSpi === 0n) {
      if (cookie !== undefined) this.#useCookie(cookie.data);
      else if (error?.type === notifyType.invalidKePayload) this.#useGroup(error.data);
      else if (error !== undefined) this.#doubt(error.type);
    } else if (error?.type === notifyType.invalidKePayload) this.#useGroup(error.data);
    else if (error !== undefined) this.#doubt(error.type);
    else this.#accept(datagram, header, payloads);
  }

  #useCookie(cookie: Uint8Array): void {
    if (cookie.length === 0 || cookie.length > 64 || !this.#mayRestart()) return;
    this.#cookie = cookie.slice();
    this.#send();
  }

  #useGroup(data: Uint8Array): void {
    const { core, configuration } = this.#connection;
    const group = data.length === 2 ? new ByteReader(data).uint16() : 0;
    const isOurs = configuration.ikeProposals.some((proposal) => proposal.group === group);
    if (!isGroup(group) || !isOurs) {
      this.#doubt(notifyType.invalidKePayload);
      return;
    }
    if (group === this.#keyExchange.group || !this.#mayRestart()) return;
    this.#keyExchange.destroy();
    this.#keyExchange = startKeyExchange(core.environment, group);
    this.#send();
  }

  #mayRestart(): boolean {
    this.#restarts += 1;
    return this.#restarts <= maximumRestarts;
  }

  /** Anyone could have sent this. If nothing better comes, it is the reason. */
  #doubt(type: number): void {
    const { core } = this.#connection;
    if (this.#error !== undefined) return;
    this.#error =
      type === notifyType.noProposalChosen
        ? { code: 'no-proposal-chosen', layer: 'ike' }
        : { code: 'refused-by-peer', notify: notifyName(type) };
    core.timers.set(this, 'grace', core.now + graceMilliseconds, () => this.#connection.close(this.#error!));
  }

  #send(): void {
    const { core, configuration } = this.#connection;
    const hashes = natDetectionHashes(this.#localSpi, 0n, this.#path.local, this.#path.remote);
    if (configuration.encapsulation === 'udp') hashes.source = core.randomBytes(hashes.source.length);
    this.#message = plainMessage(
      { initiatorSpi: this.#localSpi, responderSpi: 0n, fromInitiator: true, isResponse: false },
      [
        ...(this.#cookie === undefined ? [] : [notify(notifyType.cookie, this.#cookie)]),
        { kind: 'proposals', proposals: offerIke(configuration.ikeProposals, new Uint8Array(0)) },
        { kind: 'key-exchange', group: this.#keyExchange.group, data: this.#keyExchange.publicValue },
        { kind: 'nonce', data: this.#nonce },
        ...commonNotifies(hashes),
      ],
    );
    this.#retransmission?.stop();
    this.#retransmission = new Retransmission(
      core,
      configuration.retransmission,
      () => core.emit({ type: 'send', connection: this.#connection.id, bytes: this.#message, ...this.#path }),
      undefined,
    );
  }

  #accept(datagram: Uint8Array, header: IkeHeader, payloads: readonly Payload[]): void {
    const { core, configuration } = this.#connection;
    const answer = requirePayload(payloads, 'proposals').proposals;
    const choice = chooseIke(answer, configuration.ikeProposals, 0);
    const theirs = requirePayload(payloads, 'key-exchange');
    const theirNonce = requirePayload(payloads, 'nonce').data.slice();
    if (choice === undefined || !isSingleChoice(answer)) return;
    if (choice.ours.group !== theirs.group || theirs.group !== this.#keyExchange.group) return;
    const keyExchange = this.#keyExchange;
    const sharedSecret = keyExchange.finish(theirs.data);
    if (sharedSecret === undefined) {
      // An invalid public value: forged, or a broken peer. A fresh key pair for whatever comes next.
      this.#useFreshKey(keyExchange.group);
      return;
    }
    const keys = core.derivation.ikeKeys(core.environment, {
      proposal: choice.ours,
      sharedSecret,
      initiatorNonce: this.#nonce,
      responderNonce: theirNonce,
      initiatorSpi: this.#localSpi,
      responderSpi: header.responderSpi,
    });
    core.environment.freeSecret(sharedSecret);
    this.cancel();
    this.#authenticate(datagram, header.responderSpi, choice.ours, keys, theirNonce, payloads);
  }

  #useFreshKey(group: IkeGroup): void {
    if (!this.#mayRestart()) return;
    this.#keyExchange = startKeyExchange(this.#connection.core.environment, group);
    this.#send();
  }

  #authenticate(
    datagram: Uint8Array,
    remoteSpi: bigint,
    proposal: IkeProposal,
    keys: IkeAssociation['keys'],
    theirNonce: Uint8Array,
    payloads: readonly Payload[],
  ): void {
    const connection = this.#connection;
    const { core, configuration } = connection;
    const { local, remote } = this.#path;
    const detected = detectNat(payloads, this.#localSpi, remoteSpi, local, remote);
    const natDetected = detected ?? { local: false, remote: false };
    const isEncapsulated =
      detected !== undefined && (configuration.encapsulation === 'udp' || detected.local || detected.remote);
    const authentication = new InitiatorAuthentication(connection, this.#startedAt);
    const association = new IkeAssociation(core, {
      isInitiator: true,
      localSpi: this.#localSpi,
      remoteSpi,
      proposal,
      keys,
      path: isEncapsulated ? floated(this.#path) : this.#path,
      fragmentation: findNotify(payloads, notifyType.fragmentationSupported) !== undefined,
      window: freshWindow(1, 0),
      connection: connection.id,
      retransmission: configuration.retransmission,
      handler: authentication,
    });
    const outcome: InitOutcome = {
      association,
      ourMessage: this.#message,
      theirMessage: datagram.slice(),
      ourNonce: this.#nonce,
      theirNonce,
      peerHashes: readPeerHashes(payloads),
      natDetected,
      encapsulation: isEncapsulated ? 'udp' : 'native',
    };
    authentication.start(outcome);
  }
}

/** From 500 to 4500; ports of one's own choice stay (RFC 7296 section 2.23). */
function floated(path: IkePath): IkePath {
  const float = (endpoint: Endpoint): Endpoint =>
    endpoint.port === ikePort ? { ...endpoint, port: natTraversalPort } : endpoint;
  return { local: float(path.local), remote: float(path.remote), marker: true };
}
