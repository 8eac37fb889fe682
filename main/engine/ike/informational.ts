// INFORMATIONAL exchanges (RFC 7296 section 1.4): deleting a child SA or the IKE SA, and asking for a sign of life.
import type { Exchange, IkeAssociation } from './association.ts';
import type { Child } from './children.ts';
import type { Connection } from './connection.ts';
import { exchangeType, notifyType, protocolId } from './numbers.ts';
import { findNotify, findPayloads, type Payload } from './payloads.ts';
import type { RetransmissionPolicy } from './retransmission.ts';

export const ikeDelete: Payload = { kind: 'delete', protocol: protocolId.ike, spis: [] };

/** An empty request, whose answer shows that the peer is alive. */
export class Liveness implements Exchange {
  readonly type = exchangeType.informational;
  readonly purpose = 'inform';
  readonly retransmission: RetransmissionPolicy | undefined;

  /** `retransmission`: of its own, instead of the IKE SA's. */
  constructor(retransmission?: RetransmissionPolicy) {
    this.retransmission = retransmission;
  }

  begin(): readonly Payload[] {
    return [];
  }

  finish(): void {}

  abandon(): void {}
}

export class DeleteChild implements Exchange {
  readonly type = exchangeType.informational;
  readonly purpose = 'delete-child';
  readonly #connection: Connection;
  readonly child: Child;

  constructor(connection: Connection, child: Child) {
    this.#connection = connection;
    this.child = child;
  }

  begin(): readonly Payload[] | undefined {
    if (!this.#connection.children.has(this.child)) return undefined;
    return [{ kind: 'delete', protocol: protocolId.esp, spis: [this.child.inboundSpi] }];
  }

  finish(): void {
    this.#connection.childGone(this.child, false);
  }

  abandon(): void {}
}

/** Child SAs of an earlier process, which the peer still has. */
export class DeleteFormer implements Exchange {
  readonly type = exchangeType.informational;
  readonly purpose = 'delete-child';
  readonly #inboundSpis: readonly number[];

  constructor(inboundSpis: readonly number[]) {
    this.#inboundSpis = inboundSpis;
  }

  begin(): readonly Payload[] {
    return [{ kind: 'delete', protocol: protocolId.esp, spis: this.#inboundSpis }];
  }

  finish(): void {}

  abandon(): void {}
}

export class DeleteIke implements Exchange {
  readonly type = exchangeType.informational;
  readonly purpose = 'delete-ike';
  readonly #done: () => void;

  constructor(done: () => void) {
    this.#done = done;
  }

  begin(): readonly Payload[] {
    return [ikeDelete];
  }

  finish(): void {
    this.#done();
  }

  abandon(): void {}
}

export function isIkeDelete(payloads: readonly Payload[]): boolean {
  return findPayloads(payloads, 'delete').some(({ protocol }) => protocol === protocolId.ike);
}

export function respondInformational(
  connection: Connection,
  association: IkeAssociation,
  payloads: readonly Payload[],
): void {
  if (isIkeDelete(payloads)) {
    association.respond([]);
    connection.deletedByPeer(association);
    return;
  }
  if (findNotify(payloads, notifyType.authenticationFailed) !== undefined) {
    association.respond([]);
    connection.close({ code: 'authentication-failed' });
    return;
  }
  const spis = findPayloads(payloads, 'delete').flatMap(({ protocol, spis }) =>
    protocol === protocolId.esp ? spis : [],
  );
  if (isMakingChild(association)) for (const spi of spis) connection.deletedEarly.add(spi);
  const gone = spis
    .map((spi) => connection.children.byOutboundSpi(spi))
    .filter((child) => child !== undefined);
  // What we are deleting ourselves goes with our own exchange (RFC 7296 section 1.4.1).
  const ours = gone.filter((child) => !isBeingDeleted(association, child));
  association.respond(
    ours.length === 0
      ? []
      : [{ kind: 'delete', protocol: protocolId.esp, spis: ours.map((child) => child.inboundSpi) }],
  );
  for (const child of ours) connection.childGone(child, true);
}

/** The peer may speak of a child whose making we have not heard the end of. */
export function isMakingChild(association: IkeAssociation): boolean {
  const purpose = association.inFlight?.purpose;
  return purpose === 'create-child' || purpose === 'rekey-child';
}

function isBeingDeleted(association: IkeAssociation, child: Child): boolean {
  const { inFlight } = association;
  return inFlight instanceof DeleteChild && inFlight.child === child;
}
