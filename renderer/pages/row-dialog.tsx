// A new row of the filter, or one that is changed: fields with their problems beside them.
import { type FormEvent, useId, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import type { FilterRow } from '../../main/control/values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice, Field, Switch, TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import {
  checkRow,
  emptyRow,
  formOf,
  ownRows,
  type RowField,
  type RowForm,
  rowTextOf,
} from '../logic/filter-view.ts';
import { useInvoke, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

const actions = ['PROTECT', 'BYPASS', 'DISCARD'] as const;

interface RowDialogProperties {
  readonly rows: readonly FilterRow[];
  /** undefined: a new one. */
  readonly row: FilterRow | undefined;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function RowDialog({ rows, row, onClose, onDone }: RowDialogProperties) {
  const { say, message } = useWords();
  const invoke = useInvoke();
  const { service } = useWindowState();
  const [form, setForm] = useState<RowForm>(row === undefined ? emptyRow : formOf(row));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const id = useId();
  const [failure, setFailure] = useState<ControlFailure>();
  const profiles =
    service.service === 'present' ? service.profiles.filter(({ role }) => role === 'client') : [];
  const own = ownRows(rows);
  const [position, setPosition] = useState(own.length);

  const change = (part: Partial<RowForm>) => {
    setForm({ ...form, ...part });
    setFailure(undefined);
  };
  const problems = checkRow(form);
  const problemAt = (field: RowField): string | undefined => {
    if (failure?.code === 'row-invalid' && failure.field === field) return message(failure.problem);
    const key = tried ? problems[field] : undefined;
    return key === undefined ? undefined : say(`filter.problem.${key}`);
  };
  const elsewhere = failure !== undefined && !(failure.code === 'row-invalid' && failure.field in form);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (busy || Object.keys(problems).length > 0) return;
    setBusy(true);
    const text = rowTextOf(form);
    const saved =
      row === undefined
        ? await invoke('filter.add', { row: text, position })
        : await invoke('filter.replace', { id: row.id, row: text });
    setBusy(false);
    if (!saved.ok) return setFailure(saved.failure);
    onDone();
  };

  return (
    <Dialog
      wide
      title={say(row === undefined ? 'filter.add' : 'filter.edit-title')}
      onClose={onClose}
      actions={
        <Button kind="primary" type="submit" form={id} busy={busy}>
          {say(row === undefined ? 'filter.add' : 'action.save')}
        </Button>
      }
    >
      <form id={id} className="form" onSubmit={(event) => void save(event)}>
        <Choice
          label={say('filter.column.action')}
          value={form.action}
          choices={actions.map((value) => ({ value, label: value, hint: say(`action-meaning.${value}`) }))}
          onChoice={(action) => change({ action })}
        />
        {form.action === 'PROTECT' && (
          <Field label={say('filter.field.profile')} problem={problemAt('profile')}>
            {(properties) => (
              <select
                {...properties}
                value={form.profile}
                onChange={(event) => change({ profile: event.target.value })}
              >
                <option value="">{say('filter.field.choose')}</option>
                {profiles.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        <div className="form-row">
          <TextField
            label={say('filter.column.source')}
            value={form.source}
            problem={problemAt('source')}
            hint={say('filter.field.source-hint')}
            onText={(source) => change({ source })}
          />
          <TextField
            label={say('filter.column.destination')}
            value={form.destination}
            placeholder="10.1.0.0/16"
            problem={problemAt('destination')}
            hint={say('filter.field.destination-hint')}
            onText={(destination) => change({ destination })}
          />
        </div>
        <div className="form-row">
          <TextField
            label={say('filter.field.protocol')}
            value={form.protocol}
            problem={problemAt('protocol')}
            hint="any, tcp, udp, icmp, icmpv6, 0–255"
            onText={(protocol) => change({ protocol })}
          />
          <TextField
            label={say('filter.field.source-ports')}
            value={form.sourcePorts}
            problem={problemAt('sourcePorts')}
            onText={(sourcePorts) => change({ sourcePorts })}
          />
          <TextField
            label={say('filter.field.destination-ports')}
            value={form.destinationPorts}
            problem={problemAt('destinationPorts')}
            hint={say('filter.field.ports-hint')}
            onText={(destinationPorts) => change({ destinationPorts })}
          />
        </div>
        {form.action === 'BYPASS' && (
          <Switch
            label={say('filter.field.allow-inbound')}
            hint={say('filter.field.allow-inbound-hint')}
            checked={form.allowInbound}
            onSwitch={(allowInbound) => change({ allowInbound })}
          />
        )}
        <div className="form-row">
          <TextField
            label={say('filter.field.note')}
            value={form.note}
            maxLength={200}
            problem={problemAt('note')}
            onText={(note) => change({ note })}
          />
          {row === undefined && (
            <Field label={say('filter.field.position')}>
              {(properties) => (
                <select
                  {...properties}
                  value={position}
                  onChange={(event) => setPosition(Number(event.target.value))}
                >
                  {own.map(({ id, label }, index) => (
                    <option key={id} value={index}>
                      {say('filter.field.before', { row: message(label) })}
                    </option>
                  ))}
                  <option value={own.length}>{say('filter.field.last')}</option>
                </select>
              )}
            </Field>
          )}
        </div>
        {elsewhere && <FailureNotice failure={failure} />}
      </form>
    </Dialog>
  );
}
