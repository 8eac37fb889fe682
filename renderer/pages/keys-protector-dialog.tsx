// A further protector for an open compartment, or one in place of another: what is in it need not be entered again.
import { useState } from 'react';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice } from '../components/field.tsx';
import {
  type CompartmentForm,
  checkCompartment,
  emptyCompartment,
  notOffered,
  offeredProtectors,
  type ProtectorType,
} from '../logic/compartment-form.ts';
import type { Compartment } from '../logic/vault-view.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import {
  chosenProtectors,
  ProtectorDetails,
  passphraseBytes,
  useProtectorSurroundings,
} from './keys-protector-fields.tsx';
import { RecoveryCodeDialog } from './keys-recovery-code.tsx';

interface ProtectorDialogProperties {
  readonly of: { readonly vault: string; readonly compartment: string };
  readonly kind: Compartment['kind'];
  readonly replaces?: Compartment['protectors'][number];
  readonly onClose: () => void;
}

export function ProtectorDialog({ of, kind, replaces, onClose }: ProtectorDialogProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const surroundings = useProtectorSurroundings();
  const [form, setForm] = useState<CompartmentForm>({
    ...emptyCompartment,
    kind: 'ordinary',
    types: [replaces?.type ?? 'passphrase'],
  });
  const [tried, setTried] = useState(false);
  const [code, setCode] = useState<string>();
  const type = form.types[0]!;
  const reasonAgainst = (each: ProtectorType) =>
    notOffered(each, { kind }, surroundings.administrator, surroundings.cards);
  const problems = checkCompartment(form, surroundings.cards);
  const offered = offeredProtectors.filter((each) => reasonAgainst(each) === undefined || each === type);
  const refused = offeredProtectors.filter((each) => reasonAgainst(each) !== undefined);

  const add = async () => {
    setTried(true);
    if (Object.keys(problems).length > 0 || reasonAgainst(type) !== undefined) return;
    const [protector] = chosenProtectors(form, surroundings);
    const passphrase = passphraseBytes(form);
    const result = await run(
      'add',
      'keys.add-protector',
      { ...of, protector: protector!, ...(replaces && { replaces: replaces.id }), ...passphrase },
      say('keys.protector-added', { name: of.compartment }),
    );
    passphrase.passphrase?.fill(0);
    if (result === undefined) return;
    if (result.recoveryCode === undefined) return onClose();
    setCode(new TextDecoder().decode(result.recoveryCode));
    result.recoveryCode.fill(0);
  };
  if (code !== undefined) return <RecoveryCodeDialog code={code} onDone={onClose} />;
  return (
    <Dialog
      title={
        replaces === undefined
          ? say('keys.add-protector')
          : say('keys.replace-named', { name: say(`keys.protector.${replaces.type}`) })
      }
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void add()}>
          {say(replaces === undefined ? 'keys.add' : 'keys.replace')}
        </Button>
      }
    >
      {replaces !== undefined && <p>{say('keys.replace-text')}</p>}
      <Choice
        label={say('keys.opened-by-too')}
        value={type}
        choices={offered.map((value) => ({
          value,
          label: say(`keys.protector.${value}`),
          hint: say(`keys.protector-hint.${value}`),
        }))}
        onChoice={(chosen) => setForm({ ...form, types: [chosen] })}
      />
      <ul className="plain-list hint">
        {refused.map((each) => (
          <li key={each}>
            {say(`keys.protector.${each}`)}: {say(`keys.not-offered.${reasonAgainst(each) ?? ''}`)}
          </li>
        ))}
      </ul>
      <ProtectorDetails
        form={form}
        problems={tried ? problems : {}}
        surroundings={surroundings}
        onForm={setForm}
      />
    </Dialog>
  );
}
