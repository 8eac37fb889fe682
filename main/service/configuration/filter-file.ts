// The user's own filter rows, kept over restarts: filter.toml, one [[filter]] table a row, in their order.
import { readFileSync } from 'node:fs';
import { stringify } from 'smol-toml';
import { z } from 'zod';
import type { FilterRowText } from '../../engine/policy/row.ts';
import { replaceFile } from '../../keys/credentials/replace-file.ts';
import { filterTables, toFilterRow, toFilterTable } from './filter-row.ts';
import { InvalidFileError } from './problem.ts';
import { readToml } from './toml.ts';

const heading = `# The filter of this computer: the first row that fits a packet decides. Written by "sealnic filter add" and
# "sealnic filter remove"; may be edited by hand while the service is stopped.
`;

/** The rows; none where the file is absent. Throws InvalidFileError. */
export function loadFilter(path: string): readonly FilterRowText[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new InvalidFileError(path, [{ problem: { code: 'file-unreadable', reason: code ?? `${error}` } }]);
  }
  return parseFilter(text, path);
}

/** The same from text. */
export function parseFilter(text: string, source: string): readonly FilterRowText[] {
  const { filter } = readToml(text, filterFile, source, ({ filter: rows }) =>
    rows.flatMap((row, index) =>
      row.action === 'PROTECT' && row.profile === undefined
        ? [{ path: ['filter', index], problem: { code: 'protect-needs-profile' } }]
        : [],
    ),
  );
  return filter.map((row) => toFilterRow(row, undefined));
}

/** Replaces the file as a whole. The directory must exist. */
export function storeFilter(path: string, rows: readonly FilterRowText[]): void {
  replaceFile(path, formatFilter(rows), 0o644);
}

/** The text of filter.toml, which parseFilter reads back to the same rows. */
export function formatFilter(rows: readonly FilterRowText[]): string {
  const tables = { filter: rows.map((row) => toFilterTable(row, undefined)) };
  return rows.length === 0 ? heading : `${heading}\n${stringify(tables)}\n`;
}

const filterFile = z.strictObject({ filter: filterTables.default([]) });
