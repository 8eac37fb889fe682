// The service's log: one line an event on standard error, which systemd keeps with level and time.
import { type LogLevel, logLevels } from '../control/diagnostics-methods.ts';

/** Priorities of syslog, which systemd reads from "<N>" at the start of a line. */
const priorities = { error: 3, warning: 4, info: 6, debug: 7 } as const;

/** Control characters, line and paragraph separators, and what turns the writing direction around. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** `owner`: user id of whose connection it tells. */
export type Log = (level: LogLevel, text: string, owner?: number) => void;

/** Lines above the level are left out. `underSystemd`: the journal adds the time itself. */
export function createLog(level: LogLevel, underSystemd: boolean, write: (line: string) => void): Log {
  const most = logLevels.indexOf(level);
  return (lineLevel, text) => {
    if (logLevels.indexOf(lineLevel) > most) return;
    const line = oneLine(text);
    if (underSystemd) write(`<${priorities[lineLevel]}>${line}\n`);
    else write(`${new Date().toISOString()} ${lineLevel} ${line}\n`);
  };
}

/** Whatever a peer put into it. */
export function oneLine(text: string): string {
  return text.replaceAll(unprintable, ' ');
}
