// Fields of forms: label, hint and problem belong to the control, for the eye and for a screen reader.
import { type InputHTMLAttributes, type ReactNode, useId } from 'react';

interface FieldProperties {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
  readonly children: (properties: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': true | undefined;
  }) => ReactNode;
}

export function Field({ label, hint, problem, children }: FieldProperties) {
  const id = useId();
  const notes = [hint === undefined ? '' : `${id}-hint`, problem === undefined ? '' : `${id}-problem`]
    .filter((part) => part !== '')
    .join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': notes === '' ? undefined : notes,
        'aria-invalid': problem === undefined ? undefined : true,
      })}
      {hint !== undefined && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem !== undefined && (
        <p className="problem" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

interface TextFieldProperties extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
  readonly onText: (text: string) => void;
}

export function TextField({ label, hint, problem, onText, ...rest }: TextFieldProperties) {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(properties) => (
        <input
          type="text"
          autoComplete="off"
          spellCheck={false}
          {...rest}
          {...properties}
          onChange={(event) => onText(event.target.value)}
        />
      )}
    </Field>
  );
}

interface ChoiceProperties<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly choices: readonly { readonly value: Value; readonly label: string; readonly hint?: string }[];
  readonly onChoice: (value: Value) => void;
}

/** Radio buttons in a group; all choices can be seen. */
export function Choice<Value extends string>({ label, value, choices, onChoice }: ChoiceProperties<Value>) {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend>{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} className="option">
          <input
            type="radio"
            name={name}
            value={choice.value}
            checked={value === choice.value}
            onChange={() => onChoice(choice.value)}
          />
          <span>
            {choice.label}
            {choice.hint !== undefined && <span className="hint">{choice.hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

interface SwitchProperties {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onSwitch: (checked: boolean) => void;
}

export function Switch({ label, hint, checked, disabled = false, onSwitch }: SwitchProperties) {
  const id = useId();
  return (
    <label className="option switch">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={hint === undefined ? undefined : id}
        onChange={(event) => onSwitch(event.target.checked)}
      />
      <span>
        {label}
        {hint !== undefined && (
          <span className="hint" id={id}>
            {hint}
          </span>
        )}
      </span>
    </label>
  );
}
