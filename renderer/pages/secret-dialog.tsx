// Asks for a secret and hands it to the service. The window keeps nothing of it.
import { type FormEvent, useId, useState } from 'react';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { TextField } from '../components/field.tsx';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';

interface SecretDialogProperties {
  readonly profile: string;
  /** The name under which the profile looks for it. */
  readonly suggested: string;
  readonly onClose: () => void;
}

export function SecretDialog({ profile, suggested, onClose }: SecretDialogProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [name, setName] = useState(suggested);
  const [text, setText] = useState('');
  const form = useId();
  const ready = name !== '' && text !== '';
  const store = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready || busy !== undefined) return;
    const secret = new TextEncoder().encode(text);
    const stored = await run(
      'store',
      'secrets.put',
      { name, kind: 'psk', secret },
      say('secret.stored', { name }),
    );
    secret.fill(0);
    if (stored === undefined) return;
    setText('');
    await run('retry', 'connection.retry', { profile });
    onClose();
  };
  return (
    <Dialog
      title={say('secret.title')}
      onClose={onClose}
      actions={
        <Button kind="primary" type="submit" form={form} busy={busy !== undefined} disabled={!ready}>
          {say('secret.store')}
        </Button>
      }
    >
      <form id={form} className="form" onSubmit={(event) => void store(event)}>
        <TextField label={say('secret.name')} hint={say('secret.name-hint')} value={name} onText={setName} />
        <TextField
          label={say('secret.text')}
          type="password"
          value={text}
          data-first={suggested === '' ? undefined : true}
          onText={setText}
        />
      </form>
    </Dialog>
  );
}
