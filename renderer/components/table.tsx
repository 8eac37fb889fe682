// A table that becomes a list of cards where the window is narrow; its cells then carry their column's name.
import { memo, type ReactNode } from 'react';

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ReactNode;
  readonly numeric?: boolean;
  /** The name is for screen readers only. */
  readonly quietName?: boolean;
}

interface TableProperties<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** "wide": many columns, cards come earlier. "small": it never needs them. */
  readonly size?: 'small' | 'medium' | 'wide';
  readonly rowClass?: (row: Row) => string;
}

export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  size = 'medium',
  rowClass,
}: TableProperties<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className="table-scroll" tabIndex={0}>
      {/* biome-ignore lint/a11y/noRedundantRoles: as cards it is no table to the browser any more */}
      <table role="table" className={size} aria-label={caption}>
        <thead>
          <tr>
            {columns.map(({ name, numeric, quietName }) => (
              <th key={name} scope="col" className={numeric === true ? 'numeric' : undefined}>
                <span className={quietName === true ? 'visually-hidden' : undefined}>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={keyOf(row)} row={row} columns={columns} className={rowClass?.(row)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProperties<Row> {
  readonly row: Row;
  readonly columns: readonly Column<Row>[];
  readonly className: string | undefined;
}

/** Drawn anew only for another row or other columns: the live tail adds a few to a hundred. */
const Row = memo(function Row<Value>({ row, columns, className }: RowProperties<Value>) {
  return (
    <tr className={className}>
      {columns.map(({ name, numeric, cell, quietName }) => (
        <td key={name} className={numeric === true ? 'numeric' : undefined}>
          {quietName !== true && (
            <span className="cell-name" aria-hidden="true">
              {name}
            </span>
          )}
          <span className="cell-value">{cell(row)}</span>
        </td>
      ))}
    </tr>
  );
}) as <Value>(properties: RowProperties<Value>) => ReactNode;
