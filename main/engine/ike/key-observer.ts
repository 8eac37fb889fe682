// An engine that shows its keys to an independent reader of the wire. Only tests import this file; the product
// composes createIkeEngine and has no way here.
import type { IkeEngine, IkeEnvironment } from './contract.ts';
import { createIkeEngine } from './engine.ts';
import { type ChildKeyInput, type IkeKeyInput, type IkeKeys, keyDerivation } from './key-derivation.ts';

/** Every key is a copy that the observer owns. */
export interface KeyObserver {
  ikeKeys(input: Omit<IkeKeyInput, 'sharedSecret' | 'previous'>, keys: IkeKeys): void;
  /** `initiatorKey` protects what the exchange's initiator sends (to the responder's SPI). */
  childKeys(
    input: Omit<ChildKeyInput, 'derive' | 'sharedSecret'>,
    initiatorKey: Uint8Array,
    responderKey: Uint8Array,
  ): void;
}

export function createObservedIkeEngine(environment: IkeEnvironment, observer: KeyObserver): IkeEngine {
  return createIkeEngine(environment, {
    ikeKeys(memory, input) {
      const keys = keyDerivation.ikeKeys(memory, input);
      observer.ikeKeys(input, {
        derive: keys.derive.slice(),
        integrityInitiator: keys.integrityInitiator.slice(),
        integrityResponder: keys.integrityResponder.slice(),
        encryptionInitiator: keys.encryptionInitiator.slice(),
        encryptionResponder: keys.encryptionResponder.slice(),
        authenticationInitiator: keys.authenticationInitiator.slice(),
        authenticationResponder: keys.authenticationResponder.slice(),
      });
      return keys;
    },
    childKeys(memory, input) {
      const pair = keyDerivation.childKeys(memory, input);
      observer.childKeys(input, pair.initiator.slice(), pair.responder.slice());
      return pair;
    },
  });
}
