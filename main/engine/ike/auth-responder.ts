// IKE_AUTH as responder (RFC 7296 sections 1.2, 2.15, 2.19): finds the configuration by the initiator's identity,
// checks it, proves us, gives addresses and makes the first child.
import type { IpAddress } from '../packet/address.ts';
import type { AssociationHandler, IkeAssociation } from './association.ts';
import { agreedOf, answerPayloads, chooseChild } from './child-negotiation.ts';
import { replyAttributes } from './configuration-payload.ts';
import { Connection } from './connection.ts';
import type { ConnectionId, Identity, IkeConfiguration, IkeFailure } from './contract.ts';
import type { EngineCore } from './core.ts';
import {
  certificatePayloads,
  HandshakeAuthentication,
  type InitOutcome,
} from './handshake-authentication.ts';
import { decodeIdentity, encodeIdentity, sameIdentity } from './identity.ts';
import { configurationAttribute, configurationType, exchangeType, notifyType } from './numbers.ts';
import { findNotify, findPayload, notify, type Payload, requirePayload } from './payloads.ts';
import { withoutGroups } from './proposals.ts';

interface Assignment {
  readonly addresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
}

export class ResponderAuthentication implements AssociationHandler {
  readonly #core: EngineCore;
  readonly #ended: () => void;
  #outcome: InitOutcome | undefined;
  #proof: HandshakeAuthentication | undefined;
  #chosen: { connection: ConnectionId; configuration: IkeConfiguration } | undefined;

  /** `ended` is called when the IKE SA is no longer half-open, whatever became of it. */
  constructor(core: EngineCore, ended: () => void) {
    this.#core = core;
    this.#ended = ended;
  }

  start(outcome: InitOutcome): void {
    this.#outcome = outcome;
  }

  /** Too late, or refused: nothing stays but the cached response. */
  cancel(): void {
    this.#release();
    this.#outcome?.association.destroy();
  }

  /** Half-open for too long. Whoever was named to the caller meanwhile has ended. */
  expire(milliseconds: number): void {
    this.#end({ code: 'no-answer', milliseconds });
  }

  accepts(exchange: number): boolean {
    return exchange === exchangeType.ikeAuth && this.#proof === undefined;
  }

  onRequest(_association: IkeAssociation, _exchange: number, payloads: readonly Payload[]): void {
    const identityPayload = requirePayload(payloads, 'identity-initiator');
    const identity = decodeIdentity(identityPayload.body);
    const wanted = findPayload(payloads, 'identity-responder');
    if (findPayload(payloads, 'proposals') !== undefined) {
      requirePayload(payloads, 'selectors-initiator');
      requirePayload(payloads, 'selectors-responder');
    }
    const auth = findPayload(payloads, 'authentication');
    const chosen = this.#core.responder?.choose(identity, wanted && decodeIdentity(wanted.body));
    this.#chosen = chosen;
    // Without AUTH the initiator asks for EAP, which we do not speak.
    if (auth === undefined || chosen === undefined) {
      this.#refuse(undefined);
      return;
    }
    const { connection, configuration } = chosen;
    this.#proof = new HandshakeAuthentication(this.#core, connection, configuration, this.#outcome!);
    this.#proof.verify(payloads, auth, identity, identityPayload.body, (failure) => {
      if (failure === undefined) this.#prove(payloads, identity);
      else this.#refuse(failure);
    });
  }

  onHeard(): void {}

  onUnanswered(): void {}

  onFormatError(_association: unknown, detail: string): void {
    this.#end({ code: 'invalid-message', detail });
  }

  #prove(payloads: readonly Payload[], identity: Identity): void {
    this.#proof!.prove(identity, (result) => {
      if ('failure' in result) this.#refuse(result.failure);
      else this.#assign(payloads, identity, result.auth);
    });
  }

  #assign(payloads: readonly Payload[], identity: Identity, auth: Payload): void {
    const request = findPayload(payloads, 'configuration');
    const wants = (type: number): boolean =>
      request?.type === configurationType.request &&
      request.attributes.some((attribute) => attribute.type === type);
    const wants4 = wants(configurationAttribute.internalIp4Address);
    const wants6 = wants(configurationAttribute.internalIp6Address);
    const wantsDns =
      wants(configurationAttribute.internalIp4Dns) || wants(configurationAttribute.internalIp6Dns);
    if (!wants4 && !wants6) {
      this.#establish(payloads, identity, auth, undefined);
      return;
    }
    const { connection } = this.#chosen!;
    this.#core.ask(
      this,
      (asked) => ({
        type: 'assign-addresses',
        request: asked,
        connection,
        remoteIdentity: identity,
        wants4,
        wants6,
      }),
      {
        'addresses-assigned': ({ address4, address6, dns }) => {
          const addresses = [address4, address6].filter((address) => address !== undefined);
          this.#establish(payloads, identity, auth, { addresses, dns: wantsDns ? dns : [] });
        },
      },
    );
  }

  #establish(
    payloads: readonly Payload[],
    remoteIdentity: Identity,
    auth: Payload,
    assignment: Assignment | undefined,
  ): void {
    const { connection: id, configuration } = this.#chosen!;
    const { association, natDetected, encapsulation } = this.#outcome!;
    this.#release();
    this.#replaceOthers(payloads, remoteIdentity, id);
    const connection = new Connection(this.#core, id, configuration);
    this.#core.connections.set(id, connection);
    connection.establish({
      association,
      localIdentity: configuration.localIdentity,
      remoteIdentity,
      natDetected,
      encapsulation,
      virtualAddresses: assignment?.addresses ?? [],
      dns: assignment?.dns ?? [],
      subnets: [],
    });
    association.respond([
      { kind: 'identity-responder', body: encodeIdentity(configuration.localIdentity) },
      ...certificatePayloads(configuration),
      auth,
      ...this.#configurationAndChild(connection, payloads, assignment),
    ]);
  }

  #configurationAndChild(
    connection: Connection,
    payloads: readonly Payload[],
    assignment: Assignment | undefined,
  ): Payload[] {
    if (assignment?.addresses.length === 0) return [notify(notifyType.internalAddressFailure)];
    const reply: Payload[] =
      assignment === undefined
        ? []
        : [
            {
              kind: 'configuration',
              type: configurationType.reply,
              attributes: replyAttributes(assignment.addresses, assignment.dns),
            },
          ];
    if (findPayload(payloads, 'proposals') === undefined) return reply;
    return [...reply, ...this.#makeChild(connection, payloads)];
  }

  #makeChild(connection: Connection, payloads: readonly Payload[]): Payload[] {
    const { association, ourNonce, theirNonce } = this.#outcome!;
    const { environment, derivation } = this.#core;
    const { children, espProposals } = connection.configuration;
    const candidates = children.map((child) => connection.concreteChild(child));
    const chosen = chooseChild(candidates, withoutGroups(espProposals), payloads);
    if (typeof chosen === 'number') return [notify(chosen)];
    const inboundSpi = environment.allocateSpi();
    const keys = derivation.childKeys(environment, {
      prf: association.proposal.prf,
      proposal: chosen.choice.ours,
      derive: association.keys.derive,
      initiatorNonce: theirNonce,
      responderNonce: ourNonce,
      initiatorSpi: chosen.outboundSpi,
      responderSpi: inboundSpi,
    });
    connection.children.install(agreedOf(chosen, inboundSpi), connection.encapsulation, keys, false, 'both');
    return [
      ...answerPayloads(chosen, inboundSpi),
      notify(notifyType.espTfcPaddingNotSupported),
      notify(notifyType.nonFirstFragmentsAlso),
    ];
  }

  /** The same connection anew, or INITIAL_CONTACT: older IKE SAs with this peer are gone (RFC 7296 section 2.4). */
  #replaceOthers(payloads: readonly Payload[], remoteIdentity: Identity, id: ConnectionId): void {
    const isInitialContact = findNotify(payloads, notifyType.initialContact) !== undefined;
    const { localIdentity } = this.#chosen!.configuration;
    for (const other of [...this.#core.connections.values()]) {
      const { establishment } = other;
      const isSamePeer =
        establishment !== undefined &&
        sameIdentity(establishment.remoteIdentity, remoteIdentity) &&
        sameIdentity(establishment.localIdentity, localIdentity);
      if (other.id === id || (isInitialContact && isSamePeer)) other.close({ code: 'replaced' });
    }
  }

  #refuse(failure: IkeFailure | undefined): void {
    this.#outcome!.association.respond([notify(notifyType.authenticationFailed)]);
    this.#end(failure ?? { code: 'authentication-failed' });
  }

  /** The caller is told only of a connection that it has named, and never of one that goes on. */
  #end(reason: IkeFailure): void {
    const id = this.#chosen?.connection;
    this.cancel();
    if (id !== undefined && !this.#core.connections.has(id)) {
      this.#core.emit({ type: 'closed', connection: id, reason });
    }
  }

  #release(): void {
    this.#core.forget(this);
    this.#proof?.dispose();
    this.#ended();
  }
}
