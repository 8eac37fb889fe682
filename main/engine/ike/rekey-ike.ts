// Rekeying of the IKE SA by either side (RFC 7296 sections 1.3.2, 2.8, 2.18), with simultaneous rekeying resolved by
// the lowest nonce (section 2.8.2). The new IKE SA inherits the children.
import { type Exchange, freshWindow, IkeAssociation, type IkePath } from './association.ts';
import { ByteReader, compareBytes, uint16Bytes, uint64Bytes } from './bytes.ts';
import { failureOfNotify } from './child-negotiation.ts';
import type { Connection } from './connection.ts';
import type { IkeFailure, IkeGroup, IkeProposal } from './contract.ts';
import { lowerNonce, nonceLength } from './create-child.ts';
import { DeleteIke } from './informational.ts';
import { type KeyExchange, startKeyExchange } from './key-exchange.ts';
import { exchangeType, notifyType } from './numbers.ts';
import { findErrorNotify, notify, type Payload, requirePayload } from './payloads.ts';
import { answerIke, chooseIke, isSingleChoice, offerIke } from './proposals.ts';
import { isGroup } from './transforms.ts';

const soonMilliseconds = 1000;
const laterMilliseconds = 10_000;

export class RekeyIke implements Exchange {
  readonly type = exchangeType.createChildSa;
  readonly purpose = 'rekey-ike';
  readonly #connection: Connection;
  readonly #group: IkeGroup | undefined;
  #old: IkeAssociation | undefined;
  #localSpi = 0n;
  #nonce: Uint8Array = new Uint8Array(0);
  #keyExchange: KeyExchange | undefined;

  /** `group`: what the peer asked for by INVALID_KE_PAYLOAD. */
  constructor(connection: Connection, group?: IkeGroup) {
    this.#connection = connection;
    this.#group = group;
  }

  begin(association: IkeAssociation): readonly Payload[] | undefined {
    const { core, configuration } = this.#connection;
    if (association !== this.#connection.current || this.#connection.peerSuccessor !== undefined) {
      return undefined;
    }
    this.#old = association;
    this.#localSpi = core.newIkeSpi();
    this.#nonce = core.randomBytes(nonceLength);
    this.#keyExchange = startKeyExchange(core.environment, this.#group ?? association.proposal.group);
    return [
      { kind: 'proposals', proposals: offerIke(configuration.ikeProposals, uint64Bytes(this.#localSpi)) },
      { kind: 'nonce', data: this.#nonce },
      { kind: 'key-exchange', group: this.#keyExchange.group, data: this.#keyExchange.publicValue },
    ];
  }

  finish(payloads: readonly Payload[]): void {
    const error = findErrorNotify(payloads);
    if (error !== undefined) {
      this.abandon();
      this.#refused(error.type, error.data);
      return;
    }
    const answer = requirePayload(payloads, 'proposals').proposals;
    const choice = chooseIke(answer, this.#connection.configuration.ikeProposals, 8);
    const nonce = requirePayload(payloads, 'nonce').data;
    const theirs = requirePayload(payloads, 'key-exchange');
    const fits = choice?.ours.group === theirs.group && theirs.group === this.#keyExchange?.group;
    const sharedSecret = fits && isSingleChoice(answer) ? this.#keyExchange?.finish(theirs.data) : undefined;
    if (choice === undefined || sharedSecret === undefined) {
      this.abandon();
      this.#failed({ code: 'no-proposal-chosen', layer: 'ike' }, laterMilliseconds);
      return;
    }
    const successor = makeSuccessor(this.#connection, this.#old!, {
      isInitiator: true,
      localSpi: this.#localSpi,
      remoteSpi: new ByteReader(choice.spi).uint64(),
      proposal: choice.ours,
      sharedSecret,
      initiatorNonce: this.#nonce,
      responderNonce: nonce,
    });
    this.#settle(successor, lowerNonce(this.#nonce, nonce));
  }

  abandon(): void {
    this.#keyExchange?.destroy();
  }

  #settle(successor: IkeAssociation, lowestNonce: Uint8Array): void {
    const connection = this.#connection;
    const old = this.#old!;
    const theirs = connection.peerSuccessor;
    const lostToPeer =
      connection.current !== old ||
      (theirs !== undefined && compareBytes(lowestNonce, theirs.lowestNonce) < 0);
    if (lostToPeer) {
      discard(connection, successor);
      if (theirs !== undefined && connection.current === old) {
        connection.awaitAdoption(old, theirs.association);
      }
      return;
    }
    if (theirs !== undefined) {
      connection.peerSuccessor = undefined;
      connection.retireLater(theirs.association);
    }
    connection.adopt(successor);
    discard(connection, old);
  }

  /** After `abandon`. */
  #refused(type: number, data: Uint8Array): void {
    const { configuration, current } = this.#connection;
    if (type === notifyType.invalidKePayload && data.length === 2 && this.#group === undefined) {
      const group = new ByteReader(data).uint16();
      if (isGroup(group) && configuration.ikeProposals.some((one) => one.group === group)) {
        current?.enqueueFirst(new RekeyIke(this.#connection, group));
        return;
      }
    }
    const failure: IkeFailure =
      type === notifyType.noProposalChosen
        ? { code: 'no-proposal-chosen', layer: 'ike' }
        : failureOfNotify(type);
    this.#failed(failure, type === notifyType.temporaryFailure ? soonMilliseconds : laterMilliseconds);
  }

  #failed(failure: IkeFailure, waitMilliseconds: number): void {
    const connection = this.#connection;
    connection.lastRefusal = failure;
    const theirs = connection.peerSuccessor;
    if (theirs !== undefined && this.#old === connection.current) {
      connection.awaitAdoption(this.#old!, theirs.association);
    } else if (this.#old === connection.current) {
      connection.retryRekeyIke(waitMilliseconds * (1 + connection.core.randomFraction()));
    }
  }
}

/** The peer rekeys the IKE SA. */
export function respondRekeyIke(
  connection: Connection,
  association: IkeAssociation,
  payloads: readonly Payload[],
): void {
  const { core, configuration } = connection;
  if (isBusy(connection, association)) {
    association.respond([notify(notifyType.temporaryFailure)]);
    return;
  }
  const theirs = requirePayload(payloads, 'key-exchange');
  const initiatorNonce = requirePayload(payloads, 'nonce').data.slice();
  const offered = requirePayload(payloads, 'proposals').proposals;
  const fitting = configuration.ikeProposals.filter(({ group }) => group === theirs.group);
  const choice = chooseIke(offered, fitting, 8) ?? chooseIke(offered, configuration.ikeProposals, 8);
  if (choice === undefined) {
    association.respond([notify(notifyType.noProposalChosen)]);
    return;
  }
  if (choice.ours.group !== theirs.group) {
    association.respond([notify(notifyType.invalidKePayload, uint16Bytes(choice.ours.group))]);
    return;
  }
  const keyExchange = startKeyExchange(core.environment, choice.ours.group);
  const sharedSecret = keyExchange.finish(theirs.data);
  if (sharedSecret === undefined) {
    association.respond([notify(notifyType.invalidSyntax)]);
    return;
  }
  const localSpi = core.newIkeSpi();
  const responderNonce = core.randomBytes(nonceLength);
  const successor = makeSuccessor(connection, association, {
    isInitiator: false,
    localSpi,
    remoteSpi: new ByteReader(choice.spi).uint64(),
    proposal: choice.ours,
    sharedSecret,
    initiatorNonce,
    responderNonce,
  });
  connection.peerSuccessor = {
    association: successor,
    lowestNonce: lowerNonce(initiatorNonce, responderNonce),
  };
  const collides = association.inFlight?.purpose === 'rekey-ike';
  if (!collides) connection.awaitAdoption(association, successor);
  association.respond([
    { kind: 'proposals', proposals: answerIke(choice, uint64Bytes(localSpi)) },
    { kind: 'nonce', data: responderNonce },
    { kind: 'key-exchange', group: keyExchange.group, data: keyExchange.publicValue },
  ]);
}

/** Section 2.25.2: not while a child is being made, rekeyed or deleted, or a successor is already there. */
function isBusy(connection: Connection, association: IkeAssociation): boolean {
  const purpose = association.inFlight?.purpose;
  return (
    association !== connection.current ||
    connection.peerSuccessor !== undefined ||
    purpose === 'create-child' ||
    purpose === 'rekey-child' ||
    purpose === 'delete-child' ||
    purpose === 'delete-ike'
  );
}

interface SuccessorParameters {
  readonly isInitiator: boolean;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly proposal: IkeProposal;
  readonly sharedSecret: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
}

function makeSuccessor(
  connection: Connection,
  old: IkeAssociation,
  parameters: SuccessorParameters,
): IkeAssociation {
  const { core } = connection;
  const { isInitiator, localSpi, remoteSpi, proposal } = parameters;
  const keys = core.derivation.ikeKeys(core.environment, {
    proposal,
    sharedSecret: parameters.sharedSecret,
    initiatorNonce: parameters.initiatorNonce,
    responderNonce: parameters.responderNonce,
    initiatorSpi: isInitiator ? localSpi : remoteSpi,
    responderSpi: isInitiator ? remoteSpi : localSpi,
    previous: { derive: old.keys.derive, prf: old.proposal.prf },
  });
  core.environment.freeSecret(parameters.sharedSecret);
  const path: IkePath = old.path;
  const successor = new IkeAssociation(core, {
    isInitiator,
    localSpi,
    remoteSpi,
    proposal,
    keys,
    path,
    fragmentation: old.fragmentation,
    window: freshWindow(0, 0),
    connection: connection.id,
    retransmission: connection.configuration.retransmission,
    handler: connection,
  });
  successor.followsPeer = old.followsPeer;
  connection.addSuccessor(successor);
  return successor;
}

/** Deletes an IKE SA of the connection that is not, or no longer, in use. */
function discard(connection: Connection, association: IkeAssociation): void {
  association.state = 'closing';
  for (const exchange of association.takeQueue()) exchange.abandon();
  association.enqueueFirst(new DeleteIke(() => connection.retire(association)));
  association.resume();
}
