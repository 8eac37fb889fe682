// Keeps a client connected for as long as it lives: for the tray, which shows what the service says and holds no truth
// of its own.
import { type ClientOptions, type ControlClient, connectToService } from './client.ts';
import type { Status } from './values.ts';

export interface ReconnectingListener {
  /** undefined: the service is not there. */
  status(status: Status | undefined): void;
}

const firstWaitMilliseconds = 250;
const longestWaitMilliseconds = 5000;

/** Connects, subscribes, and does so again whenever the service went away, until `close`. */
export class ReconnectingClient {
  readonly #options: ClientOptions;
  readonly #listener: ReconnectingListener;
  #client: ControlClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMilliseconds = firstWaitMilliseconds;
  #closed = false;

  constructor(options: ClientOptions, listener: ReconnectingListener) {
    this.#options = options;
    this.#listener = listener;
    void this.#connect();
  }

  /** The connected client, while the service is there. */
  get client(): ControlClient | undefined {
    return this.#client;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.close();
  }

  async #connect(): Promise<void> {
    try {
      const client = await connectToService(this.#options);
      if (this.#closed) {
        client.close();
        return;
      }
      this.#client = client;
      client.onClose(() => this.#lost());
      await client.subscribe((status) => this.#listener.status(status));
      this.#waitMilliseconds = firstWaitMilliseconds;
    } catch {
      if (this.#client === undefined) this.#lost();
      else this.#client.close();
    }
  }

  #lost(): void {
    this.#client = undefined;
    if (this.#closed) return;
    this.#listener.status(undefined);
    this.#timer = setTimeout(() => void this.#connect(), this.#waitMilliseconds);
    this.#waitMilliseconds = Math.min(this.#waitMilliseconds * 2, longestWaitMilliseconds);
  }
}
