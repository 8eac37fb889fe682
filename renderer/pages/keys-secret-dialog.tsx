// Puts something into an open compartment, or into the service's files: typed, or from a file.
import { useState } from 'react';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Field, TextField } from '../components/field.tsx';
import { FileField } from '../components/file-field.tsx';
import { isSecretName, isTyped, kindsFor, type SecretKind } from '../logic/secret-form.ts';
import { openPlaces } from '../logic/vault-view.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';

interface AddSecretProperties {
  readonly vaults: readonly VaultSummary[];
  readonly onClose: () => void;
}

const mostBytes = 1024 * 1024;

export function AddSecretDialog({ vaults, onClose }: AddSecretProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const places = openPlaces(vaults);
  const [chosen, choose] = useState(places.length === 0 ? -1 : 0);
  const [name, setName] = useState('');
  const [kind, setKind] = useState<SecretKind>('psk');
  const [text, setText] = useState('');
  const [file, setFile] = useState<File>();
  const [tried, setTried] = useState(false);
  const place = places[chosen];
  const kinds = kindsFor(place !== undefined);
  const typed = isTyped(kind);
  const nameProblem = isSecretName(name) ? undefined : say('keys.problem.secret-name');
  const valueProblem = typed
    ? text === ''
      ? say('keys.problem.secret-needed')
      : undefined
    : file === undefined
      ? say('keys.problem.file-needed')
      : file.size > mostBytes
        ? say('keys.problem.file-too-large')
        : undefined;
  const add = async () => {
    setTried(true);
    if (nameProblem !== undefined || valueProblem !== undefined) return;
    const secret = typed
      ? new TextEncoder().encode(text)
      : new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer(0));
    const done = say('keys.secret.added', { name });
    const stored =
      place === undefined
        ? kind !== 'password' && kind !== 'profile' && kind !== 'filter'
          ? await run('add', 'secrets.put', { name, kind, secret }, done)
          : undefined
        : await run('add', 'keys.add', { name, kind, ...place, secret }, done);
    secret.fill(0);
    if (stored === undefined) return;
    setText('');
    onClose();
  };
  return (
    <Dialog
      title={say('keys.secret.add')}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void add()}>
          {say('keys.secret.store')}
        </Button>
      }
    >
      <div className="form">
        <Field
          label={say('keys.secret.where')}
          hint={places.length === 0 && vaults.length > 0 ? say('keys.secret.open-first') : undefined}
        >
          {(properties) => (
            <select
              {...properties}
              value={chosen}
              onChange={(event) => {
                const index = Number(event.target.value);
                choose(index);
                if (!kindsFor(index >= 0).includes(kind)) setKind('psk');
              }}
            >
              {places.map((each, index) => (
                <option key={`${each.vault}/${each.compartment}`} value={index}>
                  {say('keys.secret.place', { ...each })}
                </option>
              ))}
              <option value={-1}>{say('keys.secret.files')}</option>
            </select>
          )}
        </Field>
        <Field label={say('keys.secret.kind')}>
          {(properties) => (
            <select
              {...properties}
              value={kind}
              onChange={(event) => {
                setKind(kinds.find((each) => each === event.target.value) ?? 'psk');
                setFile(undefined);
                setText('');
              }}
            >
              {kinds.map((each) => (
                <option key={each} value={each}>
                  {say(`keys.kind.${each}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <TextField
          label={say('keys.secret.name')}
          hint={say('keys.secret.name-hint')}
          value={name}
          problem={tried ? nameProblem : undefined}
          onText={setName}
        />
        {typed ? (
          <TextField
            label={say(`keys.kind.${kind}`)}
            type="password"
            value={text}
            maxLength={1024}
            problem={tried ? valueProblem : undefined}
            onText={setText}
          />
        ) : (
          <FileField
            label={say(`keys.secret.file-${kind === 'profile' || kind === 'filter' ? 'toml' : 'pem'}`)}
            accepted={kind === 'profile' || kind === 'filter' ? '.toml' : '.pem,.crt,.cer,.der,.key'}
            file={file}
            problem={tried ? valueProblem : undefined}
            onFile={setFile}
          />
        )}
        <p className="hint">{say('keys.secret.never-shown')}</p>
      </div>
    </Dialog>
  );
}
