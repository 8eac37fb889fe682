// The server of the control endpoint: accepts clients, knows who they are, and serves them from the ServiceApi.
import type { Socket } from 'node:net';
import { createJSONRPCErrorResponse, JSONRPCServer } from 'json-rpc-2.0';
import { ControlError, type ControlFailure } from '../../control/failure.ts';
import { encodeJson } from '../../control/frame.ts';
import { methods } from '../../control/schema.ts';
import type { ServiceApi } from '../../control/service-api.ts';
import { ClientConnection, failureCode, presentStatus } from './client-connection.ts';
import { peerOfSocket } from './credentials/index.ts';
import { defaultLimits, type EndpointLimits, type Schedule, systemSchedule } from './limits.ts';
import { type Listener, listenOnPath } from './listener.ts';
import type { Peer, Rights } from './rights.ts';

export interface EndpointOptions {
  readonly path: string;
  readonly api: ServiceApi;
  readonly rights: Rights;
  /** For the service's log: faults of the service itself, never a client's. */
  readonly report: (message: string, error: unknown) => void;
  readonly limits?: Partial<EndpointLimits>;
  readonly schedule?: Schedule;
  readonly peerOf?: (socket: Socket) => Peer;
}

export interface Endpoint {
  readonly path: string;
  /** Ends every control connection and removes the socket. */
  close(): Promise<void>;
}

/** Listens. Throws ControlPathInUse where another service does already. */
export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const endpoint = new ControlEndpoint(options);
  await endpoint.listen();
  return endpoint;
}

class ControlEndpoint implements Endpoint {
  readonly path: string;
  readonly #options: EndpointOptions;
  readonly #limits: EndpointLimits;
  readonly #schedule: Schedule;
  readonly #rpc: JSONRPCServer<ClientConnection>;
  readonly #connections = new Set<ClientConnection>();
  #listener: Listener | undefined;
  #statusWatch: { close(): void } | undefined;
  #cancelStatus: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EndpointOptions) {
    this.path = options.path;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#schedule = options.schedule ?? systemSchedule;
    this.#rpc = this.#makeRpcServer();
  }

  async listen(): Promise<void> {
    this.#listener = await listenOnPath(this.path, (socket) => this.#accept(socket));
    this.#statusWatch = this.#options.api.onStatusChange(() => this.#statusChanged());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#statusWatch?.close();
    this.#cancelStatus?.();
    for (const connection of [...this.#connections]) connection.close();
    await this.#listener?.close();
  }

  #accept(socket: Socket): void {
    let peer: Peer;
    try {
      peer = (this.#options.peerOf ?? peerOfSocket)(socket);
    } catch {
      socket.destroy();
      return;
    }
    const ofUser = [...this.#connections].filter((connection) => connection.uid === peer.uid).length;
    const most = peer.uid === 0 ? this.#limits.connectionsOfRoot : this.#limits.connectionsPerUser;
    if (ofUser >= most) {
      const failure: ControlFailure = { code: 'too-much', limit: { code: 'limit-connections' } };
      socket.on('error', () => socket.destroy());
      socket.end(encodeJson(createJSONRPCErrorResponse(null, failureCode, failure.code, failure)));
      socket.destroySoon();
      return;
    }
    const connection = new ClientConnection({
      socket,
      peer,
      api: this.#options.api,
      rights: this.#options.rights,
      limits: this.#limits,
      schedule: this.#schedule,
      rpc: this.#rpc,
      report: this.#options.report,
    });
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
  }

  #makeRpcServer(): JSONRPCServer<ClientConnection> {
    const rpc = new JSONRPCServer<ClientConnection>({ errorListener: () => undefined });
    for (const name of Object.keys(methods)) {
      rpc.addMethod(name, (parameters: unknown, connection) => connection.serve(name, parameters));
    }
    rpc.handleMethodNotFound = async (request) =>
      failureResponse(request.id, { code: 'unknown-method', method: request.method.slice(0, 64) });
    rpc.mapErrorToJSONRPCErrorResponse = (id, error) => {
      if (error instanceof ControlError) return failureResponse(id, error.failure);
      this.#options.report('a call at the control endpoint failed', error);
      return failureResponse(id, { code: 'internal', detail: 'see the log of the service' });
    };
    return rpc;
  }

  #statusChanged(): void {
    this.#cancelStatus ??= this.#schedule(() => {
      this.#cancelStatus = undefined;
      void this.#pushStatus();
    }, this.#limits.statusDelayMilliseconds);
  }

  async #pushStatus(): Promise<void> {
    const subscribers = [...this.#connections].filter((connection) => connection.subscribed);
    if (subscribers.length === 0) return;
    try {
      const status = await presentStatus(this.#options.api);
      for (const connection of subscribers) connection.pushStatus(status);
    } catch (error) {
      this.#options.report('the status could not be told', error);
    }
  }
}

function failureResponse(id: string | number | null | undefined, failure: ControlFailure) {
  return createJSONRPCErrorResponse(id ?? null, failureCode, failure.code, failure);
}
