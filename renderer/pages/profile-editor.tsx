// A profile as text. What is wrong is told by line while one types, and a click leads there.
import { useEffect, useRef, useState } from 'react';
import type { ControlFailure, ProfileProblem } from '../../main/control/failure.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { useToasts } from '../components/toast.tsx';
import { useInvoke } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

/** After the last key. */
const checkAfterMilliseconds = 400;

interface EditorProperties {
  readonly profile: string;
  readonly onClose: () => void;
}

export function ProfileEditor({ profile, onClose }: EditorProperties) {
  const { say, fileProblem } = useWords();
  const invoke = useInvoke();
  const toasts = useToasts();
  const [text, setText] = useState<string>();
  const [failure, setFailure] = useState<ControlFailure>();
  const [saving, setSaving] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const problems = useProblems(profile, text);

  useEffect(() => {
    void invoke('profiles.show', { profile }).then((shown) => {
      if (shown.ok) setText(shown.value.text);
      else setFailure(shown.failure);
    });
  }, [invoke, profile]);

  const save = async () => {
    if (text === undefined) return;
    setSaving(true);
    const saved = await invoke('profiles.save', { profile, text, replace: true });
    setSaving(false);
    if (!saved.ok) return setFailure(saved.failure);
    toasts.done(say('profiles.saved', { name: profile }));
    onClose();
  };
  const goTo = (line: number) => {
    const lines = (text ?? '').split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  };

  const count = (text ?? '').split('\n').length;
  const marked = new Set(problems.map(({ line }) => line));
  return (
    <Dialog
      wide
      title={say('editor.title', { name: profile })}
      onClose={onClose}
      actions={
        <Button
          kind="primary"
          busy={saving}
          disabled={text === undefined || problems.length > 0}
          onClick={() => void save()}
        >
          {say('action.save')}
        </Button>
      }
    >
      <p className="hint">{say('editor.text')}</p>
      <div className="editor">
        <div className="editor-lines" aria-hidden="true">
          {Array.from({ length: count }, (_, index) => index + 1).map((line) => (
            <div key={line} className={marked.has(line) ? 'marked' : undefined}>
              {marked.has(line) ? `▲ ${line}` : line}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          aria-label={say('editor.title', { name: profile })}
          aria-invalid={problems.length > 0 ? true : undefined}
          aria-describedby="editor-problems"
          spellCheck={false}
          rows={count}
          value={text ?? ''}
          onChange={(event) => {
            setText(event.target.value);
            setFailure(undefined);
          }}
        />
      </div>
      <div id="editor-problems" aria-live="polite">
        {problems.length === 0 && text !== undefined && <p className="hint">{say('editor.valid')}</p>}
        {problems.map((problem) => (
          <button
            key={JSON.stringify(problem)}
            type="button"
            className="problem-line"
            disabled={problem.line === undefined}
            onClick={() => goTo(problem.line ?? 1)}
          >
            {fileProblem(problem)}
          </button>
        ))}
      </div>
      {failure !== undefined && <FailureNotice failure={failure} />}
    </Dialog>
  );
}

function useProblems(profile: string, text: string | undefined): readonly ProfileProblem[] {
  const invoke = useInvoke();
  const [problems, setProblems] = useState<readonly ProfileProblem[]>([]);
  useEffect(() => {
    if (text === undefined) return;
    let ended = false;
    const timer = setTimeout(async () => {
      const answer = await invoke('profiles.validate', { fileName: `${profile}.toml`, text });
      if (!ended) setProblems(answer.ok ? answer.value.problems : []);
    }, checkAfterMilliseconds);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [invoke, profile, text]);
  return problems;
}
