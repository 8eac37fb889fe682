// The latest lines of the log, for whoever looks at them through the control endpoint. Bounded in lines and length.
import { type LogLevel, type LogLine, logLevels, longestLog } from '../control/diagnostics-methods.ts';
import { type Log, oneLine } from './log.ts';

interface KeptLine extends LogLine {
  /** User id of whose connection it tells; undefined: of the service itself. */
  readonly owner: number | undefined;
}

export interface LogQuestion {
  readonly after: number;
  readonly limit: number;
  readonly level: LogLevel;
  /** Only lines of this user's connections; undefined: all. */
  readonly owner: number | undefined;
}

export class LogRing {
  /** A ring once it is full: the oldest line lies at `#sequence % lines`. */
  readonly #kept: KeptLine[] = [];
  readonly #now: () => number;
  #sequence = 0;

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Keeps every line that goes to `log`, also what is above its level. */
  recording(log: Log): Log {
    return (level, text, owner) => {
      const line = oneLine(text).slice(0, longestLog.characters);
      this.#kept[this.#sequence % longestLog.lines] = {
        sequence: this.#sequence + 1,
        at: this.#now(),
        level,
        text: line,
        owner,
      };
      this.#sequence += 1;
      log(level, text, owner);
    };
  }

  /** Oldest first. */
  tail({ after, limit, level, owner }: LogQuestion): { lines: LogLine[]; newest: number } {
    const most = logLevels.indexOf(level);
    const lines: LogLine[] = [];
    const oldest = Math.max(0, this.#sequence - longestLog.lines, after);
    for (let index = this.#sequence - 1; index >= oldest && lines.length < limit; index--) {
      const { owner: of, ...line } = this.#kept[index % longestLog.lines]!;
      if (logLevels.indexOf(line.level) > most) continue;
      if (owner === undefined || of === owner) lines.push(line);
    }
    return { lines: lines.reverse(), newest: this.#sequence };
  }
}
