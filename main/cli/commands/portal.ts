// sealnic portal: lets the network's sign-in page through the block for a while.
import type { Command } from 'commander';
import { formatDuration } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print } from '../terminal.ts';

export function addPortalCommand(program: Command, run: Runner): void {
  program
    .command('portal')
    .argument('<profile>')
    .description('let the sign-in page of this network (captive portal) through for five minutes')
    .action(run((context, profile: string) => portal(context, profile)));
}

async function portal(context: CommandContext, profile: string): Promise<undefined> {
  const found = await context.withService((client) => client.call('connection.allowPortal', { profile }));
  const { style } = context;
  print(context, found, [
    `Sign in with a browser: ${style.strong(found.url)}`,
    `Its server and name look-ups pass for ${formatDuration(found.until - context.now())}, everything else stays blocked.`,
    `"${profile}" connects by itself afterwards.`,
  ]);
  return undefined;
}
