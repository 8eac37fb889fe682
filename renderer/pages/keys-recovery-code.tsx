// Recovery codes: shown once when they are made, typed when nothing else opens a compartment any more.
import { useRef, useState } from 'react';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Switch, TextField } from '../components/field.tsx';
import { useToasts } from '../components/toast.tsx';
import { useActions } from '../state/actions.ts';
import { copyText } from '../state/clipboard.ts';
import { useWords } from '../state/words.ts';

interface CodeProperties {
  /** "0000Y-…", as it came. */
  readonly code: string;
  readonly onDone: () => void;
}

/** It goes only when the person says that it is written down; Escape does not close it. */
export function RecoveryCodeDialog({ code, onDone }: CodeProperties) {
  const { say } = useWords();
  const toasts = useToasts();
  const place = useRef<HTMLDivElement>(null);
  const [written, setWritten] = useState(false);
  const copy = () => {
    if (place.current !== null && copyText(code, place.current)) toasts.done(say('keys.code.copied'));
  };
  return (
    <Dialog
      title={say('keys.code.title')}
      onClose={() => undefined}
      closes={false}
      actions={
        <>
          <Button onClick={() => window.print()}>{say('keys.code.print')}</Button>
          <Button onClick={copy}>{say('keys.code.copy')}</Button>
          <Button kind="primary" disabled={!written} onClick={onDone}>
            {say('keys.code.done')}
          </Button>
        </>
      }
    >
      <p>{say('keys.code.text')}</p>
      <div ref={place}>
        <code className="recovery-code">
          {code.split('-').map((group, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: groups may be alike, and never move
            <span key={index}>{group}</span>
          ))}
        </code>
      </div>
      <Switch
        label={say('keys.code.written')}
        hint={say('keys.code.written-hint')}
        checked={written}
        onSwitch={setWritten}
      />
    </Dialog>
  );
}

interface OpenByCodeProperties {
  readonly of: { readonly vault: string; readonly compartment: string };
  readonly onClose: () => void;
}

export function OpenByCodeDialog({ of, onClose }: OpenByCodeProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const open = async () => {
    const recoveryCode = new TextEncoder().encode(text);
    const result = await run('open', 'vault.open', { ...of, recoveryCode });
    recoveryCode.fill(0);
    if (result === undefined) return;
    if (result.codeProblem === undefined) return onClose();
    const { problem: what, group = 0 } = result.codeProblem;
    setProblem(say(`keys.code.problem.${what}`, { group }));
  };
  return (
    <Dialog
      title={say('keys.open-by-code')}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} disabled={text === ''} onClick={() => void open()}>
          {say('keys.open')}
        </Button>
      }
    >
      <TextField
        label={say('keys.code.field')}
        hint={say('keys.code.hint')}
        placeholder="XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX"
        className="fixed"
        value={text}
        problem={problem}
        autoFocus
        onText={(changed) => {
          setText(changed);
          setProblem(undefined);
        }}
      />
    </Dialog>
  );
}
