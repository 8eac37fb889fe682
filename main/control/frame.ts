// Frames on the control socket. Each is: length of the body, 4 bytes big-endian; type, 1 byte; body. A binary body
// begins with the number of its stream, 4 bytes big-endian.

export const frameType = { json: 1, binary: 2 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export const headerBytes = 5;
export const streamNumberBytes = 4;
/** Largest bodies, bytes. What the service sends may be longer: a client believes the service, not the reverse. */
export const maximumBinaryBytes = 64 * 1024;
export const maximumRequestBytes = 1024 * 1024;
export const maximumAnswerBytes = 16 * 1024 * 1024;

/** The other side broke the framing; the connection cannot go on. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export function encodeJson(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerBytes + length);
  writeHeader(frame, frameType.json, length);
  frame.write(text, headerBytes);
  return frame;
}

/** Copies `bytes` into memory of its own, so that whoever sends it can wipe it. */
export function encodeBinary(stream: number, bytes: Uint8Array): Buffer {
  const length = streamNumberBytes + bytes.length;
  if (length > maximumBinaryBytes) throw new FrameError(`a binary frame of ${length} bytes`);
  const frame = Buffer.from(new ArrayBuffer(headerBytes + length));
  writeHeader(frame, frameType.binary, length);
  frame.writeUInt32BE(stream, headerBytes);
  frame.set(bytes, headerBytes + streamNumberBytes);
  return frame;
}

export type Frame =
  | { readonly type: typeof frameType.json; readonly text: string }
  /** `bytes` lie in memory of their own. */
  | { readonly type: typeof frameType.binary; readonly stream: number; readonly bytes: Buffer };

/**
 * Puts chunks together to frames. Memory grows with what was received, not with what a header promises; chunks that
 * carry binary bodies are wiped once copied.
 */
export class FrameDecoder {
  readonly #maximumJsonBytes: number;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #body: Buffer = Buffer.alloc(0);
  #bodyFilled = 0;

  constructor(maximumJsonBytes: number) {
    this.#maximumJsonBytes = maximumJsonBytes;
  }

  /** Bytes of a frame have arrived, but not all. */
  get partial(): boolean {
    return this.#headerFilled > 0;
  }

  /** Throws FrameError for an unknown type or a length out of bounds. */
  *push(chunk: Buffer): Generator<Frame> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#headerFilled < headerBytes) {
        const taken = chunk.copy(this.#header, this.#headerFilled, offset);
        this.#headerFilled += taken;
        offset += taken;
        if (this.#headerFilled < headerBytes) return;
        this.#checkHeader();
        this.#body = this.#type === frameType.binary ? privateBuffer(this.#length) : Buffer.alloc(0);
        this.#bodyFilled = 0;
      }
      const wanted = Math.min(this.#length - this.#bodyFilled, chunk.length - offset);
      this.#reserve(this.#bodyFilled + wanted);
      chunk.copy(this.#body, this.#bodyFilled, offset, offset + wanted);
      if (this.#type === frameType.binary) chunk.fill(0, offset, offset + wanted);
      this.#bodyFilled += wanted;
      offset += wanted;
      if (this.#bodyFilled === this.#length) yield this.#finish();
    }
  }

  /** Forgets and wipes what is half received. */
  wipe(): void {
    this.#body.fill(0);
    this.#body = Buffer.alloc(0);
    this.#headerFilled = 0;
  }

  get #length(): number {
    return this.#header.readUInt32BE(0);
  }

  get #type(): number {
    return this.#header.readUInt8(4);
  }

  #checkHeader(): void {
    const length = this.#length;
    switch (this.#type) {
      case frameType.json:
        if (length === 0 || length > this.#maximumJsonBytes)
          throw new FrameError(`a frame of ${length} bytes`);
        return;
      case frameType.binary:
        if (length < streamNumberBytes || length > maximumBinaryBytes)
          throw new FrameError(`a binary frame of ${length} bytes`);
        return;
      default:
        throw new FrameError(`a frame of unknown type ${this.#type}`);
    }
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#body.length) return;
    const grown = Buffer.alloc(Math.min(this.#length, Math.max(bytes, this.#body.length * 2)));
    this.#body.copy(grown, 0, 0, this.#bodyFilled);
    this.#body = grown;
  }

  #finish(): Frame {
    const body = this.#body;
    this.#headerFilled = 0;
    this.#body = Buffer.alloc(0);
    if (this.#type === frameType.json) {
      return { type: frameType.json, text: body.toString('utf8', 0, this.#bodyFilled) };
    }
    return {
      type: frameType.binary,
      stream: body.readUInt32BE(0),
      bytes: body.subarray(streamNumberBytes),
    };
  }
}

function privateBuffer(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}

function writeHeader(frame: Buffer, type: FrameType, length: number): void {
  frame.writeUInt32BE(length, 0);
  frame.writeUInt8(type, 4);
}
