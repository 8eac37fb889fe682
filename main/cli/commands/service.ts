// sealnic service run, install, uninstall; sealnic gateway.
import { type Command, Option } from 'commander';
import { parseServiceOptions, ServiceOptionError, serviceOptionHelp } from '../../control/service-options.ts';
import { allowUser } from '../allow.ts';
import { pad } from '../format.ts';
import { installService, uninstallService } from '../install.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, UsageError } from '../terminal.ts';

export function addServiceCommands(program: Command, run: Runner): void {
  const service = program.command('service').description('the background service');
  passingOptions(service.command('run'))
    .description('run the service in the foreground, until Ctrl-C')
    .action(run((context, _options: unknown, command: Command) => runService(context, command.args)));
  const root = () =>
    new Option('--root <directory>', 'into this directory instead, without starting it').hideHelp();
  service
    .command('install')
    .description('install the service and start it, now and at every boot')
    .addOption(root())
    .action(run((context, options: { root?: string }) => installService(context, options.root)));
  service
    .command('uninstall')
    .description('stop the service and remove it; profiles and secrets stay')
    .addOption(root())
    .addOption(new Option('--keep-files', 'its package removes them').hideHelp())
    .action(
      run((context, options: { root?: string; keepFiles?: true }) => uninstallService(context, options)),
    );
  service
    .command('allow')
    .argument('<user>', 'the name of a user of this computer')
    .description('let a user connect and disconnect, from anywhere')
    .action(run((context, user: string) => allowUser(context, user)));
  passingOptions(program.command('gateway'))
    .argument('<file>', 'a profile with role = "gateway"')
    .description('run a service that is a gateway for others, until Ctrl-C')
    .action(
      run((context, file: string, _options: unknown, command: Command) =>
        runService(context, ['--gateway', file, ...command.args.slice(1)]),
      ),
    );
}

function passingOptions(command: Command): Command {
  const options = serviceOptionHelp.map(({ option, help }) => `  ${pad(option, 18)} ${help}`);
  return command
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', `\nOptions of the service:\n${options.join('\n')}`);
}

async function runService(context: CommandContext, given: readonly string[]): Promise<number> {
  try {
    parseServiceOptions(given);
  } catch (error) {
    if (error instanceof ServiceOptionError) throw new UsageError(error.message);
    throw error;
  }
  return await context.launcher.runService(given);
}
