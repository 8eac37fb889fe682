// sealnic keys: what lies in vaults, by name, and by what each compartment is opened.
import { type Command, Option } from 'commander';
import { type KeyKind, keyKinds, protectorTypes } from '../../control/vault-values.ts';
import { forgetWrappingKey } from '../../keys/keychain/keychain.ts';
import { formatDuration, formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';
import { firstLine, readGivenFile } from './profiles.ts';
import { type ProtectorOptions, withNewProtectors } from './protectors.ts';

export function addKeyCommands(program: Command, run: Runner): void {
  const keys = program.command('keys').description('secrets in vaults, and what opens them');
  keys.command('list').description('their names').action(run(list));
  keys
    .command('add')
    .argument('<name>', 'as the profile names it')
    .description('put something into an open compartment: from a file, standard input, or typed without echo')
    .addOption(new Option('--kind <kind>', 'what it is').choices(keyKinds).default('psk'))
    .option('--vault <name>', 'the default one, if not said')
    .option('--compartment <name>', 'the open one, if not said')
    .option('--file <file>', 'PEM or DER for keys and certificates, TOML for profiles and filter rows')
    .action(run((context, name: string, options: AddOptions) => add(context, name, options)));
  keys
    .command('remove')
    .argument('<name>')
    .description('take it out of the open compartments')
    .addOption(new Option('--kind <kind>', 'this kind only').choices(keyKinds))
    .option('--vault <name>', 'this vault only')
    .action(
      run(async (context, name: string, options: { kind?: KeyKind; vault?: string }) => {
        await context.withService((client) => client.call('keys.remove', { name, ...options }));
        print(context, {}, [`Removed ${name}.`]);
        return undefined;
      }),
    );
  keys
    .command('export')
    .argument('<name>')
    .description('print a certificate; nothing secret can be exported')
    .action(
      run(async (context, name: string) => {
        const value = await context.withService((client) => client.call('keys.certificate', { name }));
        print(context, value, [value.pem.trimEnd()]);
        return undefined;
      }),
    );
  const protectors = keys.command('protectors').description('by what compartments are opened');
  protectors.command('list').argument('[vault]').action(run(listProtectors));
  protectors
    .command('add')
    .argument('<vault>')
    .description('a further one for an open compartment; the secrets in it need not be given again')
    .requiredOption('--compartment <name>')
    .addOption(new Option('--type <type>', 'what it is').choices(protectorTypes).makeOptionMandatory())
    .option('--replaces <id>', 'the one with this id goes, e.g. the old passphrase')
    .option('--card <id>', 'which card; the only one that is in by default')
    .option('--passphrase-stdin', 'the passphrase is the first line of standard input')
    .action(
      run((context, vault: string, options: ProtectorAddOptions) => addProtector(context, vault, options)),
    );
  protectors
    .command('remove')
    .argument('<vault>')
    .argument('<id>')
    .description('it opens nothing that is written from now on: the compartment gets new keys')
    .requiredOption('--compartment <name>')
    .action(
      run(async (context, vault: string, id: string, { compartment }: { compartment: string }) => {
        await context.withService((client) =>
          client.call('keys.remove-protector', { vault, compartment, id }),
        );
        await forgetWrappingKey(id).catch(() => false);
        print(context, {}, [`Removed the protector.`]);
        return undefined;
      }),
    );
}

interface AddOptions {
  readonly kind: KeyKind;
  readonly vault?: string;
  readonly compartment?: string;
  readonly file?: string;
}

interface ProtectorAddOptions extends Omit<ProtectorOptions, 'protector'> {
  readonly compartment: string;
  readonly type: ProtectorOptions['protector'][number];
  readonly replaces?: string;
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('keys.list', {}));
  const columns = [
    { title: 'NAME' },
    { title: 'KIND' },
    { title: 'VAULT' },
    { title: 'STATE' },
    { title: 'STORED' },
    { title: 'USED BY' },
  ];
  const rows = value.keys.map(({ name, kind, vault, compartment, open, storedAt, usedBy }) => [
    name,
    kind,
    `${vault} / ${compartment}`,
    open ? 'open' : 'locked',
    storedAt === undefined ? '' : `${formatDuration(context.now() - storedAt)} ago`,
    usedBy.join(', '),
  ]);
  const none = [
    'Nothing is known to lie in a vault.',
    'Put something in: sealnic keys add NAME --vault VAULT',
  ];
  print(context, value, rows.length === 0 ? none : formatTable(columns, rows));
  return undefined;
}

async function add(context: CommandContext, name: string, options: AddOptions): Promise<number | undefined> {
  const secret = await readValue(context, name, options);
  if (secret === undefined) return 1;
  const { kind, vault, compartment } = options;
  const where = { ...(vault && { vault }), ...(compartment && { compartment }) };
  const value = await context.withService((client) =>
    client.call('keys.add', { name, kind, ...where }, { secret }),
  );
  print(context, value, [`Stored ${name} in ${value.vault} / ${value.compartment}.`]);
  return undefined;
}

async function readValue(
  { terminal }: CommandContext,
  name: string,
  { kind, file }: AddOptions,
): Promise<Buffer | undefined> {
  const typed = kind === 'psk' || kind === 'password';
  if (file !== undefined || !terminal.inputIsTerminal) {
    const bytes = file === undefined ? await terminal.readAll() : readGivenFile(file);
    return Buffer.from(typed ? firstLine(bytes) : bytes);
  }
  if (!typed) throw new UsageError(`a ${kind} is given with --file`);
  const first = await terminal.askSecret(`Secret ${name}: `);
  if (first === undefined) return undefined;
  const second = await terminal.askSecret('Once more: ');
  const same = second !== undefined && first.equals(second);
  second?.fill(0);
  if (same) return first;
  first.fill(0);
  if (second === undefined) return undefined;
  throw new UsageError('the two are not the same; nothing was stored');
}

async function listProtectors(context: CommandContext, vault: string | undefined): Promise<undefined> {
  const { vaults } = await context.withService((client) => client.call('vault.list', {}));
  const chosen = vaults.filter(({ name }) => (vault ?? name) === name);
  const value = chosen.map(({ name, compartments }) => ({ vault: name, compartments }));
  const columns = [
    { title: 'VAULT' },
    { title: 'COMPARTMENT' },
    { title: 'RULE' },
    { title: 'OPENED BY' },
    { title: 'ID' },
  ];
  const rows = chosen.flatMap(({ name, compartments }) =>
    compartments.flatMap((compartment) =>
      compartment.protectors.map(({ id, type, label }) => [
        name,
        compartment.name,
        compartment.rule,
        label === type ? type : `${label} (${type})`,
        id,
      ]),
    ),
  );
  print(context, value, rows.length === 0 ? ['There is none.'] : formatTable(columns, rows));
  return undefined;
}

async function addProtector(
  context: CommandContext,
  vault: string,
  { type, compartment, replaces, ...options }: ProtectorAddOptions,
): Promise<number | undefined> {
  return withNewProtectors(context, { ...options, protector: [type] }, async ([protector], uploads) => {
    const given = { vault, compartment, protector: protector!, ...(replaces && { replaces }) };
    const value = await context.withService((client) => client.call('keys.add-protector', given, uploads));
    print(context, value, [`${compartment} of ${vault} is opened by it too (${value.id}).`]);
  });
}
