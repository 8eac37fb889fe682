// By what a compartment shall be opened: protectors with what each is good for, and why one is not offered.
import { useId } from 'react';
import type { CardStatus } from '../../main/control/card-values.ts';
import { Field, Switch, TextField } from '../components/field.tsx';
import {
  type CompartmentForm,
  type CompartmentProblems,
  canUnwrap,
  notOffered,
  offeredProtectors,
  type ProtectorType,
  withType,
} from '../logic/compartment-form.ts';
import { useLook } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

export interface ProtectorSurroundings {
  readonly cards: readonly CardStatus[];
  readonly administrator: boolean;
}

const lookAgainMilliseconds = 2000;

/** A card may be put in while the form is open. */
export function useProtectorSurroundings(): ProtectorSurroundings {
  const { value } = useLook('card.status', {}, lookAgainMilliseconds);
  const { value: rights } = useLook('rights.mine', {}, 0);
  return { cards: value?.cards ?? [], administrator: rights?.administer === 'yes' };
}

interface FieldsProperties {
  readonly form: CompartmentForm;
  readonly problems: CompartmentProblems;
  readonly surroundings: ProtectorSurroundings;
  readonly onForm: (form: CompartmentForm) => void;
}

export function ProtectorChoice({ form, problems, surroundings, onForm }: FieldsProperties) {
  const { say } = useWords();
  const id = useId();
  return (
    <fieldset className="choice" aria-describedby={problems.types === undefined ? undefined : id}>
      <legend>{say('keys.opened-by')}</legend>
      {offeredProtectors.map((type) => {
        const reason = notOffered(type, form, surroundings.administrator, surroundings.cards);
        return (
          <Switch
            key={type}
            label={say(`keys.protector.${type}`)}
            hint={say(reason === undefined ? `keys.protector-hint.${type}` : `keys.not-offered.${reason}`)}
            disabled={reason !== undefined && !form.types.includes(type)}
            checked={form.types.includes(type)}
            onSwitch={(on) => onForm(withType(form, type, on))}
          />
        );
      })}
      {problems.types !== undefined && (
        <p className="problem" id={id} role="alert">
          {say(`keys.problem.${problems.types}`)}
        </p>
      )}
    </fieldset>
  );
}

/** What the chosen ones need: the passphrase twice, and which card. */
export function ProtectorDetails({ form, problems, surroundings, onForm }: FieldsProperties) {
  const { say } = useWords();
  const told = (problem: string | undefined) =>
    problem === undefined ? undefined : say(`keys.problem.${problem}`);
  const cards = surroundings.cards.filter(canUnwrap);
  return (
    <>
      {form.types.includes('passphrase') && (
        <div className="form-row">
          <TextField
            label={say('keys.passphrase')}
            hint={say('keys.passphrase-hint')}
            type="password"
            value={form.passphrase}
            maxLength={1024}
            problem={told(problems.passphrase)}
            onText={(passphrase) => onForm({ ...form, passphrase })}
          />
          <TextField
            label={say('keys.again')}
            type="password"
            value={form.again}
            maxLength={1024}
            problem={told(problems.again)}
            onText={(again) => onForm({ ...form, again })}
          />
        </div>
      )}
      {form.types.includes('card') && (cards.length > 1 || problems.card !== undefined) && (
        <Field label={say('keys.which-card')} problem={told(problems.card)}>
          {(properties) => (
            <select
              {...properties}
              value={form.card}
              onChange={(event) => onForm({ ...form, card: event.target.value })}
            >
              <option value="">{say('keys.choose')}</option>
              {cards.map(({ id, label, reader }) => (
                <option key={id} value={id}>
                  {label} ({reader})
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
    </>
  );
}

/** As main wants them; a card is told from others by its label. */
export function chosenProtectors(
  form: CompartmentForm,
  { cards }: ProtectorSurroundings,
): { type: ProtectorType; label: string; card?: string }[] {
  return form.types.map((type) => {
    if (type !== 'card') return { type, label: type };
    const usable = cards.filter(canUnwrap);
    const found = usable.find(({ id }) => id === form.card) ?? usable[0];
    return { type, label: (found?.label ?? type).slice(0, 60), ...(found && { card: found.id }) };
  });
}

/** The typed passphrase as bytes, for a call after which they are wiped. */
export function passphraseBytes({ types, passphrase }: CompartmentForm): {
  passphrase?: Uint8Array<ArrayBuffer>;
} {
  return types.includes('passphrase') ? { passphrase: new TextEncoder().encode(passphrase) } : {};
}
