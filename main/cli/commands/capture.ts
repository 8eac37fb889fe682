// sealnic capture: packets as pcapng, from the adapter (as applications see them) or from the wire (sealed).
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { NotificationValue } from '../../control/schema.ts';
import { formatCount } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, systemReason, UsageError } from '../terminal.ts';
import { parseWholeNumber } from './filter.ts';

export function addCaptureCommand(program: Command, run: Runner): void {
  program
    .command('capture')
    .description('write packets to a file that Wireshark opens, until Ctrl-C')
    .option('-o, --output <file>', 'file; without it standard output')
    .option('--wire', 'the sealed packets on the network instead of those on the adapter')
    .addOption(new Option('--duration <seconds>', 'end by itself').argParser(parseWholeNumber))
    .addOption(
      new Option('--snap <bytes>', 'keep so much of each packet').argParser(parseWholeNumber).default(65535),
    )
    .action(run((context, options: CaptureOptions) => capture(context, options)));
}

interface CaptureOptions {
  readonly output?: string;
  readonly wire?: true;
  readonly duration?: number;
  readonly snap: number;
}

async function capture(context: CommandContext, options: CaptureOptions): Promise<undefined> {
  const { terminal } = context;
  if (options.output === undefined && terminal.outputIsTerminal) {
    throw new UsageError(
      'packets are not for a terminal: give --output FILE, or pipe them into another program',
    );
  }
  const file = options.output === undefined ? undefined : openOutput(options.output);
  try {
    const side = options.wire === true ? 'wire' : 'adapter';
    const ended = await context.withService(async (client) => {
      const done = Promise.withResolvers<NotificationValue<'capture.ended'> | undefined>();
      client.onClose(() => done.resolve(undefined));
      const stop = await client.capture(
        { side, snapLength: options.snap },
        {
          data: (block) => (file === undefined ? terminal.write(block) : writeSync(file, block)),
          ended: done.resolve,
        },
      );
      const stopSoon = () => void stop().catch(() => done.resolve(undefined));
      const stopListening = terminal.onInterrupt(stopSoon);
      const cancel =
        options.duration === undefined
          ? () => undefined
          : context.schedule(stopSoon, options.duration * 1000);
      try {
        return await done.promise;
      } finally {
        stopListening();
        cancel();
      }
    });
    if (ended?.detail !== undefined) terminal.writeError(`The capture ended: ${ended.detail}.\n`);
    if (ended !== undefined && ended.droppedPackets > 0) {
      terminal.writeError(`${formatCount(ended.droppedPackets)} packets were left out: too many at once.\n`);
    }
  } finally {
    if (file !== undefined) closeSync(file);
  }
  return undefined;
}

function openOutput(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (error) {
    throw new UsageError(`cannot write ${path}: ${systemReason(error)}`);
  }
}
