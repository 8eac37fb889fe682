// Which traffic a profile protects, and what becomes of it when the connection drops: in words, for both forms.
import { Choice, Field } from '../components/field.tsx';
import type { TrafficForm } from '../logic/profile-form.ts';
import { useWords } from '../state/words.ts';

interface TrafficProperties {
  readonly form: TrafficForm;
  readonly problemAt: (field: 'networks') => string | undefined;
  readonly onChange: (part: Partial<TrafficForm>) => void;
}

export function TrafficFields({ form, problemAt, onChange }: TrafficProperties) {
  const { say } = useWords();
  return (
    <>
      <Choice
        label={say('profiles.field.protect')}
        value={form.protect}
        choices={(['gateway', 'everything', 'networks'] as const).map((value) => ({
          value,
          label: say(`profiles.protect.${value}`),
        }))}
        onChoice={(protect) => onChange({ protect })}
      />
      {form.protect === 'networks' && (
        <Field
          label={say('profiles.field.networks')}
          hint={say('profiles.field.networks-hint')}
          problem={problemAt('networks')}
        >
          {(properties) => (
            <textarea
              {...properties}
              rows={3}
              spellCheck={false}
              value={form.networks}
              onChange={(event) => onChange({ networks: event.target.value })}
            />
          )}
        </Field>
      )}
      <Choice
        label={say('profiles.field.when-down')}
        value={form.whenDown}
        choices={(['block', 'bypass'] as const).map((value) => ({
          value,
          label: say(`profiles.when-down.${value}`),
          hint: say(`profiles.when-down.${value}-hint`),
        }))}
        onChoice={(whenDown) => onChange({ whenDown })}
      />
    </>
  );
}
