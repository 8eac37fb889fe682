// IKE_SA_INIT as responder (RFC 7296 sections 1.2, 2.6): who gets a half-open IKE SA, and who a cookie or a refusal.
import { createHash } from 'node:crypto';
import { formatAddress, formatEndpoint } from '../packet/address.ts';
import { freshWindow, IkeAssociation, type IkePath } from './association.ts';
import { ResponderAuthentication } from './auth-responder.ts';
import { IkeFormatError, uint16Bytes } from './bytes.ts';
import type { IkeProposal, ResponderConfiguration } from './contract.ts';
import { Cookies } from './cookies.ts';
import type { EngineCore } from './core.ts';
import { nonceLength } from './create-child.ts';
import { readPeerHashes } from './handshake-authentication.ts';
import { headerLength, type IkeHeader } from './header.ts';
import { certificateRequest, commonNotifies, natDetectionHashes, plainMessage } from './init-message.ts';
import { startKeyExchange } from './key-exchange.ts';
import { detectNat } from './nat-detection.ts';
import { notifyType } from './numbers.ts';
import { decodePayloads, findNotify, notify, type Payload, requirePayload } from './payloads.ts';
import { answerIke, type Choice, chooseIke } from './proposals.ts';

const defaultCookieThreshold = 32;
const maximumHalfOpen = 1024;
const maximumHalfOpenOfAddress = 64;
const halfOpenMilliseconds = 30_000;
/** Until the configuration of the peer is known; a half-open IKE SA sends no requests. */
const unusedRetransmission = { firstMilliseconds: 1000, factor: 2, tries: 1 };

interface HalfOpen {
  readonly association: IkeAssociation;
  readonly address: string;
  readonly response: Uint8Array;
}

export class ResponderAdmission {
  readonly #core: EngineCore;
  readonly #cookies: Cookies;
  /** By sender and hash of the request, so that a retransmission finds its response. */
  readonly #halfOpen = new Map<string, HalfOpen>();

  constructor(core: EngineCore) {
    this.#core = core;
    this.#cookies = new Cookies((bytes) => core.environment.random(bytes));
  }

  /** An IKE_SA_INIT request without responder SPI. */
  receive(datagram: Uint8Array, header: IkeHeader, path: IkePath): void {
    const { responder } = this.#core;
    if (responder === undefined || header.messageId !== 0 || header.initiatorSpi === 0n) return;
    const key = `${formatEndpoint(path.remote)} ${createHash('sha256').update(datagram).digest('hex')}`;
    const known = this.#halfOpen.get(key);
    if (known !== undefined) {
      this.#send(known.response, path);
      return;
    }
    try {
      const payloads = decodePayloads(header.nextPayload, datagram.subarray(headerLength));
      this.#admit(responder, key, datagram, header, payloads, path);
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
      const critical = error.unsupportedCriticalPayload;
      if (critical === undefined) return;
      this.#refuse(header, path, notifyType.unsupportedCriticalPayload, new Uint8Array([critical]));
    }
  }

  #admit(
    responder: ResponderConfiguration,
    key: string,
    datagram: Uint8Array,
    header: IkeHeader,
    payloads: readonly Payload[],
    path: IkePath,
  ): void {
    const { environment } = this.#core;
    const nonce = requirePayload(payloads, 'nonce').data.slice();
    const theirs = requirePayload(payloads, 'key-exchange');
    const offered = requirePayload(payloads, 'proposals').proposals;
    const address = formatAddress(path.remote.address);
    if (!this.#mayTakeState(responder, header, payloads, nonce, path)) return;
    if (!this.#hasRoomFor(address)) return;
    const { ikeProposals } = responder;
    const fitting = ikeProposals.filter(({ group }) => group === theirs.group);
    const choice = chooseIke(offered, fitting, 0) ?? chooseIke(offered, ikeProposals, 0);
    if (choice === undefined) {
      this.#refuse(header, path, notifyType.noProposalChosen);
      return;
    }
    const { group } = choice.ours;
    if (group !== theirs.group) {
      this.#refuse(header, path, notifyType.invalidKePayload, uint16Bytes(group));
      return;
    }
    const keyExchange = startKeyExchange(environment, group);
    const sharedSecret = keyExchange.finish(theirs.data);
    if (sharedSecret === undefined) return;
    const localSpi = this.#core.newIkeSpi();
    const ourNonce = this.#core.randomBytes(nonceLength);
    const response = this.#response(responder, header, path, localSpi, choice, [
      { kind: 'key-exchange', group, data: keyExchange.publicValue },
      { kind: 'nonce', data: ourNonce },
    ]);
    const keys = this.#core.derivation.ikeKeys(environment, {
      proposal: choice.ours,
      sharedSecret,
      initiatorNonce: nonce,
      responderNonce: ourNonce,
      initiatorSpi: header.initiatorSpi,
      responderSpi: localSpi,
    });
    environment.freeSecret(sharedSecret);
    const authentication = new ResponderAuthentication(this.#core, () => this.#forget(key));
    const association = new IkeAssociation(this.#core, {
      isInitiator: false,
      localSpi,
      remoteSpi: header.initiatorSpi,
      proposal: choice.ours,
      keys,
      path,
      fragmentation: findNotify(payloads, notifyType.fragmentationSupported) !== undefined,
      window: freshWindow(0, 1),
      connection: 0,
      retransmission: unusedRetransmission,
      handler: authentication,
    });
    association.followsPeer = true;
    const detected = detectNat(payloads, header.initiatorSpi, 0n, path.local, path.remote);
    const natDetected = detected ?? { local: false, remote: false };
    authentication.start({
      association,
      ourMessage: response,
      theirMessage: datagram.slice(),
      ourNonce,
      theirNonce: nonce,
      peerHashes: readPeerHashes(payloads),
      natDetected,
      encapsulation: natDetected.local || natDetected.remote ? 'udp' : 'native',
    });
    this.#halfOpen.set(key, { association, address, response });
    this.#core.timers.set(authentication, 'half-open', this.#core.now + halfOpenMilliseconds, () =>
      authentication.expire(halfOpenMilliseconds),
    );
    this.#send(response, path);
  }

  /** Above the threshold only whoever proves by a cookie that it receives what we send. */
  #mayTakeState(
    responder: ResponderConfiguration,
    header: IkeHeader,
    payloads: readonly Payload[],
    nonce: Uint8Array,
    path: IkePath,
  ): boolean {
    if (this.#halfOpen.size < (responder.cookieThreshold ?? defaultCookieThreshold)) return true;
    const cookie = findNotify(payloads, notifyType.cookie);
    const { address } = path.remote;
    if (cookie && this.#cookies.isValid(cookie.data, nonce, address, header.initiatorSpi)) return true;
    const fresh = this.#cookies.make(this.#core.now, nonce, address, header.initiatorSpi);
    this.#refuse(header, path, notifyType.cookie, fresh);
    return false;
  }

  #hasRoomFor(address: string): boolean {
    if (this.#halfOpen.size >= maximumHalfOpen) return false;
    let count = 0;
    for (const halfOpen of this.#halfOpen.values()) if (halfOpen.address === address) count += 1;
    return count < maximumHalfOpenOfAddress;
  }

  #response(
    responder: ResponderConfiguration,
    header: IkeHeader,
    path: IkePath,
    localSpi: bigint,
    choice: Choice<IkeProposal>,
    payloads: readonly Payload[],
  ): Uint8Array {
    const hashes = natDetectionHashes(header.initiatorSpi, localSpi, path.local, path.remote);
    return plainMessage(
      { initiatorSpi: header.initiatorSpi, responderSpi: localSpi, fromInitiator: false, isResponse: true },
      [
        { kind: 'proposals', proposals: answerIke(choice, new Uint8Array(0)) },
        ...payloads,
        ...(responder.certificateAuthorityHashes === undefined
          ? []
          : [certificateRequest(responder.certificateAuthorityHashes)]),
        ...commonNotifies(hashes),
      ],
    );
  }

  #refuse(header: IkeHeader, path: IkePath, type: number, data?: Uint8Array): void {
    const { initiatorSpi } = header;
    const answer = { initiatorSpi, responderSpi: 0n, fromInitiator: false, isResponse: true };
    this.#send(plainMessage(answer, [notify(type, data)]), path);
  }

  #send(bytes: Uint8Array, path: IkePath): void {
    this.#core.emit({ type: 'send', connection: 0, bytes, ...path });
  }

  #forget(key: string): void {
    this.#halfOpen.delete(key);
  }
}
