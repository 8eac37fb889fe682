// Keeps a client connected for as long as it lives: for the tray, which shows what the service says and holds no truth
// of its own.
import { type ClientOptions, type ControlClient, connectToService } from './client.ts';
import type { Status } from './values.ts';

export interface ReconnectingListener {
  /** undefined: the service is not there. */
  status(status: Status | undefined): void;
}

/** Calls back once after a while; the result cancels. */
export type Wait = (callback: () => void, milliseconds: number) => () => void;

const timerWait: Wait = (callback, milliseconds) => {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
};

const firstWaitMilliseconds = 250;
const longestWaitMilliseconds = 5000;

/** Connects, subscribes, and does so again whenever the service went away, until `close`. */
export class ReconnectingClient {
  readonly #options: ClientOptions;
  readonly #listener: ReconnectingListener;
  #client: ControlClient | undefined;
  readonly #wait: Wait;
  #cancelWait: () => void = () => undefined;
  #waitMilliseconds = firstWaitMilliseconds;
  #closed = false;

  constructor(options: ClientOptions, listener: ReconnectingListener, wait: Wait = timerWait) {
    this.#options = options;
    this.#wait = wait;
    this.#listener = listener;
    void this.#connect();
  }

  /** The connected client, while the service is there. */
  get client(): ControlClient | undefined {
    return this.#client;
  }

  close(): void {
    this.#closed = true;
    this.#cancelWait();
    this.#client?.close();
  }

  async #connect(): Promise<void> {
    let client: ControlClient;
    try {
      client = await connectToService(this.#options);
    } catch {
      this.#lost();
      return;
    }
    this.#client = client;
    client.onClose(() => this.#lost());
    try {
      if (this.#closed) client.close();
      else await client.subscribe((status) => this.#listener.status(status));
      this.#waitMilliseconds = firstWaitMilliseconds;
    } catch {
      client.close();
    }
  }

  #lost(): void {
    this.#client = undefined;
    if (this.#closed) return;
    this.#listener.status(undefined);
    this.#cancelWait = this.#wait(() => void this.#connect(), this.#waitMilliseconds);
    this.#waitMilliseconds = Math.min(this.#waitMilliseconds * 2, longestWaitMilliseconds);
  }
}
