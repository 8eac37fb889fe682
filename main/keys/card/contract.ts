// What a smart card can do for the rest of the product, whichever way it is spoken to: PIV over PC/SC, or a PKCS#11
// module in a confined child. No word of either appears here.
import type { SignatureScheme } from '../../engine/ike/contract.ts';

export type CardProviderName = 'piv' | 'pkcs11';

/** The four keys of a PIV card (9A, 9C, 9D, 9E); a PKCS#11 provider maps its own to them by what they may be used for. */
export const keyPurposes = ['authentication', 'signature', 'key-management', 'card-authentication'] as const;
export type KeyPurpose = (typeof keyPurposes)[number];

export const cardKeyAlgorithms = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ecc-p256', 'ecc-p384'] as const;
export type CardKeyAlgorithm = (typeof cardKeyAlgorithms)[number];

/** When the card wants the PIN for a key. 'unknown': the card does not tell; the standard's own policy is assumed. */
export type PinPolicy = 'never' | 'once' | 'always' | 'unknown';

export interface CardKey {
  readonly purpose: KeyPurpose;
  readonly algorithm: CardKeyAlgorithm;
  /** DER of the X.509 certificate. */
  readonly certificate: Uint8Array;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly pinPolicy: PinPolicy;
}

export interface CardDescription {
  /** The same whenever this card is in, in whichever reader: "piv:" and the card's own identifier in hexadecimal. */
  readonly id: string;
  readonly provider: CardProviderName;
  /** What to call the card to a person. */
  readonly label: string;
  readonly reader: string;
  /** The PIN is typed at the reader; it never reaches this computer. */
  readonly pinPad: boolean;
  /** undefined: the card does not tell. 0: the PIN is blocked. */
  readonly triesLeft: number | undefined;
  /** Keys that have a certificate. */
  readonly keys: readonly CardKey[];
  /** A card that is in, but cannot be used: why. Its other values are then what could be learnt. */
  readonly problem?: CardError;
}

export type CardReaderState =
  /** The computer has no library for cards. */
  | 'no-library'
  /** The library is there, but its service (pcscd, SCardSvr) does not answer. */
  | 'no-service'
  | 'no-reader'
  | 'ready';

export type CardEvent =
  | { readonly type: 'inserted'; readonly card: CardDescription }
  | {
      readonly type: 'removed';
      readonly card: CardDescription;
      readonly reason: 'pulled' | 'reader-gone' | 'service-gone';
    }
  /** What is known of a card that is in has changed: tries left, keys. */
  | { readonly type: 'changed'; readonly card: CardDescription }
  | { readonly type: 'readers'; readonly state: CardReaderState; readonly readers: readonly string[] };

/**
 * How the PIN comes to the card for one operation. `bytes`: in SecretMemory (CardSecretMemory); stays the caller's, who
 * frees it right afterwards. 'pin-pad': the person types it at the reader meanwhile.
 * The last try is refused (CardError last-try) unless `confirmLastTry`.
 */
export type CardPin = (
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pin-pad' }
) & {
  readonly confirmLastTry?: boolean;
};

export interface CardOperationOptions {
  /** Left out: the operation is tried without; CardError pin-needed where the card wants one. Never tried twice. */
  readonly pin?: CardPin | undefined;
  /** The card stays unlocked afterwards, for other programs too. False: it is reset where a PIN was given. */
  readonly keepUnlocked?: boolean;
}

/** Where PINs and results lie: locked memory that workers share by address. */
export interface CardSecretMemory {
  allocate(length: number): Uint8Array;
  free(secret: Uint8Array): void;
  addressOf(secret: Uint8Array): number;
}

/** What is kept on the card beside keys and certificates. */
export type CardObjectName = 'channel-information';

/**
 * All cards of one provider. Every operation runs outside the control thread, in one transaction with the card, and
 * throws CardError and nothing else. Names of cards are their `id`.
 */
export interface Cards {
  readonly provider: CardProviderName;
  /** Begins to look for cards. */
  start(): void;
  readonly state: CardReaderState;
  /** Names of the readers. */
  readonly readers: readonly string[];
  /** Those that are in. */
  readonly cards: readonly CardDescription[];
  /** Events come after `cards` and `state` have changed. */
  onEvent(listener: (event: CardEvent) => void): { close(): void };

  /** Proves the PIN only; the card is reset afterwards unless `keepUnlocked`. */
  verifyPin(card: string, pin: CardPin, options?: { readonly keepUnlocked?: boolean }): Promise<void>;
  /** Has `cards` tell how many tries are left now: other programs spend them, and bring them back. Never throws. */
  countTries(card: string): Promise<void>;
  /** Ends the unlocked state that `keepUnlocked` left behind. */
  lock(card: string): Promise<void>;
  /**
   * Signs the octets: the hash, and the padding of RSA, are applied here. ECDSA: DER of r and s. The PSS salt is as
   * long as the hash.
   */
  sign(
    card: string,
    purpose: KeyPurpose,
    scheme: SignatureScheme,
    data: Uint8Array,
    options?: CardOperationOptions,
  ): Promise<Uint8Array>;
  /**
   * ECDH. `peerPoint`: 0x04 and both coordinates; it is checked to lie on the curve. Gives the x coordinate of the
   * shared point (32 or 48 bytes) in SecretMemory, which the caller frees.
   */
  agree(
    card: string,
    purpose: KeyPurpose,
    peerPoint: Uint8Array,
    options?: CardOperationOptions,
  ): Promise<Uint8Array>;
  /** RSA with OAEP, SHA-256 and MGF1 with SHA-256. Gives the plain text in SecretMemory, which the caller frees. */
  decrypt(
    card: string,
    purpose: KeyPurpose,
    ciphertext: Uint8Array,
    label: Uint8Array,
    options?: CardOperationOptions,
  ): Promise<Uint8Array>;

  /** undefined: the card has none. */
  readObject(card: string, name: CardObjectName): Promise<Uint8Array | undefined>;
  /** Empty content removes it. */
  writeObject(
    card: string,
    name: CardObjectName,
    content: Uint8Array,
    administration: CardAdministration,
  ): Promise<void>;

  /** Both in SecretMemory; undefined where the reader's pin pad asks for them. */
  changePin(
    card: string,
    present: CardPin,
    next: Uint8Array | undefined,
    options?: { readonly puk?: boolean },
  ): Promise<void>;
  /** Sets a new PIN by the PUK. */
  unblock(card: string, puk: CardPin, next: Uint8Array): Promise<void>;
  /** Makes a key on the card. Gives DER of its SubjectPublicKeyInfo. Replaces what the slot held. */
  generateKey(
    card: string,
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    administration: CardAdministration,
  ): Promise<Uint8Array>;
  /** The public key of a slot whose certificate is missing; undefined where the card cannot tell or has no key there. */
  publicKey(card: string, purpose: KeyPurpose): Promise<Uint8Array | undefined>;
  writeCertificate(
    card: string,
    purpose: KeyPurpose,
    certificate: Uint8Array,
    administration: CardAdministration,
  ): Promise<void>;
  close(): Promise<void>;
}

/** What proves to the card that one may write to it: PIV's management key (9B), or the user's PIN with PKCS#11. */
export type CardAdministration =
  | { readonly kind: 'management-key'; readonly key: Uint8Array }
  | { readonly kind: 'pin'; readonly pin: CardPin };

export const cardProblems = [
  'no-library',
  'no-service',
  'no-reader',
  /** The card that was asked for is not in. */
  'no-card',
  /** Pulled during the operation. */
  'card-removed',
  /** What is in is no card that this provider can speak to. */
  'unknown-card',
  'several-cards',
  'pin-needed',
  'pin-wrong',
  'pin-blocked',
  /** One try is left, and nobody confirmed that it may be used. */
  'last-try',
  /** Too short, too long, or characters that the card does not take. */
  'pin-invalid',
  'puk-wrong',
  'puk-blocked',
  'management-key-wrong',
  'no-key',
  'no-certificate',
  /** The key cannot do what was asked: an algorithm, a size, a curve. */
  'key-unsuitable',
  /** A certificate or signature of another key. */
  'key-mismatch',
  'certificate-invalid',
  /** Nothing is replaced unasked. */
  'slot-in-use',
  'card-full',
  /** Another program holds the card for itself. */
  'busy',
  /** The person cancelled at the pin pad, or typed nothing. */
  'cancelled',
  'not-supported',
  /** An answer that makes no sense. */
  'bad-answer',
  /** The card refused with a status that has no other name here. */
  'refused',
] as const;
export type CardProblem = (typeof cardProblems)[number];

export class CardError extends Error {
  readonly problem: CardProblem;
  /** With pin-needed, pin-wrong, last-try, puk-wrong. */
  readonly triesLeft: number | undefined;

  constructor(problem: CardProblem, message: string, triesLeft?: number) {
    super(message);
    this.name = 'CardError';
    this.problem = problem;
    this.triesLeft = triesLeft;
  }
}
