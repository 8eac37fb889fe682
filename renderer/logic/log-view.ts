// The log in the window: what is kept of it, and which of its lines are shown.
import type { LogLevel, LogLine } from '../../main/control/diagnostics-methods.ts';

/** Newest first, as the window shows them. */
export function mergeLines(
  shown: readonly LogLine[],
  come: readonly LogLine[],
  most: number,
): readonly LogLine[] {
  if (come.length === 0) return shown;
  const newest = shown[0]?.sequence ?? 0;
  // A service that was started anew counts from 1 again.
  const anew = (come.at(-1)?.sequence ?? 0) < newest;
  const older = anew ? [] : shown;
  return [...come.filter(({ sequence }) => anew || sequence > newest).reverse(), ...older].slice(0, most);
}

const order: readonly LogLevel[] = ['error', 'warning', 'info', 'debug'];

/** Those up to a level in which every word of the search stands, whatever its case. */
export function matchingLines(
  lines: readonly LogLine[],
  level: LogLevel,
  search: string,
): readonly LogLine[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return lines.filter((line) => {
    const text = line.text.toLowerCase();
    return order.indexOf(line.level) <= order.indexOf(level) && words.every((word) => text.includes(word));
  });
}
