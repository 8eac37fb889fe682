// A file becomes a profile: asks for a passphrase or whether to replace only where it must, and tells what came of it.
import { useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import type { CommandResult } from '../../main/tray/ipc.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Switch, TextField } from '../components/field.tsx';
import { FailureNotice, Notice } from '../components/notice.tsx';
import { useInvoke } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

interface ImportProperties {
  readonly fileName: string;
  readonly text: string;
  readonly onClose: () => void;
}

export function ProfileImport({ fileName, text, onClose }: ImportProperties) {
  const { say } = useWords();
  const invoke = useInvoke();
  const [passphrase, setPassphrase] = useState('');
  const [failure, setFailure] = useState<ControlFailure>();
  const [result, setResult] = useState<CommandResult<'profiles.import'>>();
  const [busy, setBusy] = useState(false);
  const asksPassphrase = failure?.code === 'passphrase-needed' || failure?.code === 'passphrase-wrong';
  const asksReplace = failure?.code === 'profile-exists';
  const [choices, setChoices] = useState<readonly string[]>([]);
  const [chosen, setChosen] = useState<readonly string[]>([]);

  const start = async () => {
    setBusy(true);
    const bytes = passphrase === '' ? undefined : new TextEncoder().encode(passphrase);
    const answer = await invoke('profiles.import', {
      fileName,
      text,
      replace: asksReplace,
      ...(choices.length > 0 && { connections: [...chosen] }),
      ...(bytes !== undefined && { passphrase: bytes }),
    });
    bytes?.fill(0);
    setBusy(false);
    if (!answer.ok && answer.failure.code === 'import-choice') {
      setChoices(answer.failure.connections);
      setChosen(answer.failure.connections);
      return setFailure(undefined);
    }
    if (!answer.ok) return setFailure(answer.failure);
    setPassphrase('');
    setFailure(undefined);
    setResult(answer.value);
  };

  if (result !== undefined) return <ImportResult result={result} onClose={onClose} />;
  return (
    <Dialog
      title={say('import.title')}
      onClose={onClose}
      actions={
        <Button
          kind="primary"
          busy={busy}
          disabled={(asksPassphrase && passphrase === '') || (choices.length > 0 && chosen.length === 0)}
          onClick={() => void start()}
        >
          {say(asksReplace ? 'import.replace' : 'import.start')}
        </Button>
      }
    >
      <p>{say('import.file', { file: fileName })}</p>
      {choices.length > 0 && (
        <fieldset className="choice">
          <legend>{say('import.choose')}</legend>
          {choices.map((name) => (
            <Switch
              key={name}
              label={name}
              checked={chosen.includes(name)}
              onSwitch={(checked) =>
                setChosen(choices.filter((each) => (each === name ? checked : chosen.includes(each))))
              }
            />
          ))}
        </fieldset>
      )}
      {asksPassphrase && (
        <TextField
          label={say('import.passphrase')}
          type="password"
          value={passphrase}
          problem={failure.code === 'passphrase-wrong' ? say('import.passphrase-wrong') : undefined}
          onText={setPassphrase}
        />
      )}
      {failure !== undefined && !asksPassphrase && <FailureNotice failure={failure} />}
    </Dialog>
  );
}

interface ResultProperties {
  readonly result: CommandResult<'profiles.import'>;
  readonly onClose: () => void;
}

function ImportResult({ result, onClose }: ResultProperties) {
  const { say, message } = useWords();
  return (
    <Dialog title={say('import.title')} onClose={onClose} closeLabel={say('action.close')}>
      <Notice
        tone="good"
        role="status"
        title={say('import.done', { profiles: result.profiles.join(', ') })}
        text={
          result.secrets.length === 0
            ? undefined
            : say('import.secrets', { secrets: result.secrets.join(', ') })
        }
      />
      {result.remarks.length > 0 && (
        <>
          <h3>{say('import.remarks')}</h3>
          <ul className="list">
            {result.remarks.map((remark) => (
              <li key={message(remark)}>{message(remark)}</li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}
