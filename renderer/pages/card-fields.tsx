// The card for a new profile: any that has a certificate for connections, or one certificate of a card that is in.
import { Field } from '../components/field.tsx';
import { signingKeys } from '../logic/card-view.ts';
import type { ProfileForm } from '../logic/profile-form.ts';
import { useLook } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

interface CardFieldsProperties {
  readonly form: ProfileForm;
  readonly onChange: (part: Partial<ProfileForm>) => void;
}

/** A card may be put in while the form is open. */
const lookAgainMilliseconds = 2000;

export function CardFields({ form, onChange }: CardFieldsProperties) {
  const { say } = useWords();
  const { value } = useLook('card.status', {}, lookAgainMilliseconds);
  const keys = signingKeys(value?.cards ?? []);
  const chosen = keys.findIndex(
    ({ key, slot }) => key.subject === form.cardSubject && slot === form.cardSlot,
  );
  return (
    <Field
      label={say('profiles.field.card')}
      hint={say(keys.length === 0 ? 'profiles.field.card-none' : 'profiles.field.card-hint')}
    >
      {(properties) => (
        <select
          {...properties}
          value={chosen}
          onChange={(event) => {
            const key = keys[Number(event.target.value)];
            onChange({ cardSubject: key?.key.subject ?? '', cardSlot: key?.slot ?? '9a' });
          }}
        >
          <option value={-1}>
            {form.cardSubject === '' || chosen >= 0 ? say('profiles.field.card-any') : form.cardSubject}
          </option>
          {keys.map(({ card, key }, index) => (
            <option key={`${card.id} ${key.slot}`} value={index}>
              {key.subject} ({card.label}, {key.slot})
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
