// EAP packets (RFC 3748 section 4): code, identifier, length, and in requests and responses a type with its data.
import { ByteReader, concatBytes, IkeFormatError } from '../ike/bytes.ts';

export const eapCode = { request: 1, response: 2, success: 3, failure: 4 } as const;

export const eapType = {
  identity: 1,
  notification: 2,
  nak: 3,
  md5Challenge: 4,
  genericTokenCard: 6,
  msChapV2: 26,
  expanded: 254,
} as const;

export interface EapPacket {
  readonly code: number;
  readonly identifier: number;
  /** Of requests and responses. */
  readonly type: number | undefined;
  readonly data: Uint8Array;
}

/** Bytes behind the length that the packet states are padding. Throws IkeFormatError. */
export function decodeEap(bytes: Uint8Array): EapPacket {
  const reader = new ByteReader(bytes);
  const code = reader.uint8();
  const identifier = reader.uint8();
  const length = reader.uint16();
  if (length < 4 || length > bytes.length) throw new IkeFormatError('EAP packet of wrong length');
  if (code !== eapCode.request && code !== eapCode.response) {
    return { code, identifier, type: undefined, data: bytes.subarray(4, length) };
  }
  if (length < 5) throw new IkeFormatError('EAP packet without a type');
  return { code, identifier, type: bytes[4], data: bytes.subarray(5, length) };
}

export function encodeEap(code: number, identifier: number, type: number, data: Uint8Array): Uint8Array {
  const length = 5 + data.length;
  return concatBytes([new Uint8Array([code, identifier, length >>> 8, length & 0xff, type]), data]);
}
