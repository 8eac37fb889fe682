// The peer's CREATE_CHILD_SA requests (RFC 7296 sections 1.3, 2.8, 2.25): a new child, the rekeying of one; that of
// the IKE SA is handed on.
import type { IkeAssociation } from './association.ts';
import { ByteReader, uint16Bytes } from './bytes.ts';
import { agreedOf, answerPayloads, type ChosenChild, chooseChild } from './child-negotiation.ts';
import type { Child } from './children.ts';
import type { Connection } from './connection.ts';
import { lowerNonce, nonceLength } from './create-child.ts';
import { isMakingChild } from './informational.ts';
import { startKeyExchange } from './key-exchange.ts';
import { notifyType, protocolId } from './numbers.ts';
import { findNotify, findPayload, notify, type Payload, requirePayload } from './payloads.ts';
import { respondRekeyIke } from './rekey-ike.ts';

export function respondCreateChild(
  connection: Connection,
  association: IkeAssociation,
  payloads: readonly Payload[],
): void {
  const { proposals } = requirePayload(payloads, 'proposals');
  if (proposals.some((proposal) => proposal.protocol === protocolId.ike)) {
    respondRekeyIke(connection, association, payloads);
    return;
  }
  if (isReplacedOrAboutTo(connection, association)) {
    association.respond([notify(notifyType.temporaryFailure)]);
    return;
  }
  const rekey = findNotify(payloads, notifyType.rekeySa);
  const replaced =
    rekey?.spi.length === 4
      ? connection.children.byOutboundSpi(new ByteReader(rekey.spi).uint32())
      : undefined;
  if (rekey !== undefined && replaced === undefined) {
    if (isMakingChild(association)) {
      association.respond([notify(notifyType.temporaryFailure)]);
      return;
    }
    const notFound = { ...notify(notifyType.childSaNotFound), protocol: protocolId.esp, spi: rekey.spi };
    association.respond([notFound]);
    return;
  }
  if (replaced !== undefined && replaced.state !== 'active' && replaced.state !== 'rekeying') {
    association.respond([notify(notifyType.temporaryFailure)]);
    return;
  }
  accept(connection, association, payloads, replaced);
}

function accept(
  connection: Connection,
  association: IkeAssociation,
  payloads: readonly Payload[],
  replaced: Child | undefined,
): void {
  const { core, children } = connection;
  const theirs = findPayload(payloads, 'key-exchange');
  const chosen = choose(connection, payloads, theirs?.group, replaced);
  if (typeof chosen === 'number') {
    association.respond([notify(chosen)]);
    return;
  }
  const { group } = chosen.choice.ours;
  if (group !== undefined && theirs?.group !== group) {
    association.respond([notify(notifyType.invalidKePayload, uint16Bytes(group))]);
    return;
  }
  const initiatorNonce = requirePayload(payloads, 'nonce').data.slice();
  const keyExchange = group === undefined ? undefined : startKeyExchange(core.environment, group);
  const sharedSecret = keyExchange?.finish(theirs!.data);
  if (keyExchange !== undefined && sharedSecret === undefined) {
    association.respond([notify(notifyType.invalidSyntax)]);
    return;
  }
  const responderNonce = core.randomBytes(nonceLength);
  const inboundSpi = core.environment.allocateSpi();
  const keys = core.derivation.childKeys(core.environment, {
    prf: association.proposal.prf,
    proposal: chosen.choice.ours,
    derive: association.keys.derive,
    initiatorNonce,
    responderNonce,
    sharedSecret,
    initiatorSpi: chosen.outboundSpi,
    responderSpi: inboundSpi,
  });
  if (sharedSecret !== undefined) core.environment.freeSecret(sharedSecret);
  const child = children.install(
    agreedOf(chosen, inboundSpi),
    connection.encapsulation,
    keys,
    false,
    replaced === undefined ? 'both' : 'inbound',
  );
  if (replaced !== undefined) {
    replaced.peerReplacement = { child, lowestNonce: lowerNonce(initiatorNonce, responderNonce) };
    if (replaced.state === 'active') replaced.state = 'replaced';
  }
  association.respond([
    ...answerPayloads(chosen, inboundSpi),
    { kind: 'nonce', data: responderNonce },
    ...(keyExchange === undefined
      ? []
      : [{ kind: 'key-exchange', group: keyExchange.group, data: keyExchange.publicValue } as const]),
  ]);
}

/** Prefers a proposal that goes with the key exchange value that came, to save a round trip. */
function choose(
  connection: Connection,
  payloads: readonly Payload[],
  theirGroup: number | undefined,
  replaced: Child | undefined,
): ChosenChild | number {
  const { children, espProposals } = connection.configuration;
  const candidates =
    replaced === undefined
      ? children.map((child) => connection.concreteChild(child))
      : [connection.concreteChild(replaced.configuration)];
  const fitting = espProposals.filter(({ group }) => group === theirGroup);
  const chosen = chooseChild(candidates, fitting, payloads);
  return typeof chosen === 'number' ? chooseChild(candidates, espProposals, payloads) : chosen;
}

function isReplacedOrAboutTo(connection: Connection, association: IkeAssociation): boolean {
  return (
    association.inFlight?.purpose === 'rekey-ike' ||
    (association === connection.current && connection.peerSuccessor !== undefined)
  );
}
