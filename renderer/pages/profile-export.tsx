// A profile as text to take away. No secret stands in it: it only names them.
import { useRef } from 'react';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { useToasts } from '../components/toast.tsx';
import { useActions } from '../state/actions.ts';
import { copyText } from '../state/clipboard.ts';
import { useWords } from '../state/words.ts';

interface ExportProperties {
  readonly name: string;
  readonly text: string;
  readonly onClose: () => void;
}

export function ProfileExport({ name, text, onClose }: ExportProperties) {
  const { say } = useWords();
  const toasts = useToasts();
  const place = useRef<HTMLDivElement>(null);
  const { busy, run } = useActions();
  const save = async () => {
    const answer = await run('save', 'file.save', { suggestedName: `${name}.toml`, text });
    if (answer?.saved !== true) return;
    toasts.done(say('export.saved', { name }));
    onClose();
  };
  const copy = () => {
    if (place.current === null || !copyText(text, place.current)) return;
    toasts.done(say('export.copied', { name }));
    onClose();
  };
  return (
    <Dialog
      wide
      title={say('editor.title', { name })}
      onClose={onClose}
      closeLabel={say('action.close')}
      actions={
        <>
          <Button onClick={copy}>{say('export.copy')}</Button>
          <Button kind="primary" busy={busy !== undefined} onClick={() => void save()}>
            {say('export.save')}
          </Button>
        </>
      }
    >
      <p className="hint">{say('export.text')}</p>
      <div className="editor" ref={place}>
        <span />
        <textarea
          readOnly
          aria-label={say('editor.title', { name })}
          rows={text.split('\n').length}
          value={text}
        />
      </div>
    </Dialog>
  );
}
