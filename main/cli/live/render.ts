// Draws the live view: a model and a size in, lines out.
import { englishOf } from '../../control/english.ts';
import type { ConnectionStatus, FilterRow } from '../../control/values.ts';
import { rowText, styledAction } from '../commands/filter.ts';
import { headLine, troubleLines } from '../commands/status.ts';
import {
  clip,
  displayWidth,
  formatBytes,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  formatTable,
  pad,
} from '../format.ts';
import type { Style } from '../style.ts';
import type { LiveModel, Rates } from './model.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const bars = '▁▂▃▄▅▆▇█';
const labelWidth = 10;

/** Exactly `size.rows` lines, none wider than `size.columns`. */
export function renderLive(model: LiveModel, size: Size, style: Style, now: number): string[] {
  const width = Math.max(20, size.columns);
  const head = [titleLine(model, style, width, now), ''];
  const foot = footLine(style);
  const { connections } = model.latest.status;
  const body =
    connections.length === 0
      ? ['  Nothing is connected.', style.faint('  sealnic up PROFILE in another terminal connects.')]
      : connections.flatMap((connection) => [...card(connection, model, style, width, now), '']);
  body.push(...filterSection(model, style));
  body.push(...associationSection(model, style, now));
  body.push(...dropSection(model, style));
  const room = Math.max(1, size.rows - head.length - 1);
  while (body.at(-1) === '') body.pop();
  const shown =
    body.length <= room ? body : [...body.slice(0, room - 1), style.faint('  … make the window taller')];
  const filled = [...shown, ...Array<string>(room - shown.length).fill('')];
  return [...head, ...filled, foot].slice(0, size.rows).map((line) => clip(line, width));
}

function titleLine(model: LiveModel, style: Style, width: number, now: number): string {
  const { version, startedAt } = model.latest.status;
  const left = ` ${style.strong('SealNIC')} ${version}`;
  const right = style.faint(`service up ${formatDuration(now - startedAt)} `);
  return left + ' '.repeat(Math.max(1, width - displayWidth(left) - displayWidth(right))) + right;
}

function footLine(style: Style): string {
  return ` ${style.strong('q')} ${style.faint('quit')}`;
}

function card(
  connection: ConnectionStatus,
  model: LiveModel,
  style: Style,
  width: number,
  now: number,
): string[] {
  const { details } = connection;
  const head = ` ${headLine(connection, style, now)}`;
  const gateway = details?.gateway ?? '';
  const gap = width - displayWidth(head) - displayWidth(gateway) - 1;
  const lines = [gap > 1 ? `${head}${' '.repeat(gap)}${style.faint(gateway)}` : head];
  for (const line of troubleLines(connection, style, now)) lines.push(`   ${line}`);
  if (details === undefined) return lines;
  const rates = model.rates.get(connection.profile) ?? { inHistory: [], outHistory: [] };
  lines.push(...trafficLines(details.counters, rates, style, width));
  const show = (label: string, ...parts: readonly (string | undefined)[]) => {
    const text = parts.filter((part) => part !== undefined && part !== '').join('  ');
    if (text !== '') lines.push(`   ${style.faint(pad(label, labelWidth))}${text}`);
  };
  show('address', details.virtualAddresses.join(', '), dnsText(details.dns, style));
  show('sealed', details.protectedPrefixes.join(', '));
  const uncarried = details.uncarriedPrefixes?.join(', ') ?? '';
  if (uncarried !== '') show('blocked', uncarried, style.faint('not carried by the gateway'));
  const inUdp = details.espEncapsulation === 'udp' ? ' in UDP' : '';
  if (details.espAlgorithm !== undefined) {
    show('ESP', rekeyText(details.childRekeyAt, style, now), `${details.espAlgorithm}${inUdp}`);
  }
  if (details.ikeProposal !== undefined)
    show('IKE', rekeyText(details.ikeRekeyAt, style, now), details.ikeProposal);
  if (details.roundTripMilliseconds !== undefined)
    show('RTT', formatMilliseconds(details.roundTripMilliseconds));
  show('peers', details.peers?.toString());
  return lines;
}

function dnsText(dns: readonly string[], style: Style): string {
  return dns.length === 0 ? '' : `${style.faint('DNS')} ${dns.join(', ')}`;
}

function rekeyText(at: number | undefined, style: Style, now: number): string {
  if (at === undefined) return '';
  return at - now <= 1000
    ? style.warning('rekeying')
    : `${style.faint('rekeys in')} ${formatDuration(at - now)}`;
}

interface Traffic {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

function trafficLines(counters: Traffic, rates: Rates, style: Style, width: number): string[] {
  const line = (arrow: string, history: readonly number[], bytes: number, packets: number) => {
    const rate = pad(formatRate(history.at(-1) ?? 0), 11, 'right');
    const totals = `${pad(formatBytes(bytes), 10, 'right')}  ${pad(formatCount(packets), 11, 'right')} packets`;
    const room = Math.min(60, Math.max(0, width - 3 - 2 - 11 - 2 - displayWidth(totals) - 3));
    return `   ${arrow} ${style.strong(rate)}  ${style.accent(sparkline(history, room))} ${totals}`;
  };
  return [
    line('↓', rates.inHistory, counters.bytesIn, counters.packetsIn),
    line('↑', rates.outHistory, counters.bytesOut, counters.packetsOut),
  ];
}

/** The latest values as bars, the newest at the right end; as wide as `room`. */
export function sparkline(history: readonly number[], room: number): string {
  const shown = history.slice(-room);
  const largest = Math.max(...shown, 1);
  const drawn = shown
    .map((value) =>
      value === 0 ? ' ' : bars[Math.min(bars.length - 1, Math.floor((value / largest) * bars.length))],
    )
    .join('');
  return drawn.padStart(room);
}

function filterSection(model: LiveModel, style: Style): string[] {
  const { rows } = model.latest;
  if (rows === undefined || rows.length === 0) return [];
  const right = 'right' as const;
  const columns = [
    { title: '' },
    { title: '' },
    { title: '' },
    { title: 'per second', align: right },
    { title: 'packets', align: right },
    { title: 'bytes', align: right },
    { title: '' },
  ];
  const [titles, ...lines] = formatTable(
    columns,
    rows.map((row) => rowCells(row, model.rowRates.get(row.id) ?? 0, style)),
  );
  return [
    ` ${style.strong('Filter')}${style.faint((titles ?? '').slice(4))}`,
    ...lines.map((line) => `   ${line}`),
    '',
  ];
}

function rowCells(row: FilterRow, rate: number, style: Style): string[] {
  return [
    styledAction(row.action, style),
    englishOf(row.label),
    rowText(row),
    rate > 0 ? style.strong(formatCount(Math.max(1, rate))) : style.faint('·'),
    formatCount(row.hits.packets),
    formatBytes(row.hits.bytes),
    row.enforcedBy === 'firewall' ? style.faint('firewall') : '',
  ];
}

function associationSection(model: LiveModel, style: Style, now: number): string[] {
  const { children } = model.latest;
  if (children === undefined || children.length === 0) return [];
  const lines = formatTable(
    [
      { title: '' },
      { title: '' },
      { title: '' },
      { title: '' },
      { title: '', align: 'right' },
      { title: '', align: 'right' },
      { title: '' },
    ],
    children.map((child) => [
      child.direction === 'outbound' ? '↑' : '↓',
      child.spi,
      child.profile,
      child.algorithm,
      formatCount(child.packets),
      formatBytes(child.bytes),
      child.replayDrops === undefined || child.replayDrops === 0
        ? style.faint(`${formatDuration(now - child.installedAt)} old`)
        : style.warning(`${formatCount(child.replayDrops)} replayed`),
    ]),
  ).slice(1);
  return [` ${style.strong('Security associations')}`, ...lines.map((line) => `   ${line}`), ''];
}

function dropSection(model: LiveModel, style: Style): string[] {
  const drops = Object.entries(model.latest.status.drops).filter(([, count]) => count > 0);
  if (drops.length === 0) return [];
  const text = drops.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(style.faint(' · '));
  return [` ${style.strong('Dropped')}  ${text}`];
}
