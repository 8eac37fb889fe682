// sealnic vault: encrypted files for secrets, by what they are opened, and where they lie.
import { type Command, Option } from 'commander';
import { protectorRules, protectorTypes, type VaultSummary } from '../../control/vault-values.ts';
import { formatTable } from '../format.ts';
import { answeringPrompts } from '../prompting.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';
import { firstLine } from './profiles.ts';
import { openByKeychain, type ProtectorOptions, withNewProtectors, withRecoveryCode } from './protectors.ts';

export function addVaultCommands(program: Command, run: Runner): void {
  const vault = program
    .command('vault')
    .description('encrypted files for secrets, also on a removable medium');
  vault.command('list').description('where they are, and what is open').action(run(list));
  addNewCompartmentOptions(vault.command('create').argument('<name>'))
    .description('make a vault; its first compartment is open afterwards')
    .option('--path <file>', 'where; in the folder of the service by default')
    .option('--removable', 'the path lies on a medium that comes and goes')
    .option('--default', 'secrets of imports go there from now on')
    .action(run((context, name: string, options: CreateOptions) => create(context, name, options)));
  addNewCompartmentOptions(vault.command('add-compartment').argument('<vault>'))
    .description('a further compartment, with protectors of its own')
    .action(
      run((context, name: string, options: CompartmentOptions) => addCompartment(context, name, options)),
    );
  vault
    .command('enrol')
    .argument('<file>')
    .description('take up a vault that was made elsewhere; what it holds now is trusted')
    .option('--removable', 'the file lies on a medium that comes and goes')
    .action(
      run(async (context, path: string, { removable = false }: { removable?: boolean }) => {
        await call(context, 'vault.enrol', { path: absolute(path), removable }, `Enrolled ${path}.`);
        return undefined;
      }),
    );
  vault
    .command('forget')
    .argument('<vault>')
    .description('the service knows it no more; its file stays')
    .option('--erase', 'remove its file too')
    .action(
      run(async (context, name: string, { erase = false }: { erase?: boolean }) => {
        await call(context, 'vault.forget', { vault: name, erase }, `Forgot ${name}.`);
        return undefined;
      }),
    );
  vault
    .command('open')
    .argument('<vault>')
    .description('open what can be opened: by the keychain, a card, a passphrase')
    .option('--compartment <name>', 'this one only')
    .option('--passphrase-stdin', 'the passphrase is the first line of standard input')
    .option('--recovery', 'by the recovery code')
    .action(run((context, name: string, options: OpenOptions) => open(context, name, options)));
  vault
    .command('close')
    .argument('<vault>')
    .description('lock it; connections that use it end')
    .action(
      run(async (context, name: string) => {
        await call(context, 'vault.close', { vault: name }, `Locked ${name}.`);
        return undefined;
      }),
    );
  vault
    .command('move')
    .argument('<vault>')
    .argument('[file]', 'into the folder of the service by default')
    .description('put its file somewhere else')
    .option('--removable', 'the path lies on a medium that comes and goes')
    .action(
      run(
        async (
          context,
          name: string,
          file: string | undefined,
          { removable = false }: { removable?: boolean },
        ) => {
          const path = file === undefined ? {} : { path: absolute(file) };
          const moved = await context.withService((client) =>
            client.call('vault.move', { vault: name, ...path, removable }),
          );
          print(context, moved, [`Moved ${name} to ${moved.path}.`]);
          return undefined;
        },
      ),
    );
  vault
    .command('verify')
    .argument('<vault>')
    .description('read the file again and check every part of it that can be checked')
    .action(run(verify));
  vault
    .command('rotate')
    .argument('<vault>')
    .description('give an open compartment new keys')
    .requiredOption('--compartment <name>')
    .action(
      run(async (context, name: string, { compartment }: { compartment: string }) => {
        await call(context, 'vault.rotate', { vault: name, compartment }, `${compartment} has new keys.`);
        return undefined;
      }),
    );
  vault
    .command('accept')
    .argument('<vault>')
    .description('take what the file holds, though it is older than, or signed otherwise than what was seen')
    .action(
      run(async (context, name: string) => {
        await call(context, 'vault.accept', { vault: name }, `Accepted ${name} as it is.`);
        return undefined;
      }),
    );
  vault
    .command('default')
    .argument('[vault]', 'none: secrets of imports go into files of the service')
    .description('where the secrets of imports go')
    .action(
      run(async (context, name: string | undefined) => {
        const chosen = name === undefined ? {} : { vault: name };
        const where = name ?? 'files of the service';
        await call(context, 'vault.make-default', chosen, `Secrets of imports go into ${where}.`);
        return undefined;
      }),
    );
}

interface CompartmentOptions extends ProtectorOptions {
  readonly compartment: string;
  readonly rule: VaultSummary['compartments'][number]['rule'];
  readonly onlyCard?: true;
}

interface CreateOptions extends CompartmentOptions {
  readonly path?: string;
  readonly removable?: true;
  readonly default?: true;
}

interface OpenOptions {
  readonly compartment?: string;
  readonly passphraseStdin?: true;
  readonly recovery?: true;
}

function addNewCompartmentOptions(command: Command): Command {
  return command
    .option('--compartment <name>', 'its name', 'secrets')
    .addOption(
      new Option('--rule <rule>', 'any or all of its protectors').choices(protectorRules).default('any'),
    )
    .addOption(
      new Option('--protector <types...>', 'by what it is opened')
        .choices(protectorTypes)
        .default(['passphrase']),
    )
    .option('--card <id>', 'which card; the only one that is in by default')
    .option('--only-card', 'a pulled card locks it: neither keychain nor system protectors are allowed')
    .option('--passphrase-stdin', 'the passphrase is the first line of standard input');
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('vault.list', {}));
  const columns = [
    { title: 'VAULT' },
    { title: 'COMPARTMENT' },
    { title: 'STATE' },
    { title: 'OPENED BY' },
    { title: 'WHERE' },
  ];
  const rows = value.vaults.flatMap((vault) => {
    const where = vault.path ?? 'medium is out';
    const name = vault.default ? `${vault.name} (default)` : vault.name;
    if (vault.compartments.length === 0) return [[name, '', vault.problem?.problem ?? 'empty', '', where]];
    return vault.compartments.map(({ name: compartment, open: isOpen, kind, rule, protectors }) => {
      const state = vault.problem?.problem ?? (isOpen ? 'open' : 'locked');
      const by = protectors.map(({ type }) => type).join(rule === 'all' ? ' and ' : ', ');
      return [name, kind === 'card' ? `${compartment} (card)` : compartment, state, by, where];
    });
  });
  const problems = value.vaults.flatMap(({ name, problem }) =>
    problem ? [`${name}: ${problem.detail}`] : [],
  );
  const none = ['There is no vault.', 'Make one: sealnic vault create NAME'];
  print(context, value, rows.length === 0 ? none : [...formatTable(columns, rows), ...problems]);
  return undefined;
}

async function create(
  context: CommandContext,
  name: string,
  options: CreateOptions,
): Promise<number | undefined> {
  if (options.removable === true && options.path === undefined) {
    throw new UsageError('--removable needs --path');
  }
  return withNewProtectors(context, options, async (protectors, uploads) => {
    const makeDefault = options.default === true;
    const given = { name, compartment: newCompartment(options, protectors), makeDefault };
    const { path, removable = false } = options;
    const made = await context.withService((client) =>
      path === undefined
        ? client.call('vault.create', given, uploads)
        : client.call('vault.create-at', { ...given, path: absolute(path), removable }, uploads),
    );
    print(context, made, [
      `Made the vault ${name}; its compartment ${options.compartment} is open.`,
      `Put secrets into it: sealnic keys add NAME --vault ${name}`,
    ]);
  });
}

async function addCompartment(
  context: CommandContext,
  vault: string,
  options: CompartmentOptions,
): Promise<number | undefined> {
  return withNewProtectors(context, options, async (protectors, uploads) => {
    const compartment = newCompartment(options, protectors);
    await context.withService((client) =>
      client.call('keys.add-compartment', { vault, compartment }, uploads),
    );
    print(context, {}, [`${vault} has a further compartment, ${options.compartment}, which is open.`]);
  });
}

function newCompartment<Protectors>(
  { compartment, rule, onlyCard }: CompartmentOptions,
  protectors: Protectors,
) {
  return { name: compartment, kind: onlyCard === true ? 'card' : 'ordinary', rule, protectors } as const;
}

async function open(
  context: CommandContext,
  vault: string,
  options: OpenOptions,
): Promise<number | undefined> {
  const compartment = options.compartment === undefined ? {} : { compartment: options.compartment };
  const target = { vault, ...compartment };
  if (options.recovery === true) {
    return withRecoveryCode(context, async (recoverySecret) => {
      const value = await context.withService((client) =>
        client.call('vault.open', target, { recoverySecret }),
      );
      tellOpened(context, vault, value);
    });
  }
  if (options.passphraseStdin === true) {
    const passphrase = firstLine(await context.terminal.readAll());
    tellOpened(
      context,
      vault,
      await context.withService((client) => client.call('vault.open', target, { passphrase })),
    );
    return undefined;
  }
  const value = await context.withService(async (client) => {
    const byKeychain = await openByKeychain(client, target);
    if (byKeychain !== undefined) return byKeychain;
    const prompting = {
      concerns: (prompt: { vault?: string | undefined; profile?: string | undefined }) =>
        prompt.vault === vault && prompt.profile === undefined,
      fromInput: false,
      store: false,
    };
    return answeringPrompts(context, client, prompting, () => client.call('vault.open', target, {}));
  });
  tellOpened(context, vault, value);
  return undefined;
}

function tellOpened(
  context: CommandContext,
  vault: string,
  value: { opened: string[]; missing: string[] },
): void {
  const { opened, missing } = value;
  const lines = opened.length === 0 ? [] : [`Open in ${vault}: ${opened.join(', ')}.`];
  if (missing.length > 0) lines.push(`Also needed: ${missing.join(', ')}. Give it with another vault open.`);
  print(context, value, lines.length === 0 ? [`Nothing in ${vault} was locked.`] : lines);
}

async function verify(context: CommandContext, vault: string): Promise<undefined> {
  const value = await context.withService((client) => client.call('vault.verify', { vault }));
  const columns = [{ title: 'COMPARTMENT' }, { title: 'GENERATION' }, { title: 'CONTENT' }];
  const rows = value.compartments.map(({ name, generation, entries }) => [
    name,
    String(generation),
    entries === undefined ? 'locked; signature good' : `open; ${entries} entries`,
  ]);
  print(context, value, [
    `${vault} is whole, in generation ${value.generation}.`,
    ...formatTable(columns, rows),
  ]);
  return undefined;
}

async function call<
  Name extends
    | 'vault.enrol'
    | 'vault.forget'
    | 'vault.close'
    | 'vault.rotate'
    | 'vault.accept'
    | 'vault.make-default',
>(context: CommandContext, method: Name, parameters: unknown, done: string): Promise<void> {
  const value = await context.withService((client) =>
    client.call(method as 'vault.close', parameters as never),
  );
  print(context, value, [done]);
}

function absolute(path: string): string {
  if (path.startsWith('/')) return path;
  throw new UsageError(`${path}: the path of a vault is given from the root: /media/stick/sealnic.vault`);
}
