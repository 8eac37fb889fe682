// The filter table as the window shows and edits it.
import type { FilterRow, VerdictSample } from '../../main/control/values.ts';

export interface RowForm {
  readonly action: FilterRow['action'];
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePorts: string;
  readonly destinationPorts: string;
  readonly profile: string;
  readonly note: string;
}

export type RowField = keyof RowForm;

export const emptyRow: RowForm = {
  action: 'DISCARD',
  source: 'terminal',
  destination: '',
  protocol: 'any',
  sourcePorts: '',
  destinationPorts: '',
  profile: '',
  note: '',
};

/** The row as the service wants it: what is empty is left out. */
export interface RowText {
  action: FilterRow['action'];
  source: string;
  destination: string;
  protocol: string;
  sourcePorts?: string;
  destinationPorts?: string;
  profile?: string;
  note?: string;
}

export function rowTextOf(form: RowForm): RowText {
  const row: RowText = {
    action: form.action,
    source: form.source.trim() || 'terminal',
    destination: form.destination.trim() || 'any',
    protocol: form.protocol.trim() || 'any',
  };
  for (const key of ['sourcePorts', 'destinationPorts', 'note'] as const) {
    const text = form[key].trim();
    if (text !== '') row[key] = text;
  }
  if (form.action === 'PROTECT' && form.profile !== '') row.profile = form.profile;
  return row;
}

export function formOf(row: FilterRow): RowForm {
  return {
    action: row.action,
    source: row.source,
    destination: row.destination,
    protocol: row.protocol,
    sourcePorts: row.sourcePorts ?? '',
    destinationPorts: row.destinationPorts ?? '',
    profile: row.profile ?? '',
    note: row.note ?? '',
  };
}

/** What can be told without asking the service: which field, and a key below "filter.problem". */
export function checkRow(form: RowForm): Partial<Record<RowField, string>> {
  const problems: Partial<Record<RowField, string>> = {};
  if (form.destination.trim() === '') problems.destination = 'destination-needed';
  if (form.action === 'PROTECT' && form.profile === '') problems.profile = 'profile-needed';
  const ports = form.sourcePorts.trim() !== '' ? 'sourcePorts' : 'destinationPorts';
  if (form[ports].trim() !== '' && form.protocol.trim() === 'any') problems[ports] = 'ports-need-protocol';
  return problems;
}

/** Where the user's own rows stand among each other. */
export function ownRows(rows: readonly FilterRow[]): readonly FilterRow[] {
  return rows.filter(({ removable }) => removable);
}

/**
 * A row is moved by adding it at its new place and then removing the old one, so that it is in force all the time.
 * The position that `filter.add` wants, or undefined where it cannot move further.
 */
export function positionAfterMove(
  rows: readonly FilterRow[],
  id: string,
  direction: 'up' | 'down',
): number | undefined {
  const own = ownRows(rows);
  const index = own.findIndex((row) => row.id === id);
  if (index === -1) return undefined;
  if (direction === 'up') return index === 0 ? undefined : index - 1;
  return index === own.length - 1 ? undefined : index + 2;
}

/** "tcp 443", "any", "icmp 8". */
export function protocolText({ protocol, sourcePorts, destinationPorts }: FilterRow): string {
  const source = sourcePorts === undefined ? '' : `${sourcePorts} → `;
  return `${protocol} ${source}${destinationPorts ?? ''}`.trim();
}

/** "10.1.0.5:443", "[2001:db8::1]:443", without a port where there is none. */
export function endpointText(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The newest samples first, not more than `limit`, each once. */
export function mergeSamples(
  shown: readonly VerdictSample[],
  arrived: readonly VerdictSample[],
  limit: number,
): readonly VerdictSample[] {
  const newest = shown[0]?.sequence ?? 0;
  const fresh = arrived.filter(({ sequence }) => sequence > newest).toReversed();
  return fresh.length === 0 ? shown : [...fresh, ...shown].slice(0, limit);
}
