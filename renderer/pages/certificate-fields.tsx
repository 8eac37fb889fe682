// Certificate, key and authority for a new profile: those that are stored already, or files.
import type { ControlFailure } from '../../main/control/failure.ts';
import type { CommandName, CommandParameters, CommandResult, Outcome } from '../../main/tray/ipc.ts';
import { Field } from '../components/field.tsx';
import { FileField } from '../components/file-field.tsx';
import type { ProfileForm } from '../logic/profile-form.ts';
import { useLook } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

export interface CertificateFiles {
  readonly certificate?: File | undefined;
  readonly privateKey?: File | undefined;
  readonly authority?: File | undefined;
}

interface CertificateFieldsProperties {
  readonly form: ProfileForm;
  readonly files: CertificateFiles;
  readonly problemAt: (field: 'certificate' | 'authority') => string | undefined;
  readonly onChange: (part: Partial<ProfileForm>) => void;
  readonly onFiles: (files: CertificateFiles) => void;
}

const accepted = '.pem,.crt,.cer,.der,.key';

export function CertificateFields({
  form,
  files,
  problemAt,
  onChange,
  onFiles,
}: CertificateFieldsProperties) {
  const { say } = useWords();
  const stored = useStored();
  const fromFile = files.certificate !== undefined;
  return (
    <>
      <Field label={say('certificate.own')} problem={problemAt('certificate')}>
        {(properties) => (
          <select
            {...properties}
            value={fromFile ? '' : form.certificate}
            onChange={(event) => {
              onFiles({ ...files, certificate: undefined, privateKey: undefined });
              onChange({ certificate: event.target.value });
            }}
          >
            <option value="">{say('certificate.choose')}</option>
            {stored('certificate').map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <div className="form-row">
        <FileField
          accepted={accepted}
          label={say('certificate.file')}
          file={files.certificate}
          onFile={(certificate) => {
            onFiles({ ...files, certificate });
            if (certificate !== undefined) onChange({ certificate: form.name || 'certificate' });
          }}
        />
        <FileField
          accepted={accepted}
          label={say('certificate.key-file')}
          file={files.privateKey}
          onFile={(privateKey) => onFiles({ ...files, privateKey })}
        />
      </div>
      <AuthorityFields
        form={form}
        files={files}
        problemAt={problemAt}
        onChange={onChange}
        onFiles={onFiles}
      />
    </>
  );
}

/** Who may vouch for the gateway. */
export function AuthorityFields({ form, files, problemAt, onChange, onFiles }: CertificateFieldsProperties) {
  const { say } = useWords();
  const stored = useStored();
  return (
    <>
      <Field
        label={say('certificate.authority')}
        hint={say('certificate.authority-hint')}
        problem={problemAt('authority')}
      >
        {(properties) => (
          <select
            {...properties}
            value={files.authority === undefined ? form.authority : ''}
            onChange={(event) => {
              onFiles({ ...files, authority: undefined });
              onChange({ authority: event.target.value });
            }}
          >
            <option value="">{say('certificate.choose')}</option>
            <option value="system">{say('certificate.system')}</option>
            {stored('authority').map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <FileField
        accepted={accepted}
        label={say('certificate.authority-file')}
        file={files.authority}
        onFile={(authority) => {
          onFiles({ ...files, authority });
          if (authority !== undefined) onChange({ authority: `${form.name || 'gateway'} authority` });
        }}
      />
    </>
  );
}

/** The names of what is stored, by kind. */
function useStored(): (kind: string) => readonly string[] {
  const { value } = useLook('secrets.list', {}, 0);
  return (kind) => (value?.secrets ?? []).filter((each) => each.kind === kind).map(({ name }) => name);
}

type Invoke = <Name extends CommandName>(
  name: Name,
  parameters: CommandParameters<Name>,
) => Promise<Outcome<CommandResult<Name>>>;

/** Stores the files that were chosen, under the names that the form gives. The first failure, if any. */
export async function storeCertificates(
  invoke: Invoke,
  form: ProfileForm,
  files: CertificateFiles,
): Promise<ControlFailure | undefined> {
  const wanted = [
    { kind: 'certificate', name: form.certificate, file: files.certificate },
    { kind: 'private-key', name: form.certificate, file: files.privateKey },
    { kind: 'authority', name: form.authority, file: files.authority },
  ] as const;
  for (const { kind, name, file } of wanted) {
    if (file === undefined) continue;
    const secret = new Uint8Array(await file.arrayBuffer());
    const stored = await invoke('secrets.put', { name, kind, secret });
    secret.fill(0);
    if (!stored.ok) return stored.failure;
  }
  return undefined;
}
