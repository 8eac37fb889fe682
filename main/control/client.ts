// A client of the control endpoint: typed calls, status subscription and captured packets over one Unix socket.
import { connect as connectSocket, type Socket } from 'node:net';
import { JSONRPCClient, type JSONRPCErrorException, type JSONRPCResponse } from 'json-rpc-2.0';
import { ControlError, type ControlFailure, controlFailureSchema } from './failure.ts';
import {
  encodeBinary,
  encodeJson,
  FrameDecoder,
  frameType,
  maximumAnswerBytes,
  maximumBinaryBytes,
  streamNumberBytes,
} from './frame.ts';
import {
  type MethodName,
  type MethodParameters,
  type MethodResult,
  methods,
  type NotificationValue,
  notifications,
} from './schema.ts';
import { distrustOf, type Trust } from './server-trust.ts';
import type { Status } from './values.ts';

export interface ClientOptions {
  readonly path: string;
  /** Root only, when absent. Tests and namespaces name the user that runs their service. */
  readonly trust?: Trust;
}

/** Bytes that go with a call; they are wiped once they are on their way. */
export type CallUploads<Name extends MethodName> = {
  [Key in keyof (typeof methods)[Name]['uploads']]?: Uint8Array;
};

type UploadArguments<Name extends MethodName> = keyof (typeof methods)[Name]['uploads'] extends never
  ? [uploads?: undefined]
  : [uploads: CallUploads<Name>];

export interface CaptureListener {
  data(block: Buffer): void;
  ended(value: NotificationValue<'capture.ended'>): void;
}

/** Connects. Throws ControlError "no-service" where nobody answers. */
export async function connectToService(options: ClientOptions): Promise<ControlClient> {
  const socket = connectSocket(options.path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ControlError({ code: 'no-service', path: options.path, detail: code });
  }
  return new ControlClient(socket, options);
}

export class ControlClient {
  readonly path: string;
  readonly #socket: Socket;
  readonly #trust: Trust;
  readonly #decoder = new FrameDecoder(maximumAnswerBytes);
  readonly #rpc: JSONRPCClient;
  readonly #statusListeners = new Set<(status: Status) => void>();
  readonly #closeListeners = new Set<() => void>();
  readonly #captures = new Map<number, CaptureListener>();
  readonly #earlyBlocks = new Map<number, Buffer[]>();
  #startingCaptures = 0;
  #nextUpload = 1;
  #closed = false;
  /** The service turned the whole connection away. */
  #refusal: ControlFailure | undefined;

  constructor(socket: Socket, options: ClientOptions) {
    this.path = options.path;
    this.#socket = socket;
    this.#trust = options.trust ?? { uids: [] };
    this.#rpc = new JSONRPCClient((request: unknown) => {
      if (this.#closed) throw new Error('closed');
      this.#socket.write(encodeJson(request));
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls the service. Throws ControlError, whatever goes wrong. */
  async call<Name extends MethodName>(
    method: Name,
    parameters: MethodParameters<Name>,
    ...[uploads]: UploadArguments<Name>
  ): Promise<MethodResult<Name>> {
    const sent: Record<string, unknown> = { ...parameters };
    if (uploads !== undefined) sent.uploads = this.#upload(uploads);
    if (this.#closed) throw new ControlError(this.#failureOf(undefined, method));
    let answer: unknown;
    try {
      answer = await this.#rpc.request(method, sent, undefined);
    } catch (error) {
      throw new ControlError(this.#failureOf(error, method));
    }
    const checked = methods[method].result.safeParse(answer);
    if (!checked.success) {
      throw new ControlError({ code: 'bad-answer', method, detail: checked.error.issues[0]?.message ?? '' });
    }
    return checked.data as MethodResult<Name>;
  }

  /** The listener is called at once with the present status and then at every change. */
  async subscribe(listener: (status: Status) => void): Promise<() => void> {
    this.#statusListeners.add(listener);
    await this.call('status.subscribe', {});
    return () => {
      this.#statusListeners.delete(listener);
      if (this.#statusListeners.size > 0 || this.#closed) return;
      this.call('status.unsubscribe', {}).catch(() => this.close());
    };
  }

  /** Starts a capture; the function that comes back stops it. */
  async capture(
    parameters: MethodParameters<'capture.start'>,
    listener: CaptureListener,
  ): Promise<() => Promise<void>> {
    this.#startingCaptures++;
    let stream: number;
    try {
      stream = (await this.call('capture.start', parameters)).stream;
      this.#captures.set(stream, listener);
      for (const block of this.#earlyBlocks.get(stream) ?? []) listener.data(block);
    } finally {
      this.#startingCaptures--;
      if (this.#startingCaptures === 0) this.#earlyBlocks.clear();
    }
    return async () => {
      if (this.#captures.has(stream)) await this.call('capture.stop', { stream });
    };
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closeListeners.add(listener);
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  #upload(uploads: Readonly<Record<string, Uint8Array | undefined>>): Record<string, number> {
    const distrust = distrustOf(this.path, this.#trust);
    if (distrust !== undefined) {
      throw new ControlError({ code: 'server-not-trusted', path: this.path, detail: distrust });
    }
    const references: Record<string, number> = {};
    const largest = maximumBinaryBytes - streamNumberBytes;
    for (const [name, bytes] of Object.entries(uploads)) {
      if (bytes === undefined) continue;
      const reference = this.#nextUpload++;
      for (let offset = 0; offset === 0 || offset < bytes.length; offset += largest) {
        const frame = encodeBinary(reference, bytes.subarray(offset, offset + largest));
        this.#socket.write(frame, () => frame.fill(0));
      }
      bytes.fill(0);
      references[name] = reference;
    }
    return references;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if (frame.type === frameType.binary) this.#receiveBlock(frame.stream, frame.bytes);
        else this.#receiveMessage(JSON.parse(frame.text));
      }
    } catch {
      this.close();
    }
  }

  #receiveBlock(stream: number, block: Buffer): void {
    const listener = this.#captures.get(stream);
    if (listener !== undefined) {
      listener.data(block);
      return;
    }
    // The answer to capture.start may be in the same chunk, and its caller has not run yet.
    if (this.#startingCaptures === 0) return;
    const early = this.#earlyBlocks.get(stream) ?? [];
    early.push(block);
    this.#earlyBlocks.set(stream, early);
  }

  #receiveMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null) return;
    if ('method' in message) {
      const parameters = 'params' in message ? message.params : undefined;
      if (message.method === 'status.changed') this.#receiveStatus(parameters);
      if (message.method === 'capture.ended') this.#receiveCaptureEnd(parameters);
    } else if ('error' in message && 'id' in message && message.id === null) {
      this.#refusal = controlFailureSchema.safeParse((message.error as JSONRPCErrorException).data).data;
    } else {
      this.#rpc.receive(message as JSONRPCResponse);
    }
  }

  #receiveStatus(parameters: unknown): void {
    const status = notifications['status.changed'].safeParse(parameters);
    if (!status.success) return;
    for (const listener of [...this.#statusListeners]) listener(status.data);
  }

  #receiveCaptureEnd(parameters: unknown): void {
    const end = notifications['capture.ended'].safeParse(parameters);
    if (!end.success) return;
    const listener = this.#captures.get(end.data.stream);
    this.#captures.delete(end.data.stream);
    listener?.ended(end.data);
  }

  #failureOf(error: unknown, method: string): ControlFailure {
    if (this.#closed) return this.#refusal ?? { code: 'connection-lost', path: this.path };
    const data = (error as Partial<JSONRPCErrorException>).data;
    const failure = controlFailureSchema.safeParse(data);
    if (failure.success) return failure.data;
    return { code: 'bad-answer', method, detail: error instanceof Error ? error.message : String(error) };
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#decoder.wipe();
    this.#rpc.rejectAllPendingRequests('closed');
    for (const listener of [...this.#closeListeners]) listener();
  }
}
