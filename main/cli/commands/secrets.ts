// sealnic secrets: hands secrets to the service, which never gives one out again.
import { type Command, Option } from 'commander';
import { type SecretSummary, secretKinds } from '../../control/values.ts';
import { formatDuration, formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';
import { firstLine, readGivenFile } from './profiles.ts';

export function addSecretCommands(program: Command, run: Runner): void {
  const secrets = program.command('secrets').description('pre-shared keys, private keys, certificates');
  secrets
    .command('put')
    .argument('<name>', 'as the profile names it')
    .description('store a secret: from a file, from standard input, or typed without echo')
    .addOption(new Option('--kind <kind>', 'what it is').choices(secretKinds).default('psk'))
    .option('--file <file>', 'PEM or DER for keys and certificates')
    .addOption(new Option('--hex', 'what is given is hexadecimal').conflicts('base64'))
    .option('--base64', 'what is given is base64')
    .action(run((context, name: string, options: PutOptions) => put(context, name, options)));
  secrets.command('list').description('their names').action(run(list));
  secrets
    .command('remove')
    .argument('<name>')
    .description('forget a secret')
    .action(run((context, name: string) => remove(context, name)));
}

interface PutOptions {
  readonly kind: SecretSummary['kind'];
  readonly file?: string;
  readonly hex?: true;
  readonly base64?: true;
}

async function put(context: CommandContext, name: string, options: PutOptions): Promise<number | undefined> {
  const given = await readSecret(context, name, options);
  if (given === undefined) return 1;
  try {
    const secret = decode(given, options);
    if (secret.length === 0) throw new UsageError('the secret is empty');
    await context.withService((client) =>
      client.call('secrets.put', { name, kind: options.kind }, { secret }),
    );
  } finally {
    given.fill(0);
  }
  print(context, {}, [`Stored ${name}.`]);
  return undefined;
}

async function readSecret(
  context: CommandContext,
  name: string,
  options: PutOptions,
): Promise<Buffer | undefined> {
  const { terminal } = context;
  if (options.file !== undefined || !terminal.inputIsTerminal) {
    const bytes = options.file === undefined ? await terminal.readAll() : readGivenFile(options.file);
    return options.kind === 'psk' ? firstLine(bytes) : bytes;
  }
  if (options.kind !== 'psk') throw new UsageError(`a ${options.kind} is given with --file`);
  const first = await terminal.askSecret(`Secret ${name}: `);
  if (first === undefined) return undefined;
  const second = await terminal.askSecret('Once more: ');
  if (second === undefined) return undefined;
  const same = first.equals(second);
  second.fill(0);
  if (same) return first;
  first.fill(0);
  throw new UsageError('the two are not the same; nothing was stored');
}

/** Copies; the caller wipes what was given, the client what comes back. */
function decode(given: Buffer, options: PutOptions): Buffer {
  if (options.hex !== true && options.base64 !== true) return Buffer.from(given);
  const encoding = options.hex === true ? 'hex' : 'base64';
  const digits = given.toString('latin1').replace(/\s+/g, '');
  const valid = options.hex === true ? /^([0-9a-f]{2})*$/i : /^[A-Za-z0-9+/]*={0,2}$/;
  if (!valid.test(digits))
    throw new UsageError(`the secret is not ${options.hex === true ? 'hexadecimal' : 'base64'}`);
  return Buffer.from(digits, encoding);
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('secrets.list', {}));
  const columns = [
    { title: 'NAME' },
    { title: 'KIND' },
    { title: 'OWNER' },
    { title: 'STORED' },
    { title: 'USED BY' },
  ];
  const rows = value.secrets.map((secret) => [
    secret.name,
    secret.kind,
    `uid ${secret.owner}`,
    `${formatDuration(context.now() - secret.storedAt)} ago`,
    secret.usedBy.join(', '),
  ]);
  const none = ['No secret is stored.', 'Store one: sealnic secrets put NAME'];
  print(context, value, rows.length === 0 ? none : formatTable(columns, rows));
  return undefined;
}

async function remove(context: CommandContext, name: string): Promise<undefined> {
  await context.withService((client) => client.call('secrets.remove', { name }));
  print(context, {}, [`Removed ${name}.`]);
  return undefined;
}
