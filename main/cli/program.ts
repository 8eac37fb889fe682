// The `sealnic` command: its subcommands, its errors and its exit codes.
import { Command, CommanderError, Option } from 'commander';
import { type ClientOptions, type ControlClient, connectToService } from '../control/client.ts';
import { ControlError, exitCodeOf, exitCodes } from '../control/failure.ts';
import { defaultControlPath } from '../control/service-options.ts';
import { productVersion } from '../control/version.ts';
import { addAssociationCommands } from './commands/associations.ts';
import { addCaptureCommand } from './commands/capture.ts';
import { addCardCommands } from './commands/card.ts';
import { AdvisedError, addConnectionCommands, UpError } from './commands/connection.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addFilterCommands } from './commands/filter.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addLogCommand } from './commands/log.ts';
import { addPortalCommand } from './commands/portal.ts';
import { addProfileCommands } from './commands/profiles.ts';
import { addPromptCommands } from './commands/prompts.ts';
import { addSecretCommands } from './commands/secrets.ts';
import { addServiceCommands } from './commands/service.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTerminalCommand } from './commands/terminal-information.ts';
import { addVaultCommands } from './commands/vault.ts';
import type { Runner } from './runner.ts';
import { type CommandContext, type Launcher, styleOf, type Terminal, UsageError } from './terminal.ts';
import { wordsOf } from './words.ts';

export interface World {
  readonly terminal: Terminal;
  readonly launcher: Launcher;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly schedule: CommandContext['schedule'];
  /** Whose service is trusted beside root's. */
  readonly trust?: NonNullable<ClientOptions['trust']>;
}

/** Runs one command and gives its exit code (DESIGN section 5). Never throws for what a person can do wrong. */
export async function runCommand(commandArguments: readonly string[], world: World): Promise<number> {
  let exitCode: number = exitCodes.done;
  const runner: Runner =
    (serve) =>
    async (...values) => {
      const context = makeContext(program, world);
      exitCode = (await serve(context, ...(values as never))) ?? exitCodes.done;
    };
  const program = makeProgram(world, runner);
  try {
    await program.parseAsync([...commandArguments], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(program, world, error);
  }
}

function makeProgram(world: World, run: Runner): Command {
  const program = new Command('sealnic')
    .description('SealNIC: a virtual network card that seals what leaves this computer')
    .version(productVersion, '--version', 'print the version')
    .addOption(
      new Option('--control <path>', "the service's control socket; also SEALNIC_CONTROL").default(
        world.environment.SEALNIC_CONTROL || defaultControlPath,
      ),
    )
    .option('--json', 'print JSON')
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => world.terminal.write(text),
      writeErr: (text) => world.terminal.writeError(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'sealnic: ')),
    })
    .exitOverride();
  addConnectionCommands(program, run);
  addPortalCommand(program, run);
  addStatusCommand(program, run);
  addProfileCommands(program, run);
  addFilterCommands(program, run);
  addAssociationCommands(program, run);
  addSecretCommands(program, run);
  addVaultCommands(program, run);
  addKeyCommands(program, run);
  addPromptCommands(program, run);
  addCardCommands(program, run);
  addCaptureCommand(program, run);
  addDoctorCommand(program, run);
  addLogCommand(program, run);
  addTerminalCommand(program, run);
  addServiceCommands(program, run);
  return program;
}

function makeContext(program: Command, world: World): CommandContext {
  const options = program.opts<{ control: string; json?: true }>();
  const trust = world.trust === undefined ? {} : { trust: world.trust };
  return {
    terminal: world.terminal,
    style: styleOf(world.terminal),
    json: options.json === true,
    now: world.now,
    schedule: world.schedule,
    launcher: world.launcher,
    async withService<Value>(use: (client: ControlClient) => Promise<Value>): Promise<Value> {
      const client = await connectToService({ path: options.control, ...trust });
      try {
        return await use(client);
      } finally {
        client.close();
      }
    },
  };
}

function reportError(program: Command, world: World, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  const json = program.opts<{ json?: true }>().json === true;
  if (error instanceof ControlError) {
    const words = wordsOf(error.failure);
    const advice = error instanceof AdvisedError ? error.advice : words.next;
    const next = [advice, error instanceof UpError ? error.remains : undefined].filter(Boolean).join('\n  ');
    report(world, json, { ...error.failure, message: words.what }, words.what, next);
    // A row is made of arguments: what is wrong with it is wrong use.
    return error.failure.code === 'row-invalid' ? exitCodes.usage : exitCodeOf(error.failure);
  }
  if (error instanceof UsageError) {
    report(world, json, { code: 'usage', message: error.message }, error.message);
    return exitCodes.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  report(world, json, { code: 'unexpected', message }, `Something unexpected happened: ${message}.`);
  return exitCodes.failed;
}

function report(world: World, json: boolean, value: unknown, what: string, next = ''): void {
  if (json) world.terminal.write(`${JSON.stringify({ error: value }, undefined, 2)}\n`);
  else world.terminal.writeError(`sealnic: ${what}\n${next === '' ? '' : `  ${next}\n`}`);
}
