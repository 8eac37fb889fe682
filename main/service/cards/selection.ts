// Which card and key a profile means: by slot, and by the certificate's subject or issuer where it names them.
import {
  type CardDescription,
  CardError,
  type CardKey,
  type CardReaderState,
  type KeyPurpose,
} from '../../keys/card/contract.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { encodeName } from '../../keys/credentials/distinguished-name.ts';
import type { CardAuthentication } from '../profile/contract.ts';

export interface CardSelection {
  readonly purpose: KeyPurpose;
  /** Distinguished names as texts; undefined: any. */
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  /** The card's own identifier, where only that one will do. */
  readonly id?: string | undefined;
}

export function selectionOf({ slot, subject, issuer }: CardAuthentication): CardSelection {
  return { purpose: slot === '9c' ? 'signature' : 'authentication', subject, issuer };
}

export interface ChosenKey {
  readonly card: CardDescription;
  readonly key: CardKey;
}

/** The first that fits. Throws CardError: no-card where none does, and why where the only card is at fault. */
export function chooseKey(
  cards: readonly CardDescription[],
  state: CardReaderState,
  selection: CardSelection,
): ChosenKey {
  for (const card of cards) {
    if (selection.id !== undefined && card.id !== selection.id) continue;
    const key = card.keys.find((candidate) => fits(candidate, selection));
    if (key !== undefined) return { card, key };
  }
  if (state !== 'ready') throw new CardError(state, 'no card can be reached');
  const [only, ...others] = cards;
  if (only?.problem !== undefined && others.length === 0) throw only.problem;
  if (only !== undefined) throw new CardError('no-certificate', 'no card that is in has the certificate');
  throw new CardError('no-card', 'no card is in a reader');
}

/** Whether the card has what the selection wants. */
export function fitsCard(card: CardDescription, selection: CardSelection): boolean {
  if (selection.id !== undefined && card.id !== selection.id) return false;
  return card.keys.some((key) => fits(key, selection));
}

function fits(key: CardKey, { purpose, subject, issuer }: CardSelection): boolean {
  if (key.purpose !== purpose) return false;
  if (subject === undefined && issuer === undefined) return true;
  const certificate = parseCertificate(key.certificate);
  if (certificate === undefined) return false;
  return isName(certificate.subject, subject) && isName(certificate.issuer, issuer);
}

function isName(der: Uint8Array, text: string | undefined): boolean {
  return text === undefined || Buffer.from(der).equals(encodeName(text));
}
