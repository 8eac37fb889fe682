// What every part of the engine shares: the environment, the effects of the current step, timers, and the answers
// that are awaited from outside.

import type { IkeAssociation } from './association.ts';
import type { Connection } from './connection.ts';
import type {
  ConnectionId,
  IkeEffect,
  IkeEnvironment,
  IkeEvent,
  ResponderConfiguration,
} from './contract.ts';
import type { InitInitiator } from './init-initiator.ts';
import type { KeyDerivation } from './key-derivation.ts';
import { Timers } from './timers.ts';

type AnswerEvent = Extract<IkeEvent, { request: number }>;

/** What to do with the answer to an effect that carries a request number. */
export type AnswerHandlers = {
  readonly [Type in AnswerEvent['type']]?: (event: Extract<AnswerEvent, { type: Type }>) => void;
};

export class EngineCore {
  readonly environment: IkeEnvironment;
  readonly derivation: KeyDerivation;
  readonly timers = new Timers();
  readonly connections = new Map<ConnectionId, Connection>();
  /** By our own SPI. */
  readonly associations = new Map<bigint, IkeAssociation>();
  /** IKE_SA_INIT requests of ours that wait for an answer, by our own SPI. */
  readonly initiations = new Map<bigint, InitInitiator>();
  responder: ResponderConfiguration | undefined;
  now = 0;
  #effects: IkeEffect[] = [];
  #nextRequest = 1;
  readonly #awaited = new Map<number, { owner: object; handlers: AnswerHandlers }>();

  constructor(environment: IkeEnvironment, derivation: KeyDerivation) {
    this.environment = environment;
    this.derivation = derivation;
  }

  emit(effect: IkeEffect): void {
    this.#effects.push(effect);
  }

  takeEffects(): IkeEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.environment.random(bytes);
    return bytes;
  }

  /** Uniform in [0, 1), from the passed-in randomness. */
  randomFraction(): number {
    return new DataView(this.randomBytes(4).buffer).getUint32(0) / 2 ** 32;
  }

  /** An SPI of our own for an IKE SA: not zero, not in use. */
  newIkeSpi(): bigint {
    for (;;) {
      const spi = new DataView(this.randomBytes(8).buffer).getBigUint64(0);
      if (spi !== 0n && !this.associations.has(spi) && !this.initiations.has(spi)) return spi;
    }
  }

  /** Emits the effect and waits for its answer; `owner` can withdraw by `forget`. */
  ask(owner: object, effect: (request: number) => IkeEffect, handlers: AnswerHandlers): void {
    const request = this.#nextRequest++;
    this.#awaited.set(request, { owner, handlers });
    this.emit(effect(request));
  }

  /** Answers that nobody waits for any more are dropped; a secret in them is freed. */
  answer(event: AnswerEvent): void {
    const awaited = this.#awaited.get(event.request);
    const handlers = awaited?.handlers;
    this.#awaited.delete(event.request);
    switch (event.type) {
      case 'psk':
        if (handlers?.psk === undefined) {
          if (event.secret !== undefined) this.environment.freeSecret(event.secret);
        } else handlers.psk(event);
        break;
      case 'password':
        if (handlers?.password === undefined) {
          if (event.secret !== undefined) this.environment.freeSecret(event.secret);
        } else handlers.password(event);
        break;
      case 'signed':
        handlers?.signed?.(event);
        break;
      case 'peer-verified':
        handlers?.['peer-verified']?.(event);
        break;
      case 'addresses-assigned':
        handlers?.['addresses-assigned']?.(event);
        break;
    }
  }

  /** Nothing that the owner asked for or waits for will reach it any more. */
  forget(owner: object): void {
    this.timers.clear(owner);
    for (const [request, awaited] of this.#awaited) {
      if (awaited.owner === owner) this.#awaited.delete(request);
    }
  }
}
