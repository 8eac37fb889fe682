// A new vault, or a further compartment of one: a name, a place, and by what it shall be opened.
import { useState } from 'react';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice, Switch, TextField } from '../components/field.tsx';
import {
  type CompartmentForm,
  checkCompartment,
  emptyCompartment,
  isName,
  withKind,
} from '../logic/compartment-form.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import { PlaceFields, placeParameters, servicePlace } from './keys-place.tsx';
import {
  chosenProtectors,
  ProtectorChoice,
  ProtectorDetails,
  type ProtectorSurroundings,
  passphraseBytes,
  useProtectorSurroundings,
} from './keys-protector-fields.tsx';
import { RecoveryCodeDialog } from './keys-recovery-code.tsx';

export function CreateVaultDialog({ onClose }: { readonly onClose: () => void }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const compartment = useCompartment();
  const [name, setName] = useState('');
  const [place, setPlace] = useState(servicePlace);
  const [tried, setTried] = useState(false);
  const given = placeParameters(place);
  const nameProblem = isName(name) ? undefined : say('keys.problem.name');
  const create = async () => {
    setTried(true);
    if (nameProblem !== undefined || given === undefined || compartment.faulty) return;
    const passphrase = compartment.passphrase();
    const parameters = { name, ...given, makeDefault: false, compartment: compartment.value, ...passphrase };
    const result = await run('create', 'vault.make', parameters, say('keys.created', { name }));
    passphrase.passphrase?.fill(0);
    if (result !== undefined) compartment.finish(result.recoveryCode, onClose);
  };
  if (compartment.code !== undefined) return <RecoveryCodeDialog code={compartment.code} onDone={onClose} />;
  return (
    <Dialog
      title={say('keys.create')}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void create()}>
          {say('keys.create')}
        </Button>
      }
    >
      <div className="form">
        <TextField
          label={say('keys.name')}
          placeholder={say('keys.name-example')}
          value={name}
          problem={tried ? nameProblem : undefined}
          autoFocus
          onText={setName}
        />
        <PlaceFields
          place={place}
          suggestedName={isName(name) ? `${name}.vault` : 'sealnic.vault'}
          problem={tried && given === undefined ? say('keys.problem.file-needed') : undefined}
          onPlace={setPlace}
        />
        <CompartmentFields {...compartment} tried={tried} named={false} />
      </div>
    </Dialog>
  );
}

interface AddCompartmentProperties {
  readonly vault: string;
  readonly onClose: () => void;
}

export function AddCompartmentDialog({ vault, onClose }: AddCompartmentProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const compartment = useCompartment('');
  const [tried, setTried] = useState(false);
  const add = async () => {
    setTried(true);
    if (compartment.faulty) return;
    const passphrase = compartment.passphrase();
    const parameters = { vault, compartment: compartment.value, ...passphrase };
    const done = say('keys.compartment-added', { name: compartment.value.name });
    const result = await run('add', 'keys.add-compartment', parameters, done);
    passphrase.passphrase?.fill(0);
    if (result !== undefined) compartment.finish(result.recoveryCode, onClose);
  };
  if (compartment.code !== undefined) return <RecoveryCodeDialog code={compartment.code} onDone={onClose} />;
  return (
    <Dialog
      title={say('keys.add-compartment-title', { name: vault })}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void add()}>
          {say('keys.add')}
        </Button>
      }
    >
      <div className="form">
        <CompartmentFields {...compartment} tried={tried} named />
      </div>
    </Dialog>
  );
}

/** The form of a compartment with what main is told of it. */
function useCompartment(name = emptyCompartment.name) {
  const surroundings = useProtectorSurroundings();
  const [form, setForm] = useState<CompartmentForm>({ ...emptyCompartment, name });
  const [code, setCode] = useState<string>();
  const problems = checkCompartment(form, surroundings.cards);
  return {
    form,
    setForm,
    surroundings,
    problems,
    faulty: Object.keys(problems).length > 0,
    value: {
      name: form.name,
      kind: form.kind,
      rule: form.types.length > 1 ? form.rule : 'any',
      protectors: chosenProtectors(form, surroundings),
    } as const,
    passphrase: () => passphraseBytes(form),
    /** Set: to be shown, this once. */
    code,
    finish(made: Uint8Array | undefined, onClose: () => void) {
      setForm((shown) => ({ ...shown, passphrase: '', again: '' }));
      if (made === undefined) return onClose();
      setCode(new TextDecoder().decode(made));
      made.fill(0);
    },
  };
}

interface CompartmentFieldsProperties {
  readonly form: CompartmentForm;
  readonly setForm: (form: CompartmentForm) => void;
  readonly problems: ReturnType<typeof checkCompartment>;
  readonly surroundings: ProtectorSurroundings;
  readonly tried: boolean;
  /** Asks for its name; of a vault's first one nobody needs it. */
  readonly named: boolean;
}

function CompartmentFields({
  form,
  setForm,
  problems,
  surroundings,
  tried,
  named,
}: CompartmentFieldsProperties) {
  const { say } = useWords();
  const shown = { form, problems: tried ? problems : {}, surroundings, onForm: setForm };
  return (
    <>
      {named && (
        <TextField
          label={say('keys.compartment-name')}
          value={form.name}
          problem={tried && problems.name !== undefined ? say('keys.problem.name') : undefined}
          autoFocus
          onText={(name) => setForm({ ...form, name })}
        />
      )}
      <Switch
        label={say('keys.only-card')}
        hint={say('keys.only-card-hint')}
        checked={form.kind === 'card'}
        onSwitch={(on) => setForm(withKind(form, on ? 'card' : 'ordinary'))}
      />
      <ProtectorChoice {...shown} />
      {form.types.length > 1 && (
        <Choice
          label={say('keys.rule')}
          value={form.rule}
          choices={(['any', 'all'] as const).map((value) => ({
            value,
            label: say(`keys.rule-choice-${value}`),
            hint: say(`keys.rule-choice-${value}-hint`),
          }))}
          onChoice={(rule) => setForm({ ...form, rule })}
        />
      )}
      <ProtectorDetails {...shown} />
    </>
  );
}
