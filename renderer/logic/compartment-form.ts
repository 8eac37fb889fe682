// The form for a compartment: by what it shall be opened, which of that fits together, and what is missing still.
import type { CardStatus } from '../../main/control/card-values.ts';
import type { VaultSummary } from '../../main/control/vault-values.ts';

export type ProtectorType = VaultSummary['compartments'][number]['protectors'][number]['type'];
/** The order in which they are offered. */
export const offeredProtectors: readonly ProtectorType[] = [
  'passphrase',
  'keychain',
  'card',
  'recovery',
  'system',
];

export interface CompartmentForm {
  readonly name: string;
  /** A pulled card locks it, whatever else is there. */
  readonly kind: 'ordinary' | 'card';
  readonly rule: 'any' | 'all';
  readonly types: readonly ProtectorType[];
  /** Its id; empty: the only one that is in. */
  readonly card: string;
  readonly passphrase: string;
  readonly again: string;
}

export const emptyCompartment: CompartmentForm = {
  name: 'secrets',
  kind: 'ordinary',
  rule: 'any',
  types: ['passphrase'],
  card: '',
  passphrase: '',
  again: '',
};

/** Keys below "keys.problem". */
export type CompartmentProblems = Partial<Record<'name' | 'types' | 'card' | 'passphrase' | 'again', string>>;

/** Why a protector is not offered, a key below "keys.not-offered"; undefined: it is. */
export function notOffered(
  type: ProtectorType,
  { kind }: Pick<CompartmentForm, 'kind'>,
  administrator: boolean,
  cards: readonly CardStatus[],
): string | undefined {
  if (kind === 'card' && (type === 'keychain' || type === 'system')) return `card-${type}`;
  if (type === 'system' && !administrator) return 'system';
  if (type === 'card' && cards.length === 0) return 'no-card';
  if (type === 'card' && !cards.some(canUnwrap)) return 'no-key';
  return undefined;
}

/** Slot 9D: what is sealed for the card can be opened by it alone. */
export function canUnwrap({ keys }: CardStatus): boolean {
  return keys.some(({ purpose }) => purpose === 'key-management');
}

/** The same form with another kind. Beside a card stays only the code for the day when it is lost. */
export function withKind(form: CompartmentForm, kind: CompartmentForm['kind']): CompartmentForm {
  if (kind === 'ordinary') return { ...form, kind };
  const kept = form.types.filter((type) => type === 'recovery');
  return withType({ ...form, kind, types: kept }, 'card', true);
}

export function withType(form: CompartmentForm, type: ProtectorType, on: boolean): CompartmentForm {
  const types = offeredProtectors.filter((each) => (each === type ? on : form.types.includes(each)));
  return { ...form, types };
}

export function checkCompartment(
  { name, kind, types, card, passphrase, again }: CompartmentForm,
  cards: readonly CardStatus[],
): CompartmentProblems {
  const problems: CompartmentProblems = {};
  if (!isName(name)) problems.name = 'name';
  if (types.length === 0) problems.types = 'protector-needed';
  else if (kind === 'card' && !types.includes('card')) problems.types = 'card-needed';
  if (types.includes('card') && card === '' && cards.filter(canUnwrap).length !== 1)
    problems.card = 'choose-card';
  if (types.includes('passphrase')) {
    if (passphrase === '') problems.passphrase = 'passphrase-needed';
    else if (passphrase !== again) problems.again = 'passphrase-differs';
  }
  return problems;
}

/** As the service takes names of vaults and compartments. */
export function isName(text: string): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u.test(text);
}
