// Reading and writing the vault's bytes: big-endian numbers, texts and byte strings with their length before them.
import { VaultError } from './vault-error.ts';

/** Reads from the front; throws VaultError "damaged" where something is missing or out of bounds. */
export class OctetReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  number8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  number16(): number {
    return this.#view.getUint16(this.#skip(2));
  }

  number32(): number {
    return this.#view.getUint32(this.#skip(4));
  }

  /** At most 2^53 - 1. */
  number64(): number {
    const value = this.#view.getBigUint64(this.#skip(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('a number is too large');
    return Number(value);
  }

  /** A view, not a copy. */
  octets(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  octets16(maximum: number): Uint8Array {
    return this.octets(bounded(this.number16(), maximum));
  }

  octets32(maximum: number): Uint8Array {
    return this.octets(bounded(this.number32(), maximum));
  }

  /** UTF-8 after its length in one byte, 1 to `maximum` bytes, without control characters. */
  text8(maximum: number): string {
    const bytes = this.octets(bounded(this.number8(), maximum));
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw damaged('a text is not UTF-8');
    }
    if (text === '' || /\p{Cc}/u.test(text)) throw damaged('a text is not printable');
    return text;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw damaged('bytes are left over');
  }

  #skip(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw damaged('bytes are missing');
    this.#offset = start + length;
    return start;
  }
}

/** Grows as it is written; what it holds is not secret. */
export class OctetWriter {
  #parts: Uint8Array[] = [];

  number8(value: number): this {
    return this.octets(Uint8Array.of(value));
  }

  number16(value: number): this {
    return this.#number(2, (view) => view.setUint16(0, value));
  }

  number32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value));
  }

  number64(value: number): this {
    return this.#number(8, (view) => view.setBigUint64(0, BigInt(value)));
  }

  octets(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  octets16(bytes: Uint8Array): this {
    return this.number16(bytes.length).octets(bytes);
  }

  octets32(bytes: Uint8Array): this {
    return this.number32(bytes.length).octets(bytes);
  }

  text8(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    return this.number8(bytes.length).octets(bytes);
  }

  finish(): Uint8Array {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  #number(length: number, write: (view: DataView) => void): this {
    const bytes = new Uint8Array(length);
    write(new DataView(bytes.buffer));
    return this.octets(bytes);
  }
}

export function damaged(why: string): VaultError {
  return new VaultError('damaged', `The vault is damaged: ${why}.`);
}

function bounded(length: number, maximum: number): number {
  if (length > maximum) throw damaged('a length is out of bounds');
  return length;
}
