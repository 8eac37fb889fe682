// The benchmark's table: absolute figures, then each as a ratio to the plain link and to strongSwan's user-space ESP.
import type { Figures } from './measure.ts';

export type Outcome =
  | { readonly name: string; readonly figures: Figures }
  | { readonly name: string; readonly unavailable: string };

interface Column {
  readonly title: string;
  readonly value: (figures: Figures) => number | undefined;
  readonly digits: number;
}

const columns: readonly Column[] = [
  { title: 'TCP up Gb/s', value: (f) => f.tcpUp.gigabitsPerSecond, digits: 2 },
  { title: 'TCP down Gb/s', value: (f) => f.tcpDown.gigabitsPerSecond, digits: 2 },
  { title: 'UDP up Mb/s', value: (f) => f.udpUp.megabitsPerSecond, digits: 0 },
  { title: 'loss %', value: (f) => f.udpUp.lossPercent, digits: 2 },
  { title: 'UDP down Mb/s', value: (f) => f.udpDown.megabitsPerSecond, digits: 0 },
  { title: 'loss %', value: (f) => f.udpDown.lossPercent, digits: 2 },
  { title: 'ping ms', value: (f) => f.pingMedianMilliseconds, digits: 3 },
  { title: 'connect ms', value: (f) => f.connectMedianMilliseconds, digits: 0 },
  {
    title: 'CPU ms/Gb terminal up',
    value: (f) => inMilliseconds(f.tcpUp.cpuSecondsPerGigabit.terminal),
    digits: 0,
  },
  { title: 'gateway up', value: (f) => inMilliseconds(f.tcpUp.cpuSecondsPerGigabit.gateway), digits: 0 },
  {
    title: 'terminal down',
    value: (f) => inMilliseconds(f.tcpDown.cpuSecondsPerGigabit.terminal),
    digits: 0,
  },
  { title: 'gateway down', value: (f) => inMilliseconds(f.tcpDown.cpuSecondsPerGigabit.gateway), digits: 0 },
];

const ratioColumns: readonly Column[] = [
  columns[0]!,
  columns[1]!,
  columns[2]!,
  columns[4]!,
  columns[6]!,
  columns[7]!,
];

export function renderReport(outcomes: readonly Outcome[], bases: readonly string[]): string {
  const parts = [
    renderTable(
      ['', ...columns.map((column) => column.title)],
      outcomes.map((outcome) => absoluteRow(outcome)),
    ),
  ];
  for (const base of bases) {
    const found = outcomes.find((outcome) => outcome.name === base);
    if (found === undefined || !('figures' in found)) continue;
    const rows = outcomes.map((outcome) => ratioRow(outcome, found.figures));
    parts.push(
      `Ratio to ${base}:\n${renderTable(['', ...ratioColumns.map((column) => column.title)], rows)}`,
    );
  }
  return `${parts.join('\n\n')}\n`;
}

function absoluteRow(outcome: Outcome): string[] {
  if ('unavailable' in outcome) return [outcome.name, outcome.unavailable];
  return [
    outcome.name,
    ...columns.map((column) => column.value(outcome.figures)?.toFixed(column.digits) ?? '-'),
  ];
}

function ratioRow(outcome: Outcome, base: Figures): string[] {
  if ('unavailable' in outcome) return [outcome.name, '-'];
  return [
    outcome.name,
    ...ratioColumns.map((column) => {
      const [mine, other] = [column.value(outcome.figures), column.value(base)];
      return mine === undefined || other === undefined ? '-' : (mine / other).toFixed(2);
    }),
  ];
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const whole = rows.filter((row) => row.length === head.length);
  const widths = head.map((title, at) => Math.max(title.length, ...whole.map((row) => row[at]!.length)));
  const nameWidth = Math.max(widths[0]!, ...rows.map((row) => row[0]!.length));
  return [head, ...rows]
    .map((row) =>
      row.map((cell, at) => (at === 0 ? cell.padEnd(nameWidth) : cell.padStart(widths[at]!))).join('  '),
    )
    .join('\n');
}

function inMilliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
