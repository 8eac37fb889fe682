// The service's log as it is written, newest first, with levels and a search. It stops while nobody can see it.
import { useEffect, useMemo, useState } from 'react';
import type { LogLevel, LogLine } from '../../main/control/diagnostics-methods.ts';
import type { ControlFailure } from '../../main/control/failure.ts';
import { type BadgeTone, StateShape } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field, Switch, TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { type Column, Table } from '../components/table.tsx';
import { clockText } from '../logic/format.ts';
import { matchingLines, mergeLines } from '../logic/log-view.ts';
import { useInvoke, useWindowState } from '../state/hooks.ts';
import { type Say, useWords } from '../state/words.ts';

const levels: readonly LogLevel[] = ['error', 'warning', 'info', 'debug'];
const tones: Readonly<Record<LogLevel, BadgeTone>> = {
  error: 'bad',
  warning: 'warning',
  info: 'good',
  debug: 'idle',
};
const mostKept = 2000;
const mostShown = 200;
const everyMilliseconds = 1000;

export function DiagnosticsLog() {
  const { say, language } = useWords();
  const [level, setLevel] = useState<LogLevel>('info');
  const [search, setSearch] = useState('');
  const [everything, setEverything] = useState(false);
  const [paused, setPaused] = useState(false);
  const { lines, failure } = useLog(everything, paused);
  const matching = useMemo(() => matchingLines(lines, level, search), [lines, level, search]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the words change with the language only
  const columns = useMemo(() => columnsOf(say, language), [language]);
  return (
    <Card
      title={say('log.title')}
      actions={
        <Button aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {say(paused ? 'verdicts.resume' : 'verdicts.pause')}
        </Button>
      }
    >
      <div className="log-controls">
        <TextField label={say('log.search')} value={search} onText={setSearch} />
        <Field label={say('log.level')}>
          {(properties) => (
            <select
              {...properties}
              value={level}
              onChange={(event) => setLevel(event.target.value as LogLevel)}
            >
              {levels.map((each) => (
                <option key={each} value={each}>
                  {say(`log.up-to.${each}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Switch
        label={say('log.everything')}
        hint={say('log.everything-hint')}
        checked={everything}
        onSwitch={setEverything}
      />
      {failure !== undefined && <FailureNotice failure={failure} />}
      {failure === undefined && matching.length === 0 && (
        <p className="hint">{say(lines.length === 0 ? 'log.none' : 'log.none-found')}</p>
      )}
      {matching.length > 0 && (
        <Table
          caption={say('log.title')}
          rows={matching.slice(0, mostShown)}
          keyOf={({ sequence }) => String(sequence)}
          columns={columns}
        />
      )}
      {matching.length > mostShown && (
        <p className="hint">{say('log.more', { count: matching.length - mostShown })}</p>
      )}
    </Card>
  );
}

function columnsOf(say: Say, language: string): readonly Column<LogLine>[] {
  return [
    { name: say('log.at'), cell: ({ at }) => <span className="number">{clockText(at, language)}</span> },
    {
      name: say('log.level'),
      cell: ({ level }) => (
        <span className="log-level">
          <StateShape tone={tones[level]} size={12} /> {say(`log.name.${level}`)}
        </span>
      ),
    },
    {
      name: say('log.text'),
      cell: ({ text }) => (
        <span className="log-text" lang="en">
          {text}
        </span>
      ),
    },
  ];
}

function useLog(everything: boolean, paused: boolean) {
  const invoke = useInvoke();
  const { visible } = useWindowState();
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [failure, setFailure] = useState<ControlFailure>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: other lines come with the other answer
  useEffect(() => setLines([]), [everything]);
  useEffect(() => {
    if (paused || !visible) return;
    let ended = false;
    let after = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const answer = await invoke('log.tail', { after, limit: mostKept, level: 'debug', everything });
      if (ended) return;
      setFailure(answer.ok ? undefined : answer.failure);
      if (answer.ok) {
        // The service was started anew: what it writes now begins at 1.
        after = answer.value.newest < after ? 0 : answer.value.newest;
        setLines((shown) => mergeLines(shown, answer.value.lines, mostKept));
        timer = setTimeout(look, everyMilliseconds);
      } else if (answer.failure.code !== 'refused') {
        timer = setTimeout(look, everyMilliseconds);
      }
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [invoke, everything, paused, visible]);
  return { lines, failure };
}
