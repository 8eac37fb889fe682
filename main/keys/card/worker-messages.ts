// What crosses between the control thread and the two workers that speak to cards. Secrets cross by their address in
// locked memory.
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import type { CardKeyAlgorithm, CardProblem, KeyPurpose, PinPolicy } from './contract.ts';

/** A place in locked memory that the control thread owns and keeps until the answer. */
export interface Place {
  readonly address: number;
  readonly length: number;
}

export type PinPlace = ({ readonly kind: 'bytes'; readonly place: Place } | { readonly kind: 'pin-pad' }) & {
  readonly confirmLastTry: boolean;
};

interface Unlocking {
  readonly pin: PinPlace | undefined;
  readonly keepUnlocked: boolean;
}

export type CardWork =
  | { readonly type: 'describe' }
  | { readonly type: 'tries' }
  | { readonly type: 'lock' }
  | ({ readonly type: 'verify-pin' } & Unlocking)
  | ({
      readonly type: 'sign';
      readonly purpose: KeyPurpose;
      readonly algorithm: CardKeyAlgorithm;
      readonly scheme: SignatureScheme;
      readonly data: Uint8Array;
    } & Unlocking)
  | ({
      readonly type: 'agree';
      readonly purpose: KeyPurpose;
      readonly algorithm: CardKeyAlgorithm;
      readonly peerPoint: Uint8Array;
      readonly result: Place;
    } & Unlocking)
  | ({
      readonly type: 'decrypt';
      readonly purpose: KeyPurpose;
      readonly algorithm: CardKeyAlgorithm;
      readonly ciphertext: Uint8Array;
      readonly label: Uint8Array;
      readonly result: Place;
    } & Unlocking)
  | { readonly type: 'read-object'; readonly tags: readonly number[] }
  | {
      readonly type: 'write-object';
      readonly tags: readonly number[];
      readonly content: Uint8Array;
      readonly managementKey: Place;
    }
  | {
      readonly type: 'change-pin';
      readonly present: PinPlace;
      readonly next: Place | undefined;
      readonly puk: boolean;
    }
  | { readonly type: 'unblock'; readonly puk: PinPlace; readonly next: Place }
  | {
      readonly type: 'generate-key';
      readonly purpose: KeyPurpose;
      readonly algorithm: CardKeyAlgorithm;
      readonly managementKey: Place;
    }
  | { readonly type: 'public-key'; readonly purpose: KeyPurpose }
  | {
      readonly type: 'write-certificate';
      readonly purpose: KeyPurpose;
      readonly certificate: Uint8Array;
      readonly managementKey: Place;
    };

export interface ReadKey {
  readonly purpose: KeyPurpose;
  readonly certificate: Uint8Array;
  readonly pinPolicy: PinPolicy;
}

export interface ReadCard {
  readonly identifier: string | undefined;
  readonly pinPad: boolean;
  readonly triesLeft: number | undefined;
  readonly keys: readonly ReadKey[];
}

/** What each kind of work gives; a length where the result lies in a Place. */
export type CardWorkResult = ReadCard | Uint8Array | number | undefined;

export interface CardRequest {
  readonly id: number;
  readonly reader: string;
  readonly work: CardWork;
}

export type CardReply =
  | { readonly id: number; readonly result: CardWorkResult }
  | {
      readonly id: number;
      readonly problem: CardProblem;
      readonly message: string;
      readonly triesLeft: number | undefined;
    };

export interface SeenReader {
  readonly name: string;
  readonly present: boolean;
  /** Counts insertions and removals. */
  readonly counter: number;
}

export type WatcherMessage =
  | { readonly type: 'context'; readonly context: number }
  | { readonly type: 'readers'; readonly readers: readonly SeenReader[] }
  | { readonly type: 'no-service' }
  | { readonly type: 'no-library' };
