// What the page says of a smart card: its PIN in words, which of its keys is for what, what stands in a slot.
import type { CardStatus } from '../../main/control/card-values.ts';

export type PinState = 'blocked' | 'last-try' | 'few' | 'good' | 'unknown';

/** Few: somebody mistyped it; a card begins with three at the least. */
export function pinState({ triesLeft }: Pick<CardStatus, 'triesLeft'>): PinState {
  if (triesLeft === undefined) return 'unknown';
  if (triesLeft === 0) return 'blocked';
  if (triesLeft === 1) return 'last-try';
  return triesLeft === 2 ? 'few' : 'good';
}

export type CardKey = CardStatus['keys'][number];

/** What a new key may be; not every card has all of them. */
export const cardAlgorithms: readonly CardKey['algorithm'][] = [
  'ecc-p256',
  'ecc-p384',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
];

export type Validity = 'expired' | 'not-yet' | 'soon' | 'good';
const soonMilliseconds = 30 * 24 * 3600 * 1000;

export function validityOf({ notBefore, notAfter }: CardKey, now: number): Validity {
  if (now > notAfter) return 'expired';
  if (now < notBefore) return 'not-yet';
  return notAfter - now < soonMilliseconds ? 'soon' : 'good';
}

/** Slots are "9A" where they are told and "9a" where they are asked for. */
export function keyInSlot({ keys }: CardStatus, slot: string): CardKey | undefined {
  return keys.find((key) => key.slot.toLowerCase() === slot.toLowerCase());
}

/** Cards and slots by which a connection may sign. */
export interface SigningKey {
  readonly card: CardStatus;
  readonly key: CardKey;
  readonly slot: '9a' | '9c';
}

export function signingKeys(cards: readonly CardStatus[]): readonly SigningKey[] {
  return cards.flatMap((card) =>
    card.keys.flatMap((key) => {
      const slot = key.slot.toLowerCase();
      return slot === '9a' || slot === '9c' ? [{ card, key, slot } as const] : [];
    }),
  );
}

/** The key that most cards are delivered with; whoever gives a card out should change it. */
export const makersManagementKey = '010203040506070801020304050607080102030405060708';

/** Hexadecimal digits, blanks and colons between them allowed; undefined: no management key. The caller wipes it. */
export function readManagementKey(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits = text.replaceAll(/[\s:]/g, '');
  if (!/^([0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64})$/i.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}

/** "alice@example.org, vpn.example.org" in its parts; at most 8 go into a certificate. */
export function namesOf(text: string): readonly string[] {
  return text.split(/[\s,、]+/).filter((part) => part !== '');
}

/** Only the shape, "CN=alice, O=Example"; the service has the last word. */
export function looksLikeSubject(text: string): boolean {
  return /^\s*[A-Za-z]+\s*=\s*\S/.test(text) && text.length <= 512;
}
