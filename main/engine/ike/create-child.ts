// Our CREATE_CHILD_SA requests for children (RFC 7296 sections 1.3.1, 1.3.3): a new child, or the rekeying of one,
// with simultaneous rekeying by the peer resolved by the lowest nonce (section 2.8.1).
import type { Exchange, IkeAssociation } from './association.ts';
import { ByteReader, compareBytes, uint32Bytes } from './bytes.ts';
import { type AgreedChild, type ChildOffer, offerPayloads, readAnswer } from './child-negotiation.ts';
import type { Child } from './children.ts';
import type { Connection } from './connection.ts';
import type { ChildConfiguration, IkeFailure, IkeGroup } from './contract.ts';
import { DeleteChild, DeleteFormer } from './informational.ts';
import { type KeyExchange, startKeyExchange } from './key-exchange.ts';
import { exchangeType, notifyType, protocolId } from './numbers.ts';
import { findErrorNotify, findPayload, type Payload, requirePayload } from './payloads.ts';
import { type RetransmissionPolicy, urgentRetransmission } from './retransmission.ts';
import { isGroup } from './transforms.ts';

export const nonceLength = 32;
const maximumAttempts = 6;
/** After a refusal that may pass (TEMPORARY_FAILURE), and after one that hardly will. */
const soonMilliseconds = 1000;
const laterMilliseconds = 10_000;

export interface CreateChildOptions {
  /** What the peer asked for by INVALID_KE_PAYLOAD. */
  readonly group?: IkeGroup | undefined;
  readonly attempt?: number;
  /**
   * Inbound SPIs of an earlier process's children, which the peer is asked to delete when this one is there. Not by
   * REKEY_SA: a peer that begins to rekey them itself, since we moved, would take both for a collision.
   */
  readonly formerSpis?: readonly number[] | undefined;
}

export class CreateChild implements Exchange {
  readonly type = exchangeType.createChildSa;
  readonly purpose: 'create-child' | 'rekey-child';
  /** A peer that knows nothing of us any more is found out soon. */
  readonly retransmission: RetransmissionPolicy | undefined;
  readonly #connection: Connection;
  readonly #configuration: ChildConfiguration;
  readonly #replaced: Child | undefined;
  readonly #options: CreateChildOptions;
  #association: IkeAssociation | undefined;
  #offer: ChildOffer | undefined;
  #nonce: Uint8Array = new Uint8Array(0);
  #keyExchange: KeyExchange | undefined;

  constructor(
    connection: Connection,
    configuration: ChildConfiguration,
    replaced: Child | undefined,
    options: CreateChildOptions = {},
  ) {
    this.#connection = connection;
    this.#configuration = configuration;
    this.#replaced = replaced;
    this.#options = options;
    this.retransmission = options.formerSpis === undefined ? undefined : urgentRetransmission;
    this.purpose = replaced === undefined ? 'create-child' : 'rekey-child';
  }

  begin(association: IkeAssociation): readonly Payload[] | undefined {
    const { core, children, configuration } = this.#connection;
    const replaced = this.#replaced;
    if (replaced !== undefined) {
      if (!children.has(replaced) || replaced.state !== 'active') return undefined;
      replaced.state = 'rekeying';
    }
    const inboundSpi = core.environment.allocateSpi();
    const offer: ChildOffer = {
      ...(replaced ?? this.#connection.concreteChild(this.#configuration)),
      configuration: this.#configuration,
      inboundSpi,
      proposals: configuration.espProposals,
    };
    const group =
      this.#options.group ?? configuration.espProposals.find((one) => one.group !== undefined)?.group;
    this.#connection.deletedEarly.clear();
    this.#association = association;
    this.#offer = offer;
    this.#nonce = core.randomBytes(nonceLength);
    if (group !== undefined) this.#keyExchange = startKeyExchange(core.environment, group);
    core.emit({ type: 'expect-inbound', spi: inboundSpi });
    return [
      ...(replaced === undefined ? [] : [rekeyNotify(replaced.inboundSpi)]),
      ...offerPayloads(offer),
      { kind: 'nonce', data: this.#nonce },
      ...(this.#keyExchange === undefined
        ? []
        : [
            {
              kind: 'key-exchange',
              group: this.#keyExchange.group,
              data: this.#keyExchange.publicValue,
            } as const,
          ]),
    ];
  }

  finish(payloads: readonly Payload[]): void {
    const result = readAnswer(this.#offer!, payloads);
    if ('failure' in result) {
      this.abandon();
      this.#refused(payloads, result.failure);
      return;
    }
    const { agreed } = result;
    if (this.#connection.deletedEarly.has(agreed.outboundSpi)) {
      this.#deletedEarly();
      return;
    }
    const nonce = requirePayload(payloads, 'nonce').data;
    const sharedSecret = this.#sharedSecret(agreed, payloads);
    if (sharedSecret === null) {
      this.abandon();
      this.#failed({ code: 'invalid-message', detail: 'key exchange value of the child is invalid' });
      return;
    }
    this.#keyExchange?.destroy();
    this.#settle(agreed, nonce, sharedSecret);
  }

  abandon(): void {
    this.#keyExchange?.destroy();
    if (this.#offer !== undefined) {
      this.#connection.core.emit({ type: 'cancel-expected', spi: this.#offer.inboundSpi });
    }
    if (this.#replaced?.state === 'rekeying') {
      this.#replaced.state = this.#replaced.peerReplacement === undefined ? 'active' : 'replaced';
    }
  }

  /** null: the peer's value is missing or invalid. undefined: none was agreed on. */
  #sharedSecret(agreed: AgreedChild, payloads: readonly Payload[]): Uint8Array | undefined | null {
    if (agreed.proposal.group === undefined) return undefined;
    const theirs = findPayload(payloads, 'key-exchange');
    if (theirs?.group !== agreed.proposal.group || this.#keyExchange?.group !== theirs.group) return null;
    return this.#keyExchange.finish(theirs.data) ?? null;
  }

  #settle(agreed: AgreedChild, nonce: Uint8Array, sharedSecret: Uint8Array | undefined): void {
    const { core, children, encapsulation } = this.#connection;
    const association = this.#association!;
    const keys = core.derivation.childKeys(core.environment, {
      prf: association.proposal.prf,
      proposal: agreed.proposal,
      derive: association.keys.derive,
      initiatorNonce: this.#nonce,
      responderNonce: nonce,
      sharedSecret,
      initiatorSpi: agreed.inboundSpi,
      responderSpi: agreed.outboundSpi,
    });
    if (sharedSecret !== undefined) core.environment.freeSecret(sharedSecret);
    const replaced = this.#replaced;
    const theirs = replaced?.peerReplacement;
    const lostToPeer =
      theirs !== undefined &&
      (!children.has(replaced!) || compareBytes(lowerNonce(this.#nonce, nonce), theirs.lowestNonce) < 0);
    const child = children.install(agreed, encapsulation, keys, true, lostToPeer ? 'inbound' : 'both');
    if (lostToPeer) {
      children.dropHeldKey(child);
      if (replaced?.state === 'rekeying') replaced.state = 'replaced';
      this.#delete(child);
    } else if (replaced !== undefined) {
      // Whoever asked for the old one's deletion meanwhile does not want the new one.
      if (replaced.state === 'deleting') this.#delete(child);
      if (theirs !== undefined) {
        theirs.child.state = 'redundant';
        children.dropHeldKey(theirs.child);
      }
      this.#delete(replaced);
    }
    const { formerSpis = [] } = this.#options;
    if (formerSpis.length > 0) this.#connection.current?.enqueueFirst(new DeleteFormer(formerSpis));
  }

  /** The peer made the child and deleted it before we knew. */
  #deletedEarly(): void {
    this.abandon();
    if (this.#replaced !== undefined) this.#delete(this.#replaced);
    this.#connection.childFailed(this.#configuration.association, { code: 'deleted-by-peer' });
  }

  #delete(child: Child): void {
    if (!this.#connection.children.has(child)) return;
    child.state = 'deleting';
    this.#connection.current?.enqueueFirst(new DeleteChild(this.#connection, child));
  }

  #again(options: CreateChildOptions): CreateChild {
    return new CreateChild(this.#connection, this.#configuration, this.#replaced, {
      ...this.#options,
      ...options,
    });
  }

  /** After `abandon`. */
  #refused(payloads: readonly Payload[], failure: IkeFailure): void {
    const notify = findErrorNotify(payloads);
    const replaced = this.#replaced;
    if (notify?.type === notifyType.invalidKePayload && notify.data.length === 2) {
      const group = new ByteReader(notify.data).uint16();
      const offered = this.#connection.configuration.espProposals.some((one) => one.group === group);
      if (isGroup(group) && offered && this.#options.group === undefined) {
        this.#connection.current?.enqueueFirst(this.#again({ group }));
        return;
      }
    }
    if (notify?.type === notifyType.childSaNotFound && replaced !== undefined) {
      this.#replacedIsGone(replaced);
      return;
    }
    this.#failed(failure, notify?.type === notifyType.temporaryFailure);
  }

  /** The peer has no such child: it rekeyed or lost it. */
  #replacedIsGone(replaced: Child): void {
    const { children } = this.#connection;
    const { association } = this.#configuration;
    const wasRekeyedByPeer = replaced.peerReplacement !== undefined;
    if (children.has(replaced)) {
      this.#connection.childGone(replaced, false);
      if (!wasRekeyedByPeer) this.#connection.createChild(association);
    } else if (children.of(association).length === 0) {
      this.#connection.childFailed(association, { code: 'deleted-by-peer' });
    }
  }

  #failed(failure: IkeFailure, temporary = false): void {
    const { core, children } = this.#connection;
    const wait = (temporary ? soonMilliseconds : laterMilliseconds) * (1 + core.randomFraction());
    const replaced = this.#replaced;
    const { attempt = 1 } = this.#options;
    if (replaced !== undefined) {
      replaced.lastRefusal = failure;
      if (children.has(replaced) && replaced.state === 'active') children.retrySoftLimit(replaced, wait);
    } else if (temporary && attempt < maximumAttempts) {
      const again = this.#again({ attempt: attempt + 1 });
      core.timers.set(
        this.#connection,
        `create-child-${this.#configuration.association}`,
        core.now + wait,
        () => this.#connection.current?.enqueue(again),
      );
    } else this.#connection.childFailed(this.#configuration.association, failure);
  }
}

/** The lexicographically lower of an exchange's nonces. */
export function lowerNonce(one: Uint8Array, other: Uint8Array): Uint8Array {
  return compareBytes(one, other) <= 0 ? one : other;
}

function rekeyNotify(spi: number): Payload {
  return {
    kind: 'notify',
    protocol: protocolId.esp,
    spi: uint32Bytes(spi),
    type: notifyType.rekeySa,
    data: new Uint8Array(0),
  };
}
