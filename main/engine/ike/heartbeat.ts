// Dead peer detection (RFC 7296 section 2.4) and NAT keepalives (RFC 3948 section 4) of an established connection.
import type { IkeAssociation } from './association.ts';
import type { IkeConfiguration } from './contract.ts';
import type { EngineCore } from './core.ts';
import { Liveness } from './informational.ts';

export class Heartbeat {
  readonly #core: EngineCore;
  readonly #silenceMilliseconds: number;
  readonly #keepaliveMilliseconds: number;
  readonly #current: () => IkeAssociation | undefined;
  #lastHeard = 0;

  constructor(
    core: EngineCore,
    configuration: Pick<IkeConfiguration, 'deadPeerDetectionSeconds' | 'natKeepaliveSeconds'>,
    current: () => IkeAssociation | undefined,
  ) {
    this.#core = core;
    this.#silenceMilliseconds = configuration.deadPeerDetectionSeconds * 1000;
    this.#keepaliveMilliseconds = configuration.natKeepaliveSeconds * 1000;
    this.#current = current;
  }

  /** `behindNat`: a mapping has to be kept alive. */
  start(behindNat: boolean): void {
    this.heard();
    if (this.#silenceMilliseconds > 0) this.#watch();
    if (behindNat && this.#keepaliveMilliseconds > 0) this.#keepAlive();
  }

  stop(): void {
    this.#core.timers.clear(this);
  }

  /** The peer has just shown that it lives. */
  heard(): void {
    this.#lastHeard = this.#core.now;
  }

  #watch(): void {
    const at = this.#lastHeard + this.#silenceMilliseconds;
    this.#core.timers.set(this, 'liveness', at, () => {
      if (this.#core.now - this.#lastHeard >= this.#silenceMilliseconds) {
        const association = this.#current();
        // A request that is under way anyway shows as much.
        if (association?.inFlight === undefined) association?.enqueueFirst(new Liveness());
        this.#lastHeard = this.#core.now;
      }
      this.#watch();
    });
  }

  #keepAlive(): void {
    this.#core.timers.set(this, 'keepalive', this.#core.now + this.#keepaliveMilliseconds, () => {
      const path = this.#current()?.path;
      if (path) this.#core.emit({ type: 'send-keepalive', local: path.local, remote: path.remote });
      this.#keepAlive();
    });
  }
}
