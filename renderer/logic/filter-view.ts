// The filter table as the window shows and edits it.
import type { FilterRow, FilterRowTextValue, VerdictSample } from '../../main/control/values.ts';

export interface RowForm {
  readonly action: FilterRow['action'];
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePorts: string;
  readonly destinationPorts: string;
  readonly allowInbound: boolean;
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
  allowInbound: false,
  profile: '',
  note: '',
};

/** The row as the service wants it: what is empty, or does not go with the action, is left out. */
export function rowTextOf(form: RowForm): FilterRowTextValue {
  const row: FilterRowTextValue = {
    action: form.action,
    source: form.source.trim() || 'terminal',
    destination: form.destination.trim() || 'any',
    protocol: form.protocol.trim() || 'any',
  };
  for (const key of ['sourcePorts', 'destinationPorts', 'note'] as const) {
    const text = form[key].trim();
    if (text !== '') row[key] = text;
  }
  if (form.action === 'BYPASS' && form.allowInbound) row.allowInbound = true;
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
    allowInbound: row.allowInbound ?? false,
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

/** The position for `filter.move`, or undefined where the row cannot move further or is not the user's. */
export function positionAfterMove(
  rows: readonly FilterRow[],
  id: string,
  direction: 'up' | 'down',
): number | undefined {
  const own = ownRows(rows);
  const index = own.findIndex((row) => row.id === id);
  const position = direction === 'up' ? index - 1 : index + 1;
  return index === -1 || position < 0 || position >= own.length ? undefined : position;
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

/** What the live tail is narrowed to. */
export interface VerdictFilter {
  /** Part of an address, port, protocol or reason, as it is shown. */
  readonly text: string;
  readonly show: 'all' | 'dropped' | FilterRow['action'];
}

/** `words`: the row and reason as the sample shows them. */
export function fitsVerdict(sample: VerdictSample, filter: VerdictFilter, words: string): boolean {
  const { show } = filter;
  const dropped = sample.dropReason !== undefined || sample.action === 'DISCARD';
  if (show === 'dropped' ? !dropped : show !== 'all' && sample.action !== show) return false;
  const wanted = filter.text.trim().toLowerCase();
  if (wanted === '') return true;
  const shown = [
    sample.protocol,
    endpointText(sample.source, sample.sourcePort),
    endpointText(sample.destination, sample.destinationPort),
    words,
  ];
  return shown.join(' ').toLowerCase().includes(wanted);
}
