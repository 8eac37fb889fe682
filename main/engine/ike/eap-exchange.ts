// EAP inside IKE_AUTH as initiator (RFC 7296 section 2.16): carries the conversation from the gateway's first EAP
// payload, after the gateway has proved itself, to its success and our AUTH payload by the key that came of it.
import { EapPeer, type EapSettings, type EapStep } from '../eap/peer.ts';
import { IkeFormatError } from './bytes.ts';
import type { ConnectionId, IkeFailure } from './contract.ts';
import type { EngineCore } from './core.ts';
import type { Payload, PayloadOf } from './payloads.ts';

export interface EapListener {
  /** The next IKE_AUTH request carries this. */
  send(payload: Payload): void;
  /** `key`: the MSK; undefined where the method makes none. Valid until `dispose`. */
  succeeded(key: Uint8Array | undefined): void;
  failed(failure: IkeFailure): void;
}

export class EapExchange {
  readonly #core: EngineCore;
  readonly #connection: ConnectionId;
  readonly #peer: EapPeer;
  readonly #listener: EapListener;

  constructor(core: EngineCore, connection: ConnectionId, settings: EapSettings, listener: EapListener) {
    this.#core = core;
    this.#connection = connection;
    this.#listener = listener;
    this.#peer = new EapPeer(core.environment, settings);
  }

  /** Throws IkeFormatError where it makes no sense at this time. */
  receive({ data }: PayloadOf<'extensible-authentication'>): void {
    this.#take(this.#peer.receive(data));
  }

  /** The gateway ended it by a notify instead of an EAP packet. */
  refused(): void {
    this.#listener.failed(refusalOf(this.#peer.problem));
  }

  /** Withdraws what was asked for and wipes the keys. */
  dispose(): void {
    this.#core.forget(this);
    this.#peer.dispose();
  }

  #take(step: EapStep): void {
    switch (step.type) {
      case 'respond':
        this.#listener.send({ kind: 'extensible-authentication', data: step.packet });
        return;
      case 'ask':
        this.#ask(step);
        return;
      case 'success':
        this.#listener.succeeded(this.#peer.key);
        return;
      case 'failure':
        this.#listener.failed(refusalOf(step.problem));
        return;
    }
  }

  #ask({ kind, message }: Extract<EapStep, { type: 'ask' }>): void {
    this.#core.ask(
      this,
      (request) => ({ type: 'get-password', request, connection: this.#connection, kind, message }),
      {
        password: ({ secret }) => {
          if (secret === undefined) {
            this.#listener.failed({ code: 'secret-missing' });
            return;
          }
          try {
            this.#take(this.#peer.provide(secret));
          } catch (error) {
            if (!(error instanceof IkeFormatError)) throw error;
            this.#listener.failed({ code: 'invalid-message', detail: error.message });
          } finally {
            this.#core.environment.freeSecret(secret);
          }
        },
      },
    );
  }
}

function refusalOf(problem: Extract<EapStep, { type: 'failure' }>['problem']): IkeFailure {
  return { code: 'authentication-failed', ...(problem !== undefined && { problem }) };
}
