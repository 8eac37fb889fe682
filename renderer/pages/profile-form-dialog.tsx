// A new profile by a form that asks what people know: gateway, secret or certificate, and what goes through the tunnel.
import { type FormEvent, useId, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice, TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { useToasts } from '../components/toast.tsx';
import {
  checkProfile,
  emptyProfileForm,
  type ProfileForm,
  secretNameOf,
  suggestedName,
  tomlOf,
} from '../logic/profile-form.ts';
import { useInvoke } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { CardFields } from './card-fields.tsx';
import {
  AuthorityFields,
  CertificateFields,
  type CertificateFiles,
  storeCertificates,
} from './certificate-fields.tsx';
import { TrafficFields } from './traffic-fields.tsx';

interface FormProperties {
  readonly taken: readonly string[];
  readonly onClose: () => void;
  /** It is stored under this name. */
  readonly onDone: (name: string) => void;
}

export function ProfileFormDialog({ taken, onClose, onDone }: FormProperties) {
  const { say } = useWords();
  const invoke = useInvoke();
  const toasts = useToasts();
  const [form, setForm] = useState<ProfileForm>(emptyProfileForm);
  const [named, setNamed] = useState(false);
  const [secret, setSecret] = useState('');
  const [files, setFiles] = useState<CertificateFiles>({});
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const id = useId();
  const [failure, setFailure] = useState<ControlFailure>();

  const complete: ProfileForm = {
    ...form,
    name: named ? form.name : form.gateway.trim() === '' ? '' : suggestedName(form.gateway, taken),
  };
  const problems = checkProfile(complete, secret !== '', taken);
  const problemAt = (field: keyof typeof problems): string | undefined => {
    const key = tried ? problems[field] : undefined;
    return key === undefined ? undefined : say(`profiles.problem.${key}`);
  };
  const change = (part: Partial<ProfileForm>) => {
    setForm({ ...form, ...part });
    setFailure(undefined);
  };

  const storeSecrets = async (): Promise<ControlFailure | undefined> => {
    if (complete.method !== 'psk') {
      const failed = await storeCertificates(
        invoke,
        complete,
        complete.method === 'certificate' ? files : { authority: files.authority },
      );
      if (failed !== undefined || complete.method !== 'eap' || secret === '') return failed;
    }
    const bytes = new TextEncoder().encode(secret);
    const name = secretNameOf(complete);
    const stored = await invoke('secrets.put', { name, kind: 'psk', secret: bytes });
    bytes.fill(0);
    return stored.ok ? undefined : stored.failure;
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setTried(true);
    if (Object.keys(problems).length > 0) return;
    setBusy(true);
    // The profile first: a name that is taken must not cost somebody else's secret.
    const { name } = complete;
    const saved = await invoke('profiles.save', { profile: name, text: tomlOf(complete), replace: false });
    const failed = saved.ok ? await storeSecrets() : saved.failure;
    setBusy(false);
    if (failed !== undefined) {
      if (saved.ok) await invoke('profiles.remove', { profile: name });
      return setFailure(failed);
    }
    setSecret('');
    toasts.done(say('profiles.created', { name }));
    onDone(name);
  };

  return (
    <Dialog
      title={say('profiles.create')}
      onClose={onClose}
      actions={
        <Button kind="primary" type="submit" form={id} busy={busy}>
          {say('profiles.create')}
        </Button>
      }
    >
      <form id={id} className="form" noValidate onSubmit={(event) => void save(event)}>
        <TextField
          label={say('profiles.field.gateway')}
          hint={say('profiles.field.gateway-hint')}
          placeholder="vpn.example.org"
          value={form.gateway}
          problem={problemAt('gateway')}
          onText={(gateway) => change({ gateway })}
        />
        <TextField
          label={say('profiles.field.name')}
          hint={say('profiles.field.name-hint')}
          value={complete.name}
          problem={problemAt('name')}
          onText={(name) => {
            setNamed(name !== '');
            change({ name });
          }}
        />
        <Choice
          label={say('profiles.field.method')}
          value={form.method}
          choices={[
            { value: 'psk', label: say('profiles.method.psk') },
            { value: 'certificate', label: say('profiles.method.certificate') },
            { value: 'eap', label: say('profiles.method.eap') },
            { value: 'card', label: say('profiles.method.card') },
          ]}
          onChoice={(method) => change({ method })}
        />
        {form.method === 'psk' && (
          <>
            <TextField
              label={say('secret.text')}
              type="password"
              value={secret}
              problem={problemAt('secret')}
              onText={setSecret}
            />
            <TextField
              label={say('profiles.field.identity')}
              hint={say('profiles.field.identity-hint')}
              placeholder="alice@example.org"
              value={form.identity}
              onText={(identity) => change({ identity })}
            />
          </>
        )}
        {form.method === 'eap' && (
          <>
            <TextField
              label={say('profiles.field.user')}
              placeholder="alice"
              value={form.identity}
              problem={problemAt('identity')}
              onText={(identity) => change({ identity })}
            />
            <TextField
              label={say('profiles.field.password')}
              hint={say('profiles.field.password-hint')}
              type="password"
              value={secret}
              onText={setSecret}
            />
            <AuthorityFields
              form={complete}
              files={files}
              problemAt={problemAt}
              onChange={change}
              onFiles={setFiles}
            />
          </>
        )}
        {form.method === 'card' && (
          <>
            <CardFields form={form} onChange={change} />
            <AuthorityFields
              form={complete}
              files={files}
              problemAt={problemAt}
              onChange={change}
              onFiles={setFiles}
            />
          </>
        )}
        {form.method === 'certificate' && (
          <CertificateFields
            form={complete}
            files={files}
            problemAt={problemAt}
            onChange={change}
            onFiles={setFiles}
          />
        )}
        <TrafficFields form={form} problemAt={problemAt} onChange={change} />
        {failure !== undefined && <FailureNotice failure={failure} />}
      </form>
    </Dialog>
  );
}
