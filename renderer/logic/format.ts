// Numbers and times as a person reads them: a number, its unit, and nothing that changes width needlessly.

/** A number as text, and the name of its unit (a key below "unit" in the translations, or a text as it is). */
export interface Quantity {
  readonly number: string;
  readonly unit: string;
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const rateUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;

/** 1234567 is "1.23 MB": three digits, powers of 1000. */
export function bytesText(bytes: number): Quantity {
  return scaled(bytes, byteUnits);
}

/** Bytes per second, shown as bits per second. */
export function rateText(bytesPerSecond: number): Quantity {
  return scaled(bytesPerSecond * 8, rateUnits);
}

export function countText(count: number, language: string): string {
  return formatters(language).count.format(count);
}

function scaled(value: number, units: readonly string[]): Quantity {
  let rest = Math.max(0, value);
  let index = 0;
  // What would be rounded up to 1000 belongs to the next unit.
  while (rest >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index++;
  }
  const digits = index === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return { number: rest.toFixed(digits), unit: units[index]! };
}

export type DurationUnit = 'days' | 'hours' | 'minutes' | 'seconds';
export interface DurationPart {
  readonly value: number;
  readonly unit: DurationUnit;
}

/** The two largest parts: 3 h 5 min, 12 min 4 s, 8 s. Negative durations count as zero. */
export function durationParts(milliseconds: number): readonly DurationPart[] {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const parts: readonly DurationPart[] = [
    { value: Math.floor(total / 86400), unit: 'days' },
    { value: Math.floor(total / 3600) % 24, unit: 'hours' },
    { value: Math.floor(total / 60) % 60, unit: 'minutes' },
    { value: total % 60, unit: 'seconds' },
  ];
  const first = parts.findIndex(({ value }) => value > 0);
  if (first === -1) return [{ value: 0, unit: 'seconds' }];
  return parts.slice(first, first + 2);
}

/** A moment of today as its time, another day with its date. */
export function instantText(at: number, now: number, language: string): string {
  const sameDay = new Date(at).toDateString() === new Date(now).toDateString();
  const { time, day } = formatters(language);
  return (sameDay ? time : day).format(at);
}

/** "14:03:27", for lists in which many things happen within a minute. */
export function clockText(at: number, language: string): string {
  return formatters(language).clock.format(at);
}

interface Formatters {
  readonly count: Intl.NumberFormat;
  readonly time: Intl.DateTimeFormat;
  readonly day: Intl.DateTimeFormat;
  readonly clock: Intl.DateTimeFormat;
}

const known = new Map<string, Formatters>();

/** Kept: to make one takes longer than to format a whole table with it. */
function formatters(language: string): Formatters {
  const found = known.get(language);
  if (found !== undefined) return found;
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const made: Formatters = {
    count: new Intl.NumberFormat(language, { maximumFractionDigits: 0 }),
    time: new Intl.DateTimeFormat(language, time),
    day: new Intl.DateTimeFormat(language, { ...time, month: 'short', day: 'numeric' }),
    clock: new Intl.DateTimeFormat(language, { ...time, second: '2-digit' }),
  };
  known.set(language, made);
  return made;
}
