// The verdicts as they fall: samples, newest first. They stop while nobody can see them, and when they are paused.
import { useEffect, useMemo, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import type { VerdictSample } from '../../main/control/values.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field, TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { type Column, Table } from '../components/table.tsx';
import { endpointText, fitsVerdict, mergeSamples, type VerdictFilter } from '../logic/filter-view.ts';
import { clockText } from '../logic/format.ts';
import { useInvoke, useLatest, useWindowState } from '../state/hooks.ts';
import { type Say, useWords, type Words } from '../state/words.ts';
import { ActionBadge } from './action-badge.tsx';

const mostShown = 60;
const everyMilliseconds = 500;

export function FilterVerdicts() {
  const { say, message, language } = useWords();
  const [paused, setPaused] = useState(false);
  const [filter, setFilter] = useState<VerdictFilter>({ text: '', show: 'all' });
  const { samples, failure } = useVerdicts(paused);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the words change with the language only
  const columns = useMemo(() => columnsOf(say, message, language), [language]);
  const shown = samples.filter((sample) => fitsVerdict(sample, filter, reasonOf(sample, say, message)));
  return (
    <Card
      title={say('verdicts.title')}
      actions={
        <Button aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {say(paused ? 'verdicts.resume' : 'verdicts.pause')}
        </Button>
      }
    >
      <p className="hint">{say('verdicts.text')}</p>
      <div className="form-row">
        <TextField
          label={say('verdicts.search')}
          placeholder={say('verdicts.search-hint')}
          value={filter.text}
          onText={(text) => setFilter({ ...filter, text })}
        />
        <Field label={say('verdicts.show')}>
          {(properties) => (
            <select
              {...properties}
              value={filter.show}
              onChange={(event) =>
                setFilter({ ...filter, show: event.target.value as VerdictFilter['show'] })
              }
            >
              <option value="all">{say('verdicts.all')}</option>
              <option value="dropped">{say('verdicts.dropped')}</option>
              {(['PROTECT', 'BYPASS', 'DISCARD'] as const).map((action) => (
                <option key={action} value={action}>
                  {action}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {failure !== undefined && <FailureNotice failure={failure} />}
      {samples.length > 0 && shown.length === 0 && <p className="hint">{say('verdicts.none-fits')}</p>}
      {samples.length === 0 && failure === undefined && <p className="hint">{say('verdicts.none')}</p>}
      {shown.length > 0 && (
        <Table
          caption={say('verdicts.title')}
          rows={shown}
          keyOf={({ sequence }) => String(sequence)}
          columns={columns}
        />
      )}
    </Card>
  );
}

function columnsOf(say: Say, message: Words['message'], language: string): readonly Column<VerdictSample>[] {
  return [
    {
      name: say('verdicts.at'),
      cell: ({ at }) => <span className="number">{clockText(at, language)}</span>,
    },
    {
      name: say('verdicts.direction'),
      cell: ({ direction }) => <span className="number">{say(`direction.${direction}`)}</span>,
    },
    { name: say('filter.column.action'), cell: ({ action }) => <ActionBadge action={action} /> },
    {
      name: say('verdicts.packet'),
      cell: (sample) => (
        <>
          {sample.protocol} {endpointText(sample.source, sample.sourcePort)} <span aria-hidden="true">→</span>{' '}
          {endpointText(sample.destination, sample.destinationPort)}
        </>
      ),
    },
    {
      name: say('verdicts.why'),
      cell: (sample) => reasonOf(sample, say, message),
    },
  ];
}

/** Why: the row that decided, and the reason of a drop before it. */
function reasonOf(
  { dropReason, rowLabel, rowId }: VerdictSample,
  say: Say,
  message: Words['message'],
): string {
  const row = rowLabel === undefined ? rowId : message(rowLabel);
  const drop = dropReason === undefined ? undefined : say(`drop.${dropReason}`, { defaultValue: dropReason });
  return [drop, row].filter((part) => part !== undefined).join(' · ') || '–';
}

function useVerdicts(paused: boolean) {
  const invoke = useInvoke();
  const { visible } = useWindowState();
  const [samples, setSamples] = useState<readonly VerdictSample[]>([]);
  const [failure, setFailure] = useState<ControlFailure>();
  const latest = useLatest(samples);
  useEffect(() => {
    if (paused || !visible) return;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const after = latest.current[0]?.sequence ?? 0;
      const answer = await invoke('verdicts.tail', { after, limit: mostShown });
      if (ended) return;
      if (answer.ok) setSamples((shown) => mergeSamples(shown, answer.value.samples, mostShown));
      setFailure(answer.ok ? undefined : answer.failure);
      timer = setTimeout(look, everyMilliseconds);
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [invoke, latest, paused, visible]);
  return { samples, failure };
}
