// The rows in the order in which they are asked. The user's own can be moved and removed.
import { useLayoutEffect, useRef, useState } from 'react';
import type { FilterRow } from '../../main/control/values.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Confirmation } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Bytes, Count } from '../components/quantity.tsx';
import { type Column, Table } from '../components/table.tsx';
import { positionAfterMove, protocolText } from '../logic/filter-view.ts';
import { useActions } from '../state/actions.ts';
import { useLook } from '../state/hooks.ts';
import { type Say, useWords, type Words } from '../state/words.ts';
import { ActionBadge } from './action-badge.tsx';
import { RowDialog } from './row-dialog.tsx';

type Editing = { readonly row: FilterRow | undefined };

export function FilterRows() {
  const { say, message } = useWords();
  const { busy, run } = useActions();
  const { value, failure, reload } = useLook('filter.list', {}, 1000);
  const [editing, edit] = useState<Editing>();
  const [removing, remove] = useState<FilterRow>();
  const rows = value?.rows ?? [];

  const focus = useFocusAfterMove(rows);

  const move = async (row: FilterRow, direction: 'up' | 'down') => {
    const position = positionAfterMove(rows, row.id, direction);
    if (position === undefined || busy !== undefined) return;
    focus.current = { id: row.id, direction };
    await run(row.id, 'filter.move', { id: row.id, position });
    reload();
  };
  const removeNow = async (row: FilterRow) => {
    remove(undefined);
    await run(row.id, 'filter.remove', { id: row.id }, say('filter.removed'));
    reload();
  };

  const columns: readonly Column<FilterRow>[] = [
    ...factColumns(say, message),
    {
      name: say('filter.column.change'),
      quietName: true,
      cell: (row) =>
        row.removable ? (
          // biome-ignore lint/a11y/noStaticElementInteractions: the arrow keys do what its buttons do
          <span
            className="cell-actions"
            data-row={row.id}
            onKeyDown={(event) => {
              const direction = { ArrowUp: 'up', ArrowDown: 'down' }[event.key];
              if (!event.altKey || (direction !== 'up' && direction !== 'down')) return;
              event.preventDefault();
              void move(row, direction);
            }}
          >
            {(['up', 'down'] as const).map((direction) => (
              <Button
                key={direction}
                kind="quiet"
                aria-label={say(`filter.move-${direction}`, { row: message(row.label) })}
                title={say(`filter.move-${direction}-short`)}
                data-move={direction}
                disabled={positionAfterMove(rows, row.id, direction) === undefined}
                icon={<Icon name={direction} />}
                onClick={() => void move(row, direction)}
              />
            ))}
            <Button
              kind="quiet"
              aria-label={say('filter.edit', { row: message(row.label) })}
              title={say('filter.edit-short')}
              icon={<Icon name="edit" />}
              onClick={() => edit({ row })}
            />
            <Button
              kind="quiet"
              aria-label={say('filter.remove', { row: message(row.label) })}
              title={say('filter.remove-short')}
              icon={<Icon name="remove" />}
              onClick={() => remove(row)}
            />
          </span>
        ) : null,
    },
  ];

  return (
    <Card
      title={say('filter.table')}
      actions={
        <Button kind="primary" icon={<Icon name="add" />} onClick={() => edit({ row: undefined })}>
          {say('filter.add')}
        </Button>
      }
    >
      <p className="hint">{say('filter.order')}</p>
      {failure !== undefined && <FailureNotice failure={failure} />}
      <Table
        caption={say('filter.table')}
        size="wide"
        rows={rows}
        columns={columns}
        keyOf={({ id }) => id}
        rowClass={({ removable }) => (removable ? 'own' : '')}
      />
      {editing !== undefined && (
        <RowDialog
          rows={rows}
          row={editing.row}
          onClose={() => edit(undefined)}
          onDone={() => {
            edit(undefined);
            reload();
          }}
        />
      )}
      {removing !== undefined && (
        <Confirmation
          title={say('filter.remove-title')}
          text={say('filter.remove-text', { row: message(removing.label) })}
          action={say('filter.remove-short')}
          onConfirm={() => void removeNow(removing)}
          onClose={() => remove(undefined)}
        />
      )}
    </Card>
  );
}

function factColumns(say: Say, message: Words['message']): readonly Column<FilterRow>[] {
  return [
    { name: say('filter.column.action'), cell: ({ action }) => <ActionBadge action={action} /> },
    { name: say('filter.column.source'), cell: ({ source }) => source },
    {
      name: say('filter.column.destination'),
      cell: ({ destination, note, problem, label, removable, allowInbound }) => (
        <>
          {destination}
          {allowInbound === true && <span className="cell-note">{say('filter.allows-inbound')}</span>}
          {note !== undefined && <span className="cell-note">{note}</span>}
          {!removable && label.code !== 'label-text' && <span className="cell-note">{message(label)}</span>}
          {problem !== undefined && (
            <span className="cell-note problem">{say('filter.not-in-force', { why: message(problem) })}</span>
          )}
        </>
      ),
    },
    { name: say('filter.column.protocol'), cell: (row) => protocolText(row) },
    {
      name: say('filter.column.hits'),
      numeric: true,
      cell: ({ hits }) => (
        <>
          <Count value={hits.packets} />
          <span className="cell-note">
            <Bytes value={hits.bytes} />
          </span>
        </>
      ),
    },
    {
      name: say('filter.column.association'),
      cell: ({ spi, profile, action }) =>
        spi !== undefined ? (
          <>
            <span className="fixed">{spi}</span>
            <span className="cell-note">{profile}</span>
          </>
        ) : action === 'PROTECT' ? (
          <>
            {say('filter.no-association')}
            <span className="cell-note">{profile}</span>
          </>
        ) : (
          '–'
        ),
    },
    {
      name: say('filter.column.enforced'),
      cell: ({ enforcedBy, origin }) => (
        <>
          {say(`enforced.${enforcedBy}`)}
          <span className="cell-note">{originText(origin, say)}</span>
        </>
      ),
    },
  ];
}

interface MovedRow {
  readonly id: string;
  readonly direction: 'up' | 'down';
}

/** A row that was moved by keyboard keeps the focus: on the same button, or on the other where it cannot go further. */
function useFocusAfterMove(rows: readonly FilterRow[]) {
  const moved = useRef<MovedRow>(undefined);
  const order = rows.map(({ id }) => id).join(' ');
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the order changes
  useLayoutEffect(() => {
    const row = moved.current;
    if (row === undefined) return;
    moved.current = undefined;
    const actions = document.querySelector(`[data-row="${CSS.escape(row.id)}"]`);
    const button =
      actions?.querySelector<HTMLElement>(`[data-move="${row.direction}"]:not(:disabled)`) ??
      actions?.querySelector<HTMLElement>('button:not(:disabled)');
    button?.focus();
  }, [order]);
  return moved;
}

/** "filter", "profile NAME", "built-in", "default", as the service tells them. */
export function originText(origin: string, say: Say): string {
  const [kind = '', ...rest] = origin.split(' ');
  const name = rest.join(' ').replace(/^"(.*)"$/, '$1');
  switch (kind) {
    case 'filter':
    case 'built-in':
    case 'default':
      return say(`origin.${kind}`);
    case 'profile':
      return name === '' ? say('origin.some-profile') : say('origin.profile', { name });
    default:
      return origin;
  }
}
