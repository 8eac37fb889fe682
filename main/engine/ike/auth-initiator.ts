// IKE_AUTH as initiator (RFC 7296 sections 1.2, 2.15, 2.19): proves us, checks the gateway, and makes the first child.
import { intersectSelectors, type TrafficSelector } from '../policy/selector.ts';
import type { AssociationHandler, Exchange } from './association.ts';
import { IkeFormatError } from './bytes.ts';
import {
  type ChildOffer,
  failureOfNotify,
  offerPayloads,
  readAnswer,
  selectorsOfAddresses,
  selectorsOfEverything,
} from './child-negotiation.ts';
import { type AssignedConfiguration, readReply, requestAttributes } from './configuration-payload.ts';
import type { Connection } from './connection.ts';
import type { Identity, IkeFailure } from './contract.ts';
import { EapExchange } from './eap-exchange.ts';
import {
  certificatePayloads,
  HandshakeAuthentication,
  type InitOutcome,
} from './handshake-authentication.ts';
import { decodeIdentity, encodeIdentity, sameIdentity } from './identity.ts';
import { ikeDelete } from './informational.ts';
import { certificateRequest } from './init-message.ts';
import { configurationType, exchangeType, notifyType } from './numbers.ts';
import { findErrorNotify, findPayload, notify, type Payload, type PayloadOf } from './payloads.ts';
import { withoutGroups } from './proposals.ts';

export class InitiatorAuthentication implements Exchange, AssociationHandler {
  readonly type = exchangeType.ikeAuth;
  readonly purpose = 'authenticate';
  readonly #connection: Connection;
  readonly #startedAt: number;
  #outcome: InitOutcome | undefined;
  #proof: HandshakeAuthentication | undefined;
  #auth: Payload | undefined;
  #eap: EapExchange | undefined;
  /** The next request's only payload: EAP goes on, or ends by our AUTH. */
  #next: Payload | undefined;
  /** The gateway has proved itself by certificate. */
  #gateway: { readonly identity: Identity; readonly body: Uint8Array } | undefined;
  #eapKey: { readonly key: Uint8Array | undefined } | undefined;
  #offer: ChildOffer | undefined;

  constructor(connection: Connection, startedAt: number) {
    this.#connection = connection;
    this.#startedAt = startedAt;
  }

  start(outcome: InitOutcome): void {
    const { core, id, configuration } = this.#connection;
    this.#outcome = outcome;
    this.#connection.handshake = this;
    const proof = new HandshakeAuthentication(core, id, configuration, outcome);
    this.#proof = proof;
    // Without AUTH in the first request, the gateway begins EAP.
    if (configuration.localAuthentication.method === 'eap') {
      outcome.association.enqueue(this);
      return;
    }
    proof.prove(this.#expectedIdentity(), (result) => {
      if ('failure' in result) this.#connection.close(result.failure);
      else {
        this.#auth = result.auth;
        outcome.association.enqueue(this);
      }
    });
  }

  cancel(): void {
    this.#proof?.dispose();
    this.#eap?.dispose();
    this.#cancelOffer();
    this.#outcome?.association.destroy();
  }

  begin(): readonly Payload[] {
    if (this.#next !== undefined) return [this.#next];
    const { core, configuration } = this.#connection;
    const { localIdentity, remoteIdentity, remoteAuthentication } = configuration;
    const attributes = requestAttributes({
      address4: configuration.requestVirtualAddress4,
      address6: configuration.requestVirtualAddress6,
      dns: configuration.requestDns,
    });
    this.#offer = this.#makeOffer();
    if (this.#offer !== undefined) core.emit({ type: 'expect-inbound', spi: this.#offer.inboundSpi });
    return [
      { kind: 'identity-initiator', body: encodeIdentity(localIdentity) },
      ...certificatePayloads(configuration),
      ...(this.#isOnlyOne() ? [notify(notifyType.initialContact)] : []),
      ...(remoteAuthentication === 'certificate'
        ? [certificateRequest(configuration.certificateAuthorityHashes ?? [])]
        : []),
      ...(remoteIdentity === undefined
        ? []
        : [{ kind: 'identity-responder', body: encodeIdentity(remoteIdentity) } as const]),
      ...(this.#auth === undefined ? [] : [this.#auth]),
      ...(attributes.length === 0
        ? []
        : [{ kind: 'configuration', type: configurationType.request, attributes } as const]),
      ...(this.#offer === undefined ? [] : offerPayloads(this.#offer)),
      notify(notifyType.espTfcPaddingNotSupported),
      notify(notifyType.nonFirstFragmentsAlso),
    ];
  }

  finish(payloads: readonly Payload[]): void {
    if (this.#gateway !== undefined) {
      this.#continueEap(payloads, this.#gateway);
      return;
    }
    const identityPayload = findPayload(payloads, 'identity-responder');
    const auth = findPayload(payloads, 'authentication');
    const error = findErrorNotify(payloads);
    if (identityPayload === undefined || auth === undefined) {
      if (error === undefined) throw new IkeFormatError('IKE_AUTH response without IDr and AUTH');
      this.#connection.close(refusal(error));
      return;
    }
    const { body } = identityPayload;
    const identity = decodeIdentity(body);
    const eap = findPayload(payloads, 'extensible-authentication');
    const { localAuthentication } = this.#connection.configuration;
    if ((localAuthentication.method === 'eap') !== (eap !== undefined)) {
      throw new IkeFormatError(eap === undefined ? 'no EAP where it was due' : 'EAP that nobody asked for');
    }
    this.#proof!.verify(payloads, auth, identity, body, (failure) => {
      if (failure !== undefined) this.#reject(failure);
      else if (eap === undefined) this.#succeed(payloads, identity);
      else {
        this.#gateway = { identity, body };
        this.#beginEap(eap);
      }
    });
  }

  #beginEap(first: PayloadOf<'extensible-authentication'>): void {
    const { core, id, configuration } = this.#connection;
    const { localAuthentication } = configuration;
    if (localAuthentication.method !== 'eap') return;
    const ask = (payload: Payload) => {
      this.#next = payload;
      this.#outcome!.association.enqueue(this);
    };
    this.#eap = new EapExchange(core, id, localAuthentication, {
      send: ask,
      succeeded: (key) => {
        this.#eapKey = { key };
        ask(this.#proof!.proveByKey(key));
      },
      failed: (failure) => this.#connection.close(failure),
    });
    this.#receiveEap(first);
  }

  #receiveEap(payload: PayloadOf<'extensible-authentication'>): void {
    try {
      this.#eap!.receive(payload);
    } catch (error) {
      if (!(error instanceof IkeFormatError)) throw error;
      this.#connection.close({ code: 'invalid-message', detail: error.message });
    }
  }

  /** Another EAP packet, or after its success the AUTH by its key with all that IKE_AUTH ends with. */
  #continueEap(
    payloads: readonly Payload[],
    { identity, body }: { identity: Identity; body: Uint8Array },
  ): void {
    const eap = findPayload(payloads, 'extensible-authentication');
    const auth = findPayload(payloads, 'authentication');
    const error = findErrorNotify(payloads);
    if (this.#eapKey === undefined && eap !== undefined) this.#receiveEap(eap);
    else if (this.#eapKey !== undefined && auth !== undefined) {
      const fits = this.#proof!.fitsKey(auth, this.#eapKey.key, body);
      if (fits) this.#succeed(payloads, identity);
      else this.#reject({ code: 'authentication-failed', problem: 'server-unproven' });
    } else if (error?.type === notifyType.authenticationFailed && this.#eapKey === undefined) {
      this.#eap!.refused();
    } else if (error !== undefined) this.#connection.close(refusal(error));
    else throw new IkeFormatError('IKE_AUTH response with neither EAP nor AUTH');
  }

  abandon(): void {
    this.#cancelOffer();
  }

  accepts(): boolean {
    return false;
  }

  onRequest(): void {}

  onHeard(): void {}

  onUnanswered(): void {
    const milliseconds = this.#connection.core.now - this.#startedAt;
    this.#connection.close({ code: 'no-answer', milliseconds });
  }

  onFormatError(_association: unknown, detail: string): void {
    this.#connection.close({ code: 'invalid-message', detail });
  }

  /** The gateway is not who it should be: tell it (RFC 7296 section 2.21.2) and go. */
  #reject(failure: IkeFailure): void {
    this.#outcome!.association.sendOnce(exchangeType.informational, [
      notify(notifyType.authenticationFailed),
    ]);
    this.#connection.close(failure);
  }

  #succeed(payloads: readonly Payload[], remoteIdentity: Identity): void {
    const { configuration } = this.#connection;
    const { association, natDetected, encapsulation } = this.#outcome!;
    const reply = findPayload(payloads, 'configuration');
    const assigned: AssignedConfiguration =
      reply?.type === configurationType.reply
        ? readReply(reply.attributes)
        : { addresses: [], dns: [], subnets: [] };
    const wantsAddress = configuration.requestVirtualAddress4 || configuration.requestVirtualAddress6;
    if (wantsAddress && assigned.addresses.length === 0) {
      association.sendOnce(exchangeType.informational, [ikeDelete]);
      this.#connection.close({ code: 'no-address-assigned' });
      return;
    }
    const offer = this.#offer;
    this.#offer = undefined;
    this.#proof!.dispose();
    this.#proof = undefined;
    this.#eap?.dispose();
    this.#connection.establish({
      association,
      localIdentity: configuration.localIdentity,
      remoteIdentity,
      natDetected,
      encapsulation,
      virtualAddresses: assigned.addresses,
      dns: assigned.dns,
      subnets: assigned.subnets,
    });
    if (offer !== undefined) this.#makeChild(offer, payloads, assigned);
    for (const child of configuration.children.slice(1)) this.#connection.createChild(child.association);
  }

  #makeChild(offer: ChildOffer, payloads: readonly Payload[], assigned: AssignedConfiguration): void {
    const { core, children, encapsulation } = this.#connection;
    const { association, ourNonce, theirNonce } = this.#outcome!;
    const result = readAnswerSafely(offer, payloads);
    if ('failure' in result) {
      this.#cancel(offer);
      this.#connection.childFailed(offer.configuration.association, result.failure);
      return;
    }
    const { agreed } = result;
    const keys = core.derivation.childKeys(core.environment, {
      prf: association.proposal.prf,
      proposal: agreed.proposal,
      derive: association.keys.derive,
      initiatorNonce: ourNonce,
      responderNonce: theirNonce,
      initiatorSpi: agreed.inboundSpi,
      responderSpi: agreed.outboundSpi,
    });
    const localSelectors =
      offer.configuration.localSelectors.length === 0 && assigned.addresses.length > 0
        ? narrowed(agreed.localSelectors, assigned)
        : agreed.localSelectors;
    children.install({ ...agreed, localSelectors }, encapsulation, keys, true, 'both');
  }

  #makeOffer(): ChildOffer | undefined {
    const { core, configuration } = this.#connection;
    const [child] = configuration.children;
    if (child === undefined) return undefined;
    const { requestVirtualAddress4: ip4, requestVirtualAddress6: ip6 } = configuration;
    const own = [this.#outcome!.association.path.local.address];
    const open = ip4 || ip6 ? selectorsOfEverything({ ip4, ip6 }) : selectorsOfAddresses(own);
    const localSelectors = child.localSelectors.length > 0 ? child.localSelectors : open;
    const families = new Set(localSelectors.map(({ addresses }) => addresses.first.family));
    return {
      configuration: child,
      inboundSpi: core.environment.allocateSpi(),
      proposals: withoutGroups(configuration.espProposals),
      localSelectors,
      remoteSelectors:
        child.remoteSelectors.length > 0
          ? child.remoteSelectors
          : selectorsOfEverything({ ip4: families.has(4), ip6: families.has(6) }),
    };
  }

  #expectedIdentity(): Identity {
    const { remoteIdentity } = this.#connection.configuration;
    return remoteIdentity ?? { type: 'address', value: this.#outcome!.association.path.remote.address };
  }

  /** INITIAL_CONTACT only where no other IKE SA with these identities lives (RFC 7296 section 2.4). */
  #isOnlyOne(): boolean {
    const { core, configuration } = this.#connection;
    const expected = this.#expectedIdentity();
    return ![...core.connections.values()].some(
      ({ establishment }) =>
        establishment !== undefined &&
        sameIdentity(establishment.localIdentity, configuration.localIdentity) &&
        sameIdentity(establishment.remoteIdentity, expected),
    );
  }

  #cancelOffer(): void {
    if (this.#offer !== undefined) this.#cancel(this.#offer);
    this.#offer = undefined;
  }

  #cancel(offer: ChildOffer): void {
    this.#connection.core.emit({ type: 'cancel-expected', spi: offer.inboundSpi });
  }
}

/** The IKE SA stands by now; a malformed child answer costs the child only. */
function readAnswerSafely(offer: ChildOffer, payloads: readonly Payload[]): ReturnType<typeof readAnswer> {
  try {
    return readAnswer(offer, payloads);
  } catch (error) {
    if (!(error instanceof IkeFormatError)) throw error;
    return { failure: { code: 'invalid-message', detail: error.message } };
  }
}

function narrowed(
  selectors: readonly TrafficSelector[],
  assigned: AssignedConfiguration,
): readonly TrafficSelector[] {
  const common = intersectSelectors(selectors, selectorsOfAddresses(assigned.addresses));
  return common.length > 0 ? common : selectors;
}

function refusal(error: PayloadOf<'notify'>): IkeFailure {
  return error.type === notifyType.authenticationFailed
    ? { code: 'authentication-failed' }
    : failureOfNotify(error.type);
}
