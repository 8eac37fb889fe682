// Reading and writing of IKE's octets: a reader that never runs past the end, and small helpers for byte strings.

/** The only error the parsers throw: the message does not follow RFC 7296. */
export class IkeFormatError extends Error {
  /** Set where the message was rejected for a critical payload that we do not know (RFC 7296 section 2.5). */
  readonly unsupportedCriticalPayload: number | undefined;

  constructor(message: string, unsupportedCriticalPayload?: number) {
    super(message);
    this.name = 'IkeFormatError';
    this.unsupportedCriticalPayload = unsupportedCriticalPayload;
  }
}

/** Big-endian reader over a byte range; every read past the end throws IkeFormatError. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  expectEnd(what: string): void {
    if (this.remaining !== 0) throw new IkeFormatError(`${what}: ${this.remaining} bytes too many`);
  }

  #advance(length: number): number {
    if (length > this.remaining) {
      throw new IkeFormatError(`truncated: ${length} bytes wanted, ${this.remaining} left`);
    }
    const start = this.#position;
    this.#position += length;
    return start;
  }
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

export function uint16Bytes(value: number): Uint8Array {
  return new Uint8Array([value >>> 8, value & 0xff]);
}

export function uint32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function uint64Bytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** For public bytes only; secrets are compared by timingSafeEqual. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return compareBytes(left, right) === 0;
}

/** Lexicographic, as RFC 7296 section 2.8.1 compares nonces: the shorter is the lower if it is a prefix. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const common = Math.min(left.length, right.length);
  for (let index = 0; index < common; index++) {
    const difference = left[index]! - right[index]!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const latin = new TextDecoder('latin1');

/** Text of an identity's octets; RFC 7296 section 3.5 says ASCII. */
export function textOf(bytes: Uint8Array): string {
  return latin.decode(bytes);
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}
