// Sending a request again until it is answered (RFC 7296 section 2.1): exponential back-off, then giving up.
import type { IkeConfiguration } from './contract.ts';
import type { EngineCore } from './core.ts';

export type RetransmissionPolicy = IkeConfiguration['retransmission'];

/** For a peer that may be out of reach: five sendings within about three seconds. */
export const urgentRetransmission: RetransmissionPolicy = { firstMilliseconds: 300, factor: 1.4, tries: 4 };

export class Retransmission {
  readonly #core: EngineCore;
  readonly #policy: RetransmissionPolicy;
  readonly #send: () => void;
  readonly #giveUp: (() => void) | undefined;
  #sent = 0;

  /** Sends at once. Without `giveUp` it goes on at the last waiting time until it is stopped. */
  constructor(
    core: EngineCore,
    policy: RetransmissionPolicy,
    send: () => void,
    giveUp: (() => void) | undefined,
  ) {
    this.#core = core;
    this.#policy = policy;
    this.#send = send;
    this.#giveUp = giveUp;
    this.#transmit();
  }

  /** Only then is it clear which sending a response answers. */
  get sentOnce(): boolean {
    return this.#sent === 1;
  }

  stop(): void {
    this.#core.timers.clear(this);
  }

  #transmit(): void {
    const { firstMilliseconds, factor, tries } = this.#policy;
    const isLast = this.#sent >= tries;
    this.#send();
    const wait = firstMilliseconds * factor ** Math.min(this.#sent, tries);
    this.#sent += 1;
    this.#core.timers.set(this, 'retransmit', this.#core.now + wait, () => {
      if (isLast && this.#giveUp !== undefined) this.#giveUp();
      else this.#transmit();
    });
  }
}
