// sealnic terminal: what the service knows about this computer's own addresses and links.
import type { Command } from 'commander';
import { formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print } from '../terminal.ts';

export function addTerminalCommand(program: Command, run: Runner): void {
  program.command('terminal').description('the addresses and links of this computer').action(run(terminal));
}

async function terminal(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('terminal.information', {}));
  const columns = [
    { title: 'LINK' },
    { title: 'STATE' },
    { title: 'MTU' },
    { title: 'HARDWARE' },
    { title: 'ADDRESSES' },
  ];
  const rows = value.links.map((link) => {
    const leads = link.name === value.defaultLink4 || link.name === value.defaultLink6;
    return [
      link.name,
      `${link.up ? 'up' : 'down'}${leads ? ', default' : ''}`,
      String(link.mtu),
      link.hardwareAddress ?? '',
      link.addresses.join(', '),
    ];
  });
  print(context, value, [`${value.hostName}`, ...formatTable(columns, rows)]);
  return undefined;
}
