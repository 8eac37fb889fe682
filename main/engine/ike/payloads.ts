// The chain of payloads in a message (RFC 7296 section 3.2) and the typed payloads in it, both ways.
import { ByteReader, concatBytes, IkeFormatError, uint16Bytes } from './bytes.ts';
import {
  type ConfigurationAttribute,
  decodeConfiguration,
  encodeConfiguration,
} from './configuration-payload.ts';
import { payloadType } from './numbers.ts';
import { decodeProposals, encodeProposals, type WireProposal } from './proposal-payload.ts';
import { decodeSelectors, encodeSelectors, type WireSelectors } from './selector-payload.ts';

export type Payload =
  | { readonly kind: 'proposals'; readonly proposals: readonly WireProposal[] }
  | { readonly kind: 'key-exchange'; readonly group: number; readonly data: Uint8Array }
  /** `body` is what AUTH covers: ID type, 3 reserved bytes, identification data (RFC 7296 section 2.15). */
  | { readonly kind: 'identity-initiator'; readonly body: Uint8Array }
  | { readonly kind: 'identity-responder'; readonly body: Uint8Array }
  | { readonly kind: 'certificate'; readonly encoding: number; readonly data: Uint8Array }
  | { readonly kind: 'certificate-request'; readonly encoding: number; readonly authorities: Uint8Array }
  | { readonly kind: 'authentication'; readonly method: number; readonly data: Uint8Array }
  | { readonly kind: 'nonce'; readonly data: Uint8Array }
  | {
      readonly kind: 'notify';
      readonly protocol: number;
      readonly spi: Uint8Array;
      readonly type: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'delete'; readonly protocol: number; readonly spis: readonly number[] }
  | { readonly kind: 'vendor-id'; readonly data: Uint8Array }
  | { readonly kind: 'selectors-initiator'; readonly selectors: WireSelectors }
  | { readonly kind: 'selectors-responder'; readonly selectors: WireSelectors }
  | {
      readonly kind: 'configuration';
      readonly type: number;
      readonly attributes: readonly ConfigurationAttribute[];
    }
  /** RFC 7296 section 3.16; carried so that a method can be added, not understood yet. */
  | { readonly kind: 'extensible-authentication'; readonly data: Uint8Array }
  | { readonly kind: 'unknown'; readonly type: number; readonly data: Uint8Array };

export type PayloadKind = Payload['kind'];
export type PayloadOf<Kind extends PayloadKind> = Extract<Payload, { kind: Kind }>;

/** A payload as it lies on the wire, without its generic header. */
export interface RawPayload {
  readonly type: number;
  readonly body: Uint8Array;
}

/** More payloads than any honest message carries. */
const maximumPayloads = 128;
const criticalBit = 0x80;

/** Serializes payloads, each with its generic header; gives the type of the first one (0: none) too. */
export function encodePayloads(payloads: readonly Payload[]): { first: number; bytes: Uint8Array } {
  return encodeRawPayloads(payloads.map(encodePayload));
}

export function encodeRawPayloads(payloads: readonly RawPayload[]): { first: number; bytes: Uint8Array } {
  const parts: Uint8Array[] = [];
  payloads.forEach((payload, index) => {
    const next = payloads[index + 1]?.type ?? payloadType.none;
    parts.push(new Uint8Array([next, 0]), uint16Bytes(payload.body.length + 4), payload.body);
  });
  return { first: payloads[0]?.type ?? payloadType.none, bytes: concatBytes(parts) };
}

/** Reads a whole chain. Throws IkeFormatError for anything that RFC 7296 does not allow. */
export function decodePayloads(first: number, bytes: Uint8Array): Payload[] {
  const reader = new ByteReader(bytes);
  const payloads: Payload[] = [];
  const seen = new Set<number>();
  let type = first;
  while (type !== payloadType.none) {
    if (payloads.length === maximumPayloads) throw new IkeFormatError('too many payloads');
    const next = reader.uint8();
    const critical = (reader.uint8() & criticalBit) !== 0;
    const length = reader.uint16();
    if (length < 4) throw new IkeFormatError('payload shorter than its own header');
    const payload = decodePayload(type, reader.take(length - 4));
    if (payload.kind === 'unknown' && critical) {
      throw new IkeFormatError(`unknown critical payload ${type}`, type);
    }
    if (onlyOnce.has(type) && seen.has(type)) throw new IkeFormatError(`payload ${type} appears twice`);
    seen.add(type);
    payloads.push(payload);
    type = next;
  }
  reader.expectEnd('payloads');
  return payloads;
}

export function findPayload<Kind extends PayloadKind>(
  payloads: readonly Payload[],
  kind: Kind,
): PayloadOf<Kind> | undefined {
  return payloads.find((payload): payload is PayloadOf<Kind> => payload.kind === kind);
}

export function findPayloads<Kind extends PayloadKind>(
  payloads: readonly Payload[],
  kind: Kind,
): PayloadOf<Kind>[] {
  return payloads.filter((payload): payload is PayloadOf<Kind> => payload.kind === kind);
}

/** Throws IkeFormatError where the payload is absent. */
export function requirePayload<Kind extends PayloadKind>(
  payloads: readonly Payload[],
  kind: Kind,
): PayloadOf<Kind> {
  const payload = findPayload(payloads, kind);
  if (payload === undefined) throw new IkeFormatError(`no ${kind} payload`);
  return payload;
}

export function findNotify(payloads: readonly Payload[], type: number): PayloadOf<'notify'> | undefined {
  return payloads.find(
    (payload): payload is PayloadOf<'notify'> => payload.kind === 'notify' && payload.type === type,
  );
}

/** The first notify that reports an error (types below 16384). */
export function findErrorNotify(payloads: readonly Payload[]): PayloadOf<'notify'> | undefined {
  return payloads.find(
    (payload): payload is PayloadOf<'notify'> => payload.kind === 'notify' && payload.type < 16384,
  );
}

/** A notify without SPI, about the IKE SA itself. */
export function notify(type: number, data: Uint8Array = new Uint8Array(0)): PayloadOf<'notify'> {
  return { kind: 'notify', protocol: 0, spi: new Uint8Array(0), type, data };
}

const onlyOnce: ReadonlySet<number> = new Set([
  payloadType.securityAssociation,
  payloadType.keyExchange,
  payloadType.identityInitiator,
  payloadType.identityResponder,
  payloadType.authentication,
  payloadType.nonce,
  payloadType.selectorsInitiator,
  payloadType.selectorsResponder,
  payloadType.configuration,
  payloadType.extensibleAuthentication,
]);

function decodePayload(type: number, body: Uint8Array): Payload {
  switch (type) {
    case payloadType.securityAssociation:
      return { kind: 'proposals', proposals: decodeProposals(body) };
    case payloadType.keyExchange: {
      const reader = new ByteReader(body);
      const group = reader.uint16();
      reader.take(2);
      return { kind: 'key-exchange', group, data: reader.rest() };
    }
    case payloadType.identityInitiator:
    case payloadType.identityResponder:
      if (body.length < 4) throw new IkeFormatError('identity payload too short');
      return type === payloadType.identityInitiator
        ? { kind: 'identity-initiator', body }
        : { kind: 'identity-responder', body };
    case payloadType.certificate: {
      const reader = new ByteReader(body);
      return { kind: 'certificate', encoding: reader.uint8(), data: reader.rest() };
    }
    case payloadType.certificateRequest: {
      const reader = new ByteReader(body);
      return { kind: 'certificate-request', encoding: reader.uint8(), authorities: reader.rest() };
    }
    case payloadType.authentication: {
      const reader = new ByteReader(body);
      const method = reader.uint8();
      reader.take(3);
      return { kind: 'authentication', method, data: reader.rest() };
    }
    case payloadType.nonce:
      if (body.length < 16 || body.length > 256) throw new IkeFormatError('nonce not of 16 to 256 bytes');
      return { kind: 'nonce', data: body };
    case payloadType.notify:
      return decodeNotify(body);
    case payloadType.delete:
      return decodeDelete(body);
    case payloadType.vendorId:
      return { kind: 'vendor-id', data: body };
    case payloadType.selectorsInitiator:
      return { kind: 'selectors-initiator', selectors: decodeSelectors(body) };
    case payloadType.selectorsResponder:
      return { kind: 'selectors-responder', selectors: decodeSelectors(body) };
    case payloadType.configuration:
      return { kind: 'configuration', ...decodeConfiguration(body) };
    case payloadType.extensibleAuthentication:
      return { kind: 'extensible-authentication', data: body };
    case payloadType.encrypted:
    case payloadType.encryptedFragment:
      throw new IkeFormatError('encrypted payload where none may be');
    default:
      return { kind: 'unknown', type, data: body };
  }
}

function decodeNotify(body: Uint8Array): Payload {
  const reader = new ByteReader(body);
  const protocol = reader.uint8();
  const spiSize = reader.uint8();
  const type = reader.uint16();
  const spi = reader.take(spiSize);
  return { kind: 'notify', protocol, spi, type, data: reader.rest() };
}

function decodeDelete(body: Uint8Array): Payload {
  const reader = new ByteReader(body);
  const protocol = reader.uint8();
  const spiSize = reader.uint8();
  const count = reader.uint16();
  if (protocol === 1 ? spiSize !== 0 || count !== 0 : spiSize !== 4) {
    throw new IkeFormatError('delete payload with a wrong SPI size');
  }
  if (reader.remaining !== count * spiSize) throw new IkeFormatError('delete payload of wrong length');
  const spis: number[] = [];
  for (let index = 0; index < count; index++) spis.push(reader.uint32());
  return { kind: 'delete', protocol, spis };
}

function encodePayload(payload: Payload): RawPayload {
  switch (payload.kind) {
    case 'proposals':
      return { type: payloadType.securityAssociation, body: encodeProposals(payload.proposals) };
    case 'key-exchange':
      return {
        type: payloadType.keyExchange,
        body: concatBytes([uint16Bytes(payload.group), new Uint8Array(2), payload.data]),
      };
    case 'identity-initiator':
      return { type: payloadType.identityInitiator, body: payload.body };
    case 'identity-responder':
      return { type: payloadType.identityResponder, body: payload.body };
    case 'certificate':
      return { type: payloadType.certificate, body: prefixed([payload.encoding], payload.data) };
    case 'certificate-request':
      return {
        type: payloadType.certificateRequest,
        body: prefixed([payload.encoding], payload.authorities),
      };
    case 'authentication':
      return { type: payloadType.authentication, body: prefixed([payload.method, 0, 0, 0], payload.data) };
    case 'nonce':
      return { type: payloadType.nonce, body: payload.data };
    case 'notify':
      return {
        type: payloadType.notify,
        body: concatBytes([
          new Uint8Array([payload.protocol, payload.spi.length]),
          uint16Bytes(payload.type),
          payload.spi,
          payload.data,
        ]),
      };
    case 'delete':
      return { type: payloadType.delete, body: encodeDelete(payload) };
    case 'vendor-id':
      return { type: payloadType.vendorId, body: payload.data };
    case 'selectors-initiator':
      return { type: payloadType.selectorsInitiator, body: encodeSelectors(payload.selectors) };
    case 'selectors-responder':
      return { type: payloadType.selectorsResponder, body: encodeSelectors(payload.selectors) };
    case 'configuration':
      return {
        type: payloadType.configuration,
        body: encodeConfiguration(payload.type, payload.attributes),
      };
    case 'extensible-authentication':
      return { type: payloadType.extensibleAuthentication, body: payload.data };
    case 'unknown':
      return { type: payload.type, body: payload.data };
  }
}

function encodeDelete(payload: PayloadOf<'delete'>): Uint8Array {
  const spiSize = payload.protocol === 1 ? 0 : 4;
  const bytes = new Uint8Array(4 + payload.spis.length * spiSize);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, payload.protocol);
  view.setUint8(1, spiSize);
  view.setUint16(2, payload.spis.length);
  payload.spis.forEach((spi, index) => {
    view.setUint32(4 + index * 4, spi);
  });
  return bytes;
}

function prefixed(prefix: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes([new Uint8Array(prefix), data]);
}
