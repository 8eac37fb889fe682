// Sets a card up: makes or takes a key, with a certificate of its own or a request for an authority; later the
// authority's certificate. What is on the card is replaced only where the person says so.
import { useState } from 'react';
import type { CardStatus } from '../../main/control/card-values.ts';
import type { CommandResult } from '../../main/tray/ipc.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice, Field, Switch, TextField } from '../components/field.tsx';
import { FileField } from '../components/file-field.tsx';
import { Notice } from '../components/notice.tsx';
import { type CardKey, cardAlgorithms, keyInSlot, looksLikeSubject, namesOf } from '../logic/card-view.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import { ManagementKeyFields, useManagementKey } from './keys-management-key.tsx';

interface CardDialogProperties {
  readonly card: CardStatus;
  readonly onClose: () => void;
}

const slots = ['9a', '9c', '9d'] as const;
type Slot = (typeof slots)[number];
const daysOfCertificate = 1095;

export function CardSetupDialog({ card, onClose }: CardDialogProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const managementKey = useManagementKey();
  const [slot, setSlot] = useState<Slot>('9a');
  const [algorithm, setAlgorithm] = useState<CardKey['algorithm']>('ecc-p256');
  const [subject, setSubject] = useState('');
  const [names, setNames] = useState('');
  const [kind, setKind] = useState<'self-signed' | 'request'>('request');
  const [replace, setReplace] = useState(false);
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<CommandResult<'card.setup'>>();
  const present = keyInSlot(card, slot);
  const subjectProblem = looksLikeSubject(subject) ? undefined : say('keys.problem.subject');
  const setUp = async () => {
    setTried(true);
    const key = managementKey.bytes();
    if (key === undefined || subjectProblem !== undefined) return;
    const result = await run('setup', 'card.setup', {
      card: card.id,
      slot,
      algorithm,
      subject: subject.trim(),
      names: [...namesOf(names)].slice(0, 8),
      kind,
      days: daysOfCertificate,
      replace,
      managementKey: key,
    });
    key.fill(0);
    if (result !== undefined) setMade(result);
  };
  if (made !== undefined) return <SetUpDone kind={kind} made={made} slot={slot} onClose={onClose} />;
  return (
    <Dialog
      title={say('keys.card.setup-title', { name: card.label })}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void setUp()}>
          {say('keys.card.setup-action')}
        </Button>
      }
    >
      <div className="form">
        <SlotChoice slot={slot} onSlot={setSlot} />
        {present === undefined ? (
          <Field label={say('keys.card.new-key')}>
            {(properties) => (
              <select
                {...properties}
                value={algorithm}
                onChange={(event) =>
                  setAlgorithm(cardAlgorithms.find((each) => each === event.target.value) ?? 'ecc-p256')
                }
              >
                {cardAlgorithms.map((each) => (
                  <option key={each} value={each}>
                    {say(`keys.card.algorithm-${each}`)}
                  </option>
                ))}
              </select>
            )}
          </Field>
        ) : (
          <InUse slot={slot} subject={present.subject} replace={replace} onReplace={setReplace} />
        )}
        <TextField
          label={say('keys.card.whose')}
          placeholder="CN=alice, O=Example"
          value={subject}
          problem={tried ? subjectProblem : undefined}
          onText={setSubject}
        />
        <TextField
          label={say('keys.card.names')}
          hint={say('keys.card.names-hint')}
          placeholder="alice@example.org"
          value={names}
          onText={setNames}
        />
        <Choice
          label={say('keys.card.certificate')}
          value={kind}
          choices={(['request', 'self-signed'] as const).map((value) => ({
            value,
            label: say(`keys.card.${value}`),
            hint: say(`keys.card.${value}-hint`),
          }))}
          onChoice={setKind}
        />
        <ManagementKeyFields managementKey={managementKey} tried={tried} />
        <p className="hint">{say('keys.card.asks-pin')}</p>
      </div>
    </Dialog>
  );
}

interface SetUpDoneProperties {
  readonly kind: 'self-signed' | 'request';
  readonly made: CommandResult<'card.setup'>;
  readonly slot: Slot;
  readonly onClose: () => void;
}

function SetUpDone({ kind, made, slot, onClose }: SetUpDoneProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [saved, setSaved] = useState(false);
  const save = async () => {
    const suggestedName = kind === 'request' ? `request-${slot}.csr` : `certificate-${slot}.pem`;
    const answer = await run('save', 'file.save', { suggestedName, text: made.pem });
    if (answer?.saved === true) setSaved(true);
  };
  return (
    <Dialog
      title={say('keys.card.done-title')}
      onClose={onClose}
      closeLabel={say('action.close')}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void save()}>
          {say(`keys.card.save-${kind}`)}
        </Button>
      }
    >
      <p>
        {say(made.made ? 'keys.card.made' : 'keys.card.taken', {
          slot: slot.toUpperCase(),
          algorithm: say(`keys.card.algorithm-${made.algorithm}`),
        })}
      </p>
      <p>{say(`keys.card.next-${kind}`)}</p>
      {saved && <Notice tone="good" title={say('keys.card.file-saved')} role="status" />}
    </Dialog>
  );
}

/** What the authority made of the request. */
export function CardCertificateDialog({ card, onClose }: CardDialogProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const managementKey = useManagementKey();
  const [slot, setSlot] = useState<Slot>('9a');
  const [file, setFile] = useState<File>();
  const [replace, setReplace] = useState(false);
  const [tried, setTried] = useState(false);
  const present = keyInSlot(card, slot);
  const put = async () => {
    setTried(true);
    const key = managementKey.bytes();
    if (file === undefined || key === undefined) return;
    const certificate = new Uint8Array(await file.arrayBuffer());
    const parameters = { card: card.id, slot, replace, certificate, managementKey: key };
    const done = say('keys.card.certificate-put');
    const result = await run('put', 'card.put-certificate', parameters, done);
    key.fill(0);
    if (result !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.card.put-certificate')}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void put()}>
          {say('keys.card.write')}
        </Button>
      }
    >
      <div className="form">
        <SlotChoice slot={slot} onSlot={setSlot} />
        <FileField
          label={say('keys.card.certificate-file')}
          accepted=".pem,.crt,.cer,.der"
          file={file}
          problem={tried && file === undefined ? say('keys.problem.file-needed') : undefined}
          onFile={setFile}
        />
        {present !== undefined && (
          <InUse slot={slot} subject={present.subject} replace={replace} onReplace={setReplace} />
        )}
        <ManagementKeyFields managementKey={managementKey} tried={tried} />
      </div>
    </Dialog>
  );
}

function SlotChoice({ slot, onSlot }: { readonly slot: Slot; readonly onSlot: (slot: Slot) => void }) {
  const { say } = useWords();
  return (
    <Choice
      label={say('keys.card.slot')}
      value={slot}
      choices={slots.map((value) => ({ value, label: say(`keys.card.slot-${value}`) }))}
      onChoice={onSlot}
    />
  );
}

interface InUseProperties {
  readonly slot: Slot;
  readonly subject: string;
  readonly replace: boolean;
  readonly onReplace: (replace: boolean) => void;
}

function InUse({ slot, subject, replace, onReplace }: InUseProperties) {
  const { say } = useWords();
  return (
    <>
      <Notice tone="warning" title={say('keys.card.in-use', { slot: slot.toUpperCase(), subject })} />
      <Switch
        label={say('keys.card.replace')}
        hint={say('keys.card.replace-hint')}
        checked={replace}
        onSwitch={onReplace}
      />
    </>
  );
}
