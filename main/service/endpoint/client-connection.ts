// One control connection on the service's side: frames in, answers and notifications out, within the limits.
import type { Socket } from 'node:net';
import {
  createJSONRPCErrorResponse,
  createJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCRequest,
  type JSONRPCServer,
} from 'json-rpc-2.0';
import { ControlError, type ControlFailure } from '../../control/failure.ts';
import {
  encodeBinary,
  encodeJson,
  FrameDecoder,
  FrameError,
  frameType,
  maximumAnswerBytes,
  maximumRequestBytes,
} from '../../control/frame.ts';
import type { MethodName, MethodParameters } from '../../control/schema.ts';
import { protocolVersion } from '../../control/schema.ts';
import type { Caller, CaptureSink, RunningCapture, ServiceApi } from '../../control/service-api.ts';
import { type Status, statusSchema } from '../../control/values.ts';
import { dispatch } from './dispatch.ts';
import type { EndpointLimits, Schedule } from './limits.ts';
import { isAdministrator, type Peer, type Rights } from './rights.ts';
import { Uploads } from './uploads.ts';
import { visibleStatus } from './visibility.ts';

export interface ClientConnectionOptions {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly api: ServiceApi;
  readonly rights: Rights;
  readonly limits: EndpointLimits;
  readonly schedule: Schedule;
  readonly rpc: JSONRPCServer<ClientConnection>;
  readonly report: (message: string, error: unknown) => void;
}

/** JSON-RPC's code of every failure of ours; what it is stands in `data`. */
export const failureCode = -32000;

export class ClientConnection {
  readonly #options: ClientConnectionOptions;
  readonly #socket: Socket;
  readonly #caller: Caller;
  readonly #decoder = new FrameDecoder(maximumRequestBytes);
  readonly #uploads = new Uploads();
  readonly #ended = new AbortController();
  readonly #captures = new Map<number, RunningCapture>();
  #nextStream = 1;
  #pending = 0;
  #subscribed = false;
  #statusWaits = false;
  #cancelPartial: (() => void) | undefined;
  #cancelStalled: (() => void) | undefined;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    const { uid, pid } = options.peer;
    this.#caller = { uid, pid, administrator: isAdministrator(uid) };
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', () => this.close());
    this.#socket.on('close', () => this.close());
  }

  get uid(): number {
    return this.#options.peer.uid;
  }

  get subscribed(): boolean {
    return this.#subscribed;
  }

  /** One call, for the RPC server. */
  serve(method: string, parameters: unknown): Promise<unknown> {
    const { api, rights, peer } = this.#options;
    const context = { peer, caller: this.#caller, uploads: this.#uploads, signal: this.#ended.signal };
    return dispatch(api, rights, context, method, parameters, (name, checked) =>
      this.#serveOwn(name, checked),
    );
  }

  /** Sends the status to a subscriber; to one that is slow only the latest, once it has caught up. */
  pushStatus(status: Status): void {
    if (!this.#subscribed) return;
    this.#statusWaits = this.#socket.writableLength > 0;
    if (this.#statusWaits) return;
    this.#send(createJSONRPCNotification('status.changed', visibleStatus(status, this.#caller)));
  }

  close(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#subscribed = false;
    this.#cancelPartial?.();
    this.#cancelStalled?.();
    this.#decoder.wipe();
    this.#uploads.wipe();
    for (const capture of this.#captures.values()) capture.stop();
    this.#captures.clear();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      let finished = false;
      for (const frame of this.#decoder.push(chunk)) {
        if (this.#ended.signal.aborted) return;
        finished = true;
        if (frame.type === frameType.json) this.#receiveText(frame.text);
        else this.#uploads.add(frame.stream, frame.bytes);
        if (this.#uploads.bytes > this.#options.limits.uploadBytes) throw new FrameError('too many uploads');
      }
      this.#watchPartial(finished);
    } catch (error) {
      // Whoever breaks the framing is told nothing more: the rest of the stream cannot be read.
      if (!(error instanceof FrameError)) this.#options.report('a control frame could not be served', error);
      this.close();
    }
  }

  #watchPartial(restart: boolean): void {
    const waiting = this.#decoder.partial || this.#uploads.waiting;
    if (restart || !waiting) {
      this.#cancelPartial?.();
      this.#cancelPartial = undefined;
    }
    if (!waiting || this.#ended.signal.aborted) return;
    const { schedule, limits } = this.#options;
    this.#cancelPartial ??= schedule(() => this.close(), limits.partialFrameMilliseconds);
  }

  #receiveText(text: string): void {
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      this.#refuse(null, { code: 'invalid-request', method: '', detail: 'not JSON' });
      return;
    }
    if (!isSingleRequest(request)) {
      this.#refuse(null, { code: 'invalid-request', method: '', detail: 'not a single JSON-RPC request' });
      return;
    }
    if (this.#pending >= this.#options.limits.pendingRequests) {
      this.#refuse(request.id, { code: 'too-much', limit: { code: 'limit-requests' } });
      return;
    }
    void this.#answer(request);
  }

  async #answer(request: JSONRPCRequest): Promise<void> {
    this.#pending++;
    try {
      const response = await this.#options.rpc.receive(request, this);
      if (response !== null) this.#send(response);
      if (request.method === 'status.subscribe' && response?.error === undefined) await this.#sendStatus();
    } catch (error) {
      this.#options.report('a call at the control endpoint could not be answered', error);
      this.close();
    } finally {
      this.#pending--;
    }
  }

  #refuse(id: JSONRPCRequest['id'], failure: ControlFailure): void {
    this.#send(createJSONRPCErrorResponse(id ?? null, failureCode, failure.code, failure));
  }

  #send(message: unknown): void {
    if (this.#ended.signal.aborted) return;
    const frame = encodeJson(message);
    if (frame.length > maximumAnswerBytes) {
      const id = (message as Partial<JSONRPCRequest>).id;
      this.#refuse(id, { code: 'too-much', limit: { code: 'limit-answer' } });
      return;
    }
    this.#write(frame);
  }

  #write(frame: Buffer): void {
    const { limits, schedule } = this.#options;
    if (this.#socket.writableLength > limits.backlogMaximumBytes) {
      this.close();
      return;
    }
    this.#socket.write(frame, () => this.#written());
    if (this.#socket.writableLength <= limits.backlogPauseBytes) return;
    this.#cancelStalled ??= schedule(() => this.close(), limits.stalledMilliseconds);
    this.#socket.pause();
  }

  #written(): void {
    if (this.#ended.signal.aborted || this.#socket.writableLength > 0) return;
    this.#cancelStalled?.();
    this.#cancelStalled = undefined;
    this.#socket.resume();
    if (this.#statusWaits) void this.#sendStatus();
  }

  async #sendStatus(): Promise<void> {
    try {
      this.pushStatus(await presentStatus(this.#options.api));
    } catch (error) {
      this.#options.report('the status could not be told', error);
      this.close();
    }
  }

  #serveOwn(method: MethodName, parameters: unknown): Promise<unknown> | undefined {
    switch (method) {
      case 'service.version':
        return Promise.resolve({ version: this.#options.api.version, protocol: protocolVersion });
      case 'rights.mine':
        return this.#options.rights.describe(this.#options.peer, this.#ended.signal);
      case 'status.subscribe':
      case 'status.unsubscribe':
        this.#subscribed = method === 'status.subscribe' && !this.#ended.signal.aborted;
        return Promise.resolve({});
      case 'capture.start':
        return this.#startCapture(parameters as MethodParameters<'capture.start'>);
      case 'capture.stop':
        return this.#stopCapture((parameters as MethodParameters<'capture.stop'>).stream);
      default:
        return undefined;
    }
  }

  async #startCapture(parameters: MethodParameters<'capture.start'>): Promise<{ stream: number }> {
    const { api, limits } = this.#options;
    if (api.startCapture === undefined) throw new ControlError({ code: 'not-supported', feature: 'capture' });
    if (this.#captures.size >= limits.capturesPerConnection) {
      throw new ControlError({ code: 'too-much', limit: { code: 'limit-captures' } });
    }
    const stream = this.#nextStream++;
    const capture = await api.startCapture(parameters, this.#caller, this.#captureSink(stream));
    if (this.#ended.signal.aborted) capture.stop();
    else this.#captures.set(stream, capture);
    return { stream };
  }

  #captureSink(stream: number): CaptureSink {
    let droppedPackets = 0;
    let ended = false;
    return {
      write: (block) => {
        if (ended || this.#ended.signal.aborted) return false;
        if (this.#socket.writableLength > this.#options.limits.backlogPauseBytes) {
          droppedPackets++;
          return false;
        }
        this.#write(encodeBinary(stream, block));
        return true;
      },
      end: (detail, missedPackets = 0) => {
        if (ended) return;
        ended = true;
        droppedPackets += missedPackets;
        this.#captures.delete(stream);
        this.#send(createJSONRPCNotification('capture.ended', { stream, droppedPackets, detail }));
      },
    };
  }

  async #stopCapture(stream: number): Promise<object> {
    const capture = this.#captures.get(stream);
    this.#captures.delete(stream);
    capture?.stop();
    return {};
  }
}

/** The whole status, as the schema allows it; what of it a subscriber sees is decided for each. */
export async function presentStatus(api: ServiceApi): Promise<Status> {
  const everybody = { uid: 0, pid: process.pid, administrator: true };
  return statusSchema.parse(await api.methods.status({}, everybody, {}));
}

function isSingleRequest(value: unknown): value is JSONRPCRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (!isJSONRPCRequest(value)) return false;
  const { id, method } = value as { id?: unknown; method?: unknown };
  const identified = typeof id === 'number' || (typeof id === 'string' && id.length <= 64);
  return identified && typeof method === 'string';
}
