// sealnic profiles: list, show, import, duplicate, export, check and remove. The client opens the files; the service gets their content.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { ControlClient } from '../../control/client.ts';
import { englishOf } from '../../control/english.ts';
import { ControlError } from '../../control/failure.ts';
import type { MethodResult } from '../../control/schema.ts';
import { formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, systemReason, UsageError } from '../terminal.ts';
import { problemWords } from '../words.ts';

export function addProfileCommands(program: Command, run: Runner): void {
  const profiles = program.command('profiles').description('the profiles of your gateways');
  profiles.command('list').description('what can be connected').action(run(list));
  profiles
    .command('show')
    .argument('<profile>')
    .description('print a profile; it holds no secret')
    .action(run((context, profile: string) => show(context, profile)));
  profiles
    .command('import')
    .argument('<file>', 'TOML, or strongSwan’s .sswan or swanctl.conf')
    .description('add a profile with the certificates and keys that come with it')
    .option('--name <name>', 'call it so')
    .option('--replace', 'replace a profile of this name')
    .option('--connection <name...>', 'of a swanctl.conf with several connections: which')
    .option('--all', 'all of them')
    .option('--passphrase-stdin', 'read the passphrase of its keys from standard input')
    .action(run((context, file: string, options: ImportOptions) => importFile(context, file, options)));
  profiles
    .command('duplicate')
    .argument('<profile>')
    .argument('<name>', 'of the new one')
    .description('make another profile like it, with the same stored secrets')
    .action(run((context, profile: string, name: string) => duplicate(context, profile, name)));
  profiles
    .command('export')
    .argument('<profile>')
    .option('-o, --output <file>', 'write to this file, which must not exist yet')
    .description('a profile as a file for another computer; it holds no secret')
    .action(run((context, profile: string, options: ExportOptions) => exportFile(context, profile, options)));
  profiles
    .command('edit-check')
    .argument('<file>')
    .description('say what is wrong with a profile, without adding it')
    .action(run((context, file: string) => editCheck(context, file)));
  profiles
    .command('remove')
    .argument('<profile>')
    .description('remove a profile')
    .action(run((context, profile: string) => remove(context, profile)));
}

interface ImportOptions {
  readonly name?: string;
  readonly replace?: true;
  readonly passphraseStdin?: true;
  readonly connection?: readonly string[];
  readonly all?: true;
}

interface ExportOptions {
  readonly output?: string;
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('profiles.list', {}));
  const rows = value.profiles.map((profile) => [
    profile.name,
    profile.role === 'gateway' ? '(gateway)' : (profile.gateway ?? ''),
    profile.authentication,
    profile.problem === undefined ? profile.state : context.style.bad(problemWords(profile.problem)),
  ]);
  const columns = [
    { title: 'PROFILE' },
    { title: 'GATEWAY' },
    { title: 'AUTHENTICATION' },
    { title: 'STATE' },
  ];
  const none = ['There is no profile yet.', 'Import one: sealnic profiles import FILE'];
  print(context, value, rows.length === 0 ? none : formatTable(columns, rows));
  return undefined;
}

async function show(context: CommandContext, profile: string): Promise<undefined> {
  const value = await context.withService((client) => client.call('profiles.show', { profile }));
  print(context, value, value.text.trimEnd().split('\n'));
  return undefined;
}

async function importFile(context: CommandContext, file: string, options: ImportOptions): Promise<undefined> {
  const content = readGivenFile(file);
  const given = options.passphraseStdin === true ? firstLine(await context.terminal.readAll()) : undefined;
  const value = await context.withService(async (client) => {
    try {
      return await sendFile(client, file, content, options, given);
    } catch (error) {
      const mayAsk = given === undefined && context.terminal.inputIsTerminal && !context.json;
      if (!(error instanceof ControlError) || error.failure.code !== 'passphrase-needed' || !mayAsk)
        throw error;
      const passphrase = await context.terminal.askSecret(`Passphrase of ${basename(file)}: `);
      if (passphrase === undefined) throw error;
      return await sendFile(client, file, content, options, passphrase);
    }
  });
  const stored = value.secrets.length === 0 ? [] : [`Stored with it: ${value.secrets.join(', ')}`];
  const connect = value.profiles.map((name) => `Imported ${name}. Connect: sealnic up ${name}`);
  print(context, value, [...connect, ...stored, ...value.remarks.map(englishOf)]);
  return undefined;
}

async function sendFile(
  client: ControlClient,
  file: string,
  content: Buffer,
  options: ImportOptions,
  passphrase: Buffer | undefined,
): Promise<MethodResult<'profiles.import'>> {
  const named = options.name === undefined ? {} : { name: options.name };
  const chosen = options.all === true ? ('all' as const) : options.connection && [...options.connection];
  const connections = chosen === undefined ? {} : { connections: chosen };
  const replace = options.replace === true;
  const parameters = { fileName: basename(file), replace, ...named, ...connections };
  return await client.call('profiles.import', parameters, {
    content: Buffer.from(content),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
}

async function duplicate(context: CommandContext, profile: string, name: string): Promise<undefined> {
  const value = await context.withService(async (client) => {
    const { text } = await client.call('profiles.show', { profile });
    const parameters = { fileName: `${name}.toml`, name, replace: false };
    return await client.call('profiles.import', parameters, { content: Buffer.from(text) });
  });
  print(context, value, [`Duplicated ${profile} as ${name}.`]);
  return undefined;
}

async function exportFile(
  context: CommandContext,
  profile: string,
  { output }: ExportOptions,
): Promise<undefined> {
  const value = await context.withService((client) => client.call('profiles.show', { profile }));
  if (output === undefined) {
    print(context, value, value.text.trimEnd().split('\n'));
    return undefined;
  }
  try {
    writeFileSync(output, value.text, { flag: 'wx' });
  } catch (error) {
    throw new UsageError(`cannot write ${output}: ${systemReason(error)}`);
  }
  print(context, { file: output }, [`Wrote ${output}. It holds no secret: store those where it is used.`]);
  return undefined;
}

async function editCheck(context: CommandContext, file: string): Promise<number> {
  const content = readGivenFile(file);
  const value = await context.withService((client) =>
    client.call('profiles.validate', { fileName: basename(file) }, { content }),
  );
  const lines = value.problems.map((problem) => `${file}: ${problemWords(problem)}`);
  print(context, value, lines.length === 0 ? [`${file} is a valid profile.`] : lines);
  return lines.length === 0 ? 0 : 1;
}

async function remove(context: CommandContext, profile: string): Promise<undefined> {
  await context.withService((client) => client.call('profiles.remove', { profile }));
  print(context, {}, [`Removed ${profile}.`]);
  return undefined;
}

/** Throws UsageError where it cannot be read. */
export function readGivenFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${systemReason(error)}`);
  }
}

/** Without the line's end; the rest is wiped. */
export function firstLine(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0x0a);
  if (end < 0) return bytes;
  bytes.fill(0, end);
  return bytes.subarray(0, end > 0 && bytes[end - 1] === 0x0d ? end - 1 : end);
}
