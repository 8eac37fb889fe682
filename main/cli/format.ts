// Numbers, times and tables for people.

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const bitUnits = ['b/s', 'kb/s', 'Mb/s', 'Gb/s'];

/** 720 → "720 B", 61337600 → "58.5 MiB". */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, byteUnits);
}

/** Bits per second from bytes and seconds: "12.4 Mb/s". */
export function formatRate(bytesPerSecond: number): string {
  return scaled(bytesPerSecond * 8, 1000, bitUnits);
}

/** Digits in groups of three: "48 211". */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** The two largest units: "12 min 34 s", "3 h 5 min", "2 d 1 h"; "0 s" for nothing and less. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table, two spaces between columns, as wide as its contents; the first line holds the titles. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => displayWidth(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, index) => pad(cells[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** Pads to a width as it is seen, that is without counting colours. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const missing = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + missing : missing + text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what begins a colour
const colourSequence = /(\u001b\[[0-9;]*m)/g;

export function displayWidth(text: string): number {
  return [...text.replace(colourSequence, '')].length;
}

/** Cuts to a width as it is seen; colours are closed. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let seen = 0;
  let result = '';
  for (const part of text.split(colourSequence)) {
    if (part.startsWith('\u001b')) {
      result += part;
      continue;
    }
    const characters = [...part].slice(0, width - 1 - seen);
    seen += characters.length;
    result += characters.join('');
    if (seen >= width - 1) break;
  }
  return `${result}…${text.includes('\u001b') ? '\u001b[0m' : ''}`;
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  while (rest >= step * 0.9995 && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(1)} ${units[unit]}`;
}

/** "3.4 ms", "120 ms". */
export function formatMilliseconds(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
