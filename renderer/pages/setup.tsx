// The first ten minutes: service, rights, profile and tray, each with what it is and the one button that mends it.
import { type ReactNode, useEffect, useState } from 'react';
import type { SetupState } from '../../main/tray/ipc.ts';
import type { Go } from '../app.tsx';
import { type BadgeTone, StateShape } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { useToasts } from '../components/toast.tsx';
import { linesToShow, type SetupLine, setupLines } from '../logic/setup-view.ts';
import { useActions } from '../state/actions.ts';
import { copyText } from '../state/clipboard.ts';
import { useLook, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

/** While something is missing it may be mended elsewhere, in a terminal. */
const lookAgainMilliseconds = 3000;

/** Nothing where nothing is missing. */
export function SetupCard({ go }: { readonly go: Go }) {
  const { say } = useWords();
  const { service } = useWindowState();
  const [incomplete, setIncomplete] = useState(true);
  const { value: setup, reload } = useLook('setup.check', {}, incomplete ? lookAgainMilliseconds : 0);
  const profiles = service.service === 'present' ? service.profiles.length : 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: looked at anew when the service came or went
  useEffect(reload, [reload, service.service, profiles]);
  const lines = setup === undefined ? [] : setupLines(setup, service);
  const shown = linesToShow(lines);
  useEffect(() => setIncomplete(shown.length > 0 || setup === undefined), [shown.length, setup]);
  if (setup === undefined || shown.length === 0) return null;
  return (
    <Card title={say('setup.title')}>
      <p>{say('setup.text')}</p>
      <ol className="setup">
        {shown.map((line) => (
          <Line key={line.item} line={line} setup={setup} reload={reload} go={go} />
        ))}
      </ol>
    </Card>
  );
}

const tones: Readonly<Record<SetupLine['state'], BadgeTone>> = {
  good: 'good',
  'not-running': 'bad',
  'not-installed': 'bad',
  missing: 'warning',
  'not-yours': 'warning',
  unknown: 'idle',
  dismissed: 'idle',
};

interface LineProperties {
  readonly line: SetupLine;
  readonly setup: SetupState;
  readonly reload: () => void;
  readonly go: Go;
}

function Line({ line, setup, reload, go }: LineProperties) {
  const { say } = useWords();
  const { item, state } = line;
  const { rights } = setup;
  return (
    <li className="setup-line">
      <StateShape tone={tones[state]} size={20} />
      <div className="setup-text">
        <p>
          <strong>{say(`setup.${item}.name`)}</strong>{' '}
          <span className="visually-hidden">{say(`setup.state.${state === 'good' ? 'good' : 'open'}`)}</span>
        </p>
        <p className="hint">
          {say(`setup.${item}.${state}`, { group: rights?.group ?? '', user: rights?.user ?? '' })}
          {item === 'rights' && rights !== undefined && state !== 'unknown' && (
            <> {say(`setup.administer.${rights.administer}`)}</>
          )}
        </p>
        {buttonOf({ line, setup, reload, go }, say)}
      </div>
    </li>
  );
}

function buttonOf(
  { line, setup, reload, go }: LineProperties,
  say: ReturnType<typeof useWords>['say'],
): ReactNode {
  const { item, state } = line;
  if (item === 'service' && state !== 'good') {
    const command = state === 'not-installed' ? setup.commands.install : setup.commands.start;
    return (
      <Mend
        item="service"
        label={say(`setup.mend.${state}`)}
        command={command}
        setup={setup}
        reload={reload}
      />
    );
  }
  if (item === 'rights' && state === 'missing') {
    return (
      <Mend
        item="rights"
        label={say('setup.mend.rights')}
        command={setup.commands.allow}
        setup={setup}
        reload={reload}
      />
    );
  }
  if (item === 'profile' && state === 'missing') {
    return (
      <div className="actions">
        <Button kind="primary" onClick={() => go({ page: 'profiles', create: true })}>
          {say('profiles.create')}
        </Button>
        <Button onClick={() => go({ page: 'profiles', importFile: true })}>{say('profiles.import')}</Button>
      </div>
    );
  }
  if (state === 'not-yours') {
    return (
      <>
        <p className="hint">{say('setup.type')}</p>
        <code className="command">{setup.commands.importProfile}</code>
      </>
    );
  }
  return item === 'tray' && state === 'missing' ? <DismissTray reload={reload} /> : null;
}

interface MendProperties {
  readonly item: 'service' | 'rights';
  readonly label: string;
  readonly command: string;
  readonly setup: SetupState;
  readonly reload: () => void;
}

/** The button, and after a failure or where nobody would ask for the password the command itself. */
function Mend({ item, label, command, setup, reload }: MendProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const toasts = useToasts();
  const [problem, setProblem] = useState<{ outcome: string; detail: string }>();
  const mend = async () => {
    setProblem(undefined);
    const result = await run('mend', 'setup.mend', { item });
    if (result !== undefined && result.outcome !== 'done') {
      setProblem({ outcome: result.outcome, detail: result.detail ?? '' });
    }
    reload();
  };
  const copy = () => {
    if (copyText(command)) toasts.done(say('away.copied'));
  };
  return (
    <>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {say(`setup.outcome.${problem.outcome}`, { detail: problem.detail })}
        </p>
      )}
      {(!setup.canMend || (problem !== undefined && problem.outcome !== 'dismissed')) && (
        <>
          <p className="hint">{say('setup.type')}</p>
          <code className="command">{command}</code>
        </>
      )}
      <div className="actions">
        {setup.canMend ? (
          <Button kind="primary" busy={busy === 'mend'} onClick={() => void mend()}>
            {label}
          </Button>
        ) : (
          <Button kind="primary" onClick={copy}>
            {say('away.copy')}
          </Button>
        )}
      </div>
    </>
  );
}

function DismissTray({ reload }: { readonly reload: () => void }) {
  const { say } = useWords();
  const { run } = useActions();
  return (
    <div className="actions">
      <Button
        onClick={async () => {
          await run('tray', 'setup.dismissTray', {});
          reload();
        }}
      >
        {say('setup.tray.dismiss')}
      </Button>
    </div>
  );
}
