// sealnic log: what the service wrote down, with its levels; of the whole service for administrators.
import { type Command, Option } from 'commander';
import { type LogLevel, type LogLine, logLevels, longestLog } from '../../control/diagnostics-methods.ts';
import type { Runner } from '../runner.ts';
import type { Style } from '../style.ts';
import { type CommandContext, print } from '../terminal.ts';
import { parseWholeNumber } from './filter.ts';

export function addLogCommand(program: Command, run: Runner): void {
  program
    .command('log')
    .description('what the service wrote down since it started')
    .addOption(new Option('--level <level>', 'up to this one').choices(logLevels).default('info'))
    .option('--search <text>', 'only lines with this text')
    .option('-f, --follow', 'go on, until Ctrl-C')
    .option('--own', 'only of your own connections, which needs no rights of an administrator')
    .addOption(new Option('-n, --lines <number>', 'so many of the latest').argParser(parseWholeNumber))
    .action(run((context, options: LogOptions) => showLog(context, options)));
}

interface LogOptions {
  readonly level: LogLevel;
  readonly search?: string;
  readonly follow?: true;
  readonly own?: true;
  readonly lines?: number;
}

const followEveryMilliseconds = 1000;

async function showLog(context: CommandContext, options: LogOptions): Promise<undefined> {
  const { terminal, json, style } = context;
  await context.withService(async (client) => {
    const everything = options.own !== true;
    const ask = (after: number) =>
      client.call('log.tail', { after, limit: longestLog.lines, level: options.level, everything });
    const first = await ask(0);
    const lines = found(first.lines, options.search);
    const shown =
      options.lines === undefined ? lines : options.lines === 0 ? [] : lines.slice(-options.lines);
    if (options.follow !== true) {
      print(
        context,
        { lines: shown },
        shown.map((line) => lineText(line, style)),
      );
      return;
    }
    // One JSON object a line, so that a program can read along.
    const write = (line: LogLine) =>
      terminal.write(`${json ? JSON.stringify(line) : lineText(line, style)}\n`);
    for (const line of shown) write(line);
    let { newest } = first;
    await untilInterrupted(context, async () => {
      const next = await ask(newest);
      for (const line of found(next.lines, options.search)) write(line);
      newest = next.newest;
    });
  });
  return undefined;
}

/** Calls again and again; a failure ends it. */
async function untilInterrupted(context: CommandContext, look: () => Promise<void>): Promise<void> {
  const done = Promise.withResolvers<void>();
  const next = () =>
    look().then(() => {
      cancel = context.schedule(next, followEveryMilliseconds);
    }, done.reject);
  let cancel = context.schedule(next, followEveryMilliseconds);
  const stopListening = context.terminal.onInterrupt(done.resolve);
  try {
    await done.promise;
  } finally {
    stopListening();
    cancel();
  }
}

function found(lines: readonly LogLine[], search: string | undefined): readonly LogLine[] {
  const text = search?.toLowerCase();
  return text === undefined ? lines : lines.filter((line) => line.text.toLowerCase().includes(text));
}

function lineText({ at, level, text }: LogLine, style: Style): string {
  const paint = { error: style.bad, warning: style.warning, info: style.faint, debug: style.faint }[level];
  return `${new Date(at).toISOString()} ${paint(level.padEnd(7))} ${text}`;
}
