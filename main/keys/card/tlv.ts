// BER-TLV as cards speak it (ISO 7816-4 section 5.2.2): definite lengths, tags of up to three bytes. Bounded.

export class TlvError extends Error {
  override readonly name = 'TlvError';
}

export interface Tlv {
  /** The tag's bytes as one number, e.g. 0x53, 0x7f49, 0x5fc105. */
  readonly tag: number;
  readonly value: Uint8Array;
}

const maximumElements = 64;

/** The elements that lie one behind the other; values are views. Padding by 0x00 or 0xFF behind them is left out. */
export function readTlvs(bytes: Uint8Array): Tlv[] {
  const found: Tlv[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (isPadding(bytes, offset)) break;
    if (found.length === maximumElements) throw new TlvError('too many elements');
    const { tag, next: lengthOffset } = readTag(bytes, offset);
    const { length, next: valueOffset } = readLength(bytes, lengthOffset);
    if (length > bytes.length - valueOffset) throw new TlvError('an element is longer than what holds it');
    found.push({ tag, value: bytes.subarray(valueOffset, valueOffset + length) });
    offset = valueOffset + length;
  }
  return found;
}

/** The value of the first element of that tag; undefined where there is none. */
export function findTlv(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  return readTlvs(bytes).find((element) => element.tag === tag)?.value;
}

/** One element. */
export function writeTlv(tag: number, ...values: readonly Uint8Array[]): Uint8Array {
  const length = values.reduce((sum, value) => sum + value.length, 0);
  return Uint8Array.from(Buffer.concat([tagBytes(tag), lengthBytes(length), ...values]));
}

function isPadding(bytes: Uint8Array, offset: number): boolean {
  const first = bytes[offset];
  if (first !== 0x00 && first !== 0xff) return false;
  return bytes.subarray(offset).every((byte) => byte === first);
}

function readTag(bytes: Uint8Array, offset: number): { tag: number; next: number } {
  let tag = bytes[offset]!;
  let next = offset + 1;
  if ((tag & 0x1f) !== 0x1f) return { tag, next };
  for (let extra = 0; extra < 2; extra++) {
    const byte = bytes[next++];
    if (byte === undefined) throw new TlvError('a tag is cut off');
    tag = tag * 256 + byte;
    if ((byte & 0x80) === 0) return { tag, next };
  }
  throw new TlvError('a tag is too long');
}

function readLength(bytes: Uint8Array, offset: number): { length: number; next: number } {
  const first = bytes[offset];
  if (first === undefined) throw new TlvError('a length is missing');
  if (first < 0x80) return { length: first, next: offset + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 3 || offset + count >= bytes.length) throw new TlvError('a length is odd');
  let length = 0;
  for (let index = 1; index <= count; index++) length = length * 256 + bytes[offset + index]!;
  return { length, next: offset + 1 + count };
}

function tagBytes(tag: number): Uint8Array {
  if (tag > 0xffff) return Uint8Array.of(tag >>> 16, (tag >>> 8) & 0xff, tag & 0xff);
  if (tag > 0xff) return Uint8Array.of(tag >>> 8, tag & 0xff);
  return Uint8Array.of(tag);
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  if (length < 0x1_0000) return Uint8Array.of(0x82, length >>> 8, length & 0xff);
  return Uint8Array.of(0x83, length >>> 16, (length >>> 8) & 0xff, length & 0xff);
}
