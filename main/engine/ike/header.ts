// The IKE header (RFC 7296 section 3.1): 28 bytes ahead of every message.
import { ByteReader, IkeFormatError } from './bytes.ts';

export const headerLength = 28;

export interface IkeHeader {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly exchange: number;
  /** The sender is the original initiator of the IKE SA. */
  readonly fromInitiator: boolean;
  readonly isResponse: boolean;
  readonly messageId: number;
  /** Of the whole message, bytes. */
  readonly length: number;
}

const flagInitiator = 0x08;
const flagResponse = 0x20;

/** Throws IkeFormatError where the datagram is shorter than a header or its length field disagrees. */
export function decodeHeader(datagram: Uint8Array): IkeHeader {
  const reader = new ByteReader(datagram);
  const initiatorSpi = reader.uint64();
  const responderSpi = reader.uint64();
  const nextPayload = reader.uint8();
  const version = reader.uint8();
  const exchange = reader.uint8();
  const flags = reader.uint8();
  const messageId = reader.uint32();
  const length = reader.uint32();
  if (length !== datagram.length) {
    throw new IkeFormatError(`header says ${length} bytes, datagram has ${datagram.length}`);
  }
  return {
    initiatorSpi,
    responderSpi,
    nextPayload,
    majorVersion: version >>> 4,
    exchange,
    fromInitiator: (flags & flagInitiator) !== 0,
    isResponse: (flags & flagResponse) !== 0,
    messageId,
    length,
  };
}

/** The header's 28 bytes, with version 2.0. */
export function encodeHeader(header: Omit<IkeHeader, 'majorVersion'>): Uint8Array {
  const bytes = new Uint8Array(headerLength);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, header.initiatorSpi);
  view.setBigUint64(8, header.responderSpi);
  view.setUint8(16, header.nextPayload);
  view.setUint8(17, 0x20);
  view.setUint8(18, header.exchange);
  view.setUint8(19, (header.fromInitiator ? flagInitiator : 0) | (header.isResponse ? flagResponse : 0));
  view.setUint32(20, header.messageId);
  view.setUint32(24, header.length);
  return bytes;
}
