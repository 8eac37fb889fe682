// The bundle for whoever helps: made, shown file by file, then saved as it was shown.
import { useState } from 'react';
import type { CommandResult } from '../../main/tray/ipc.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';

export function DiagnosticsBundle() {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [bundle, setBundle] = useState<CommandResult<'bundle.make'>>();
  const [chosen, choose] = useState(0);
  const file = bundle?.files[chosen];
  const make = async () => {
    const made = await run('make', 'bundle.make', {});
    if (made === undefined) return;
    setBundle(made);
    choose(0);
  };
  return (
    <Card
      title={say('bundle.title')}
      actions={
        <Button
          kind={bundle === undefined ? 'primary' : 'plain'}
          busy={busy === 'make'}
          onClick={() => void make()}
        >
          {say(bundle === undefined ? 'bundle.make' : 'bundle.make-again')}
        </Button>
      }
    >
      <p>{say('bundle.text')}</p>
      {bundle !== undefined && (
        <>
          <div className="bundle">
            <ul className="bundle-files" aria-label={say('bundle.files')}>
              {bundle.files.map(({ name }, index) => (
                <li key={name}>
                  <button
                    type="button"
                    aria-current={index === chosen ? 'true' : undefined}
                    onClick={() => choose(index)}
                  >
                    {name}
                  </button>
                </li>
              ))}
            </ul>
            {file !== undefined && (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
              <section className="bundle-text" tabIndex={0} lang="en" aria-label={file.name}>
                <pre>{file.text}</pre>
              </section>
            )}
          </div>
          <div className="actions">
            <Button
              kind="primary"
              busy={busy === 'save'}
              onClick={async () => {
                const result = await run('save', 'bundle.save', {});
                if (result?.saved === true) setBundle(undefined);
              }}
            >
              {say('bundle.save')}
            </Button>
            <span className="hint">{say('bundle.save-hint')}</span>
          </div>
        </>
      )}
    </Card>
  );
}
