// A profile that is there, by the form or, where that cannot show it or a person wants it so, as text.
import { useEffect, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { useToasts } from '../components/toast.tsx';
import { checkEdit, editOf, hasComments, type ProfileEdit, textOf } from '../logic/profile-edit.ts';
import { useInvoke } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ProfileEditor } from './profile-editor.tsx';
import { TrafficFields } from './traffic-fields.tsx';

interface EditProperties {
  readonly profile: string;
  readonly onClose: () => void;
}

export function ProfileEditDialog({ profile, onClose }: EditProperties) {
  const invoke = useInvoke();
  const [text, setText] = useState<string>();
  const [asText, setAsText] = useState(false);
  useEffect(() => {
    void invoke('profiles.show', { profile }).then((shown) => {
      if (shown.ok) setText(shown.value.text);
      else setAsText(true);
    });
  }, [invoke, profile]);
  const edit = text === undefined ? undefined : editOf(text);
  if (asText || (text !== undefined && edit === undefined)) {
    return <ProfileEditor profile={profile} onClose={onClose} />;
  }
  if (text === undefined || edit === undefined) return null;
  return (
    <EditForm profile={profile} text={text} began={edit} onText={() => setAsText(true)} onClose={onClose} />
  );
}

interface FormProperties extends EditProperties {
  readonly text: string;
  readonly began: ProfileEdit;
  readonly onText: () => void;
}

function EditForm({ profile, text, began, onText, onClose }: FormProperties) {
  const { say } = useWords();
  const invoke = useInvoke();
  const toasts = useToasts();
  const [form, setForm] = useState(began);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ControlFailure>();
  const problems = checkEdit(form);
  const problemAt = (field: keyof typeof problems): string | undefined => {
    const key = tried ? problems[field] : undefined;
    return key === undefined ? undefined : say(`profiles.problem.${key}`);
  };
  const change = (part: Partial<ProfileEdit>) => {
    setForm({ ...form, ...part });
    setFailure(undefined);
  };
  const save = async () => {
    setTried(true);
    if (Object.keys(problems).length > 0) return;
    setBusy(true);
    const saved = await invoke('profiles.save', { profile, text: textOf(text, form), replace: true });
    setBusy(false);
    if (!saved.ok) return setFailure(saved.failure);
    toasts.done(say('profiles.saved', { name: profile }));
    onClose();
  };
  return (
    <Dialog
      title={say('editor.title', { name: profile })}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onText}>{say('profiles.edit-text')}</Button>
          <Button kind="primary" busy={busy} onClick={() => void save()}>
            {say('action.save')}
          </Button>
        </>
      }
    >
      <div className="form">
        <TextField
          label={say('profiles.field.gateway')}
          hint={say('profiles.field.gateway-hint')}
          value={form.gateway}
          problem={problemAt('gateway')}
          onText={(gateway) => change({ gateway })}
        />
        <TextField
          label={say('profiles.field.identity')}
          hint={say('profiles.field.identity-hint')}
          value={form.identity}
          onText={(identity) => change({ identity })}
        />
        <TrafficFields form={form} problemAt={problemAt} onChange={change} />
        {hasComments(text) && <p className="hint">{say('profiles.comments-go')}</p>}
        {failure !== undefined && <FailureNotice failure={failure} />}
      </div>
    </Dialog>
  );
}
