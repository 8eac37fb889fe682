// sealnic card: smart cards, their PINs, keys and certificates.
import { existsSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CardStatus, cardAlgorithms } from '../../control/card-values.ts';
import type { ControlClient } from '../../control/client.ts';
import type { Prompt } from '../../control/prompt-values.ts';
import { formatTable } from '../format.ts';
import { answeringPrompts } from '../prompting.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, systemReason, UsageError } from '../terminal.ts';
import { readGivenFile } from './profiles.ts';

const slots = ['9a', '9c', '9d'] as const;

export function addCardCommands(program: Command, run: Runner): void {
  const card = program.command('card').description('smart cards: PINs, keys, certificates');
  const command = (name: string, description: string) =>
    card
      .command(name)
      .description(description)
      .option('--card <id>', 'its id or its reader, where there are several');
  const secretStdin =
    'take PINs and keys from the lines of standard input, in the order in which they are asked';
  card.command('status').description('readers, cards, tries left, keys').action(run(status));
  command('test', 'sign with the card and check it')
    .addOption(new Option('--slot <slot>', 'which key').choices(['9a', '9c']).default('9a'))
    .option('--secret-stdin', secretStdin)
    .action(run((context, options: TestOptions) => test(context, options)));
  command('change-pin', 'choose another PIN')
    .option('--secret-stdin', `${secretStdin}: the new PIN, then the present one`)
    .action(run((context, options: CardOptions) => changePin(context, options, 'card.change-pin')));
  command('unblock', 'set a new PIN by the PUK')
    .option('--secret-stdin', `${secretStdin}: the new PIN, then the PUK`)
    .action(run((context, options: CardOptions) => changePin(context, options, 'card.unblock')));
  command('setup', 'take or make a key; write a certificate, or a request for an authority')
    .requiredOption('--subject <name>', 'whose it is: "CN=alice, O=Example"')
    .option('--name <name...>', 'e-mail addresses and domain names')
    .addOption(new Option('--slot <slot>', 'which key').choices(slots).default('9a'))
    .addOption(new Option('--algorithm <kind>', 'of a new key').choices(cardAlgorithms).default('ecc-p256'))
    .option('--request <file>', 'write a request for an authority (PKCS #10) into this file')
    .option('--days <days>', 'how long a self-signed certificate holds', daysOf, 1095)
    .option('--replace', 'make a new key although there is one')
    .option('--default-management-key', "the management key is the one of the card's maker")
    .option(
      '--secret-stdin',
      `${secretStdin}: the management key in hexadecimal (of a PIV card), then the PIN`,
    )
    .action(run((context, options: SetupOptions) => setup(context, options)));
  command('put-certificate', 'write the certificate that an authority gave')
    .argument('<file>', 'PEM or DER')
    .addOption(new Option('--slot <slot>', 'which key').choices(slots).default('9a'))
    .option('--replace', 'instead of the one that is there')
    .option('--default-management-key', "the management key is the one of the card's maker")
    .option('--secret-stdin', `${secretStdin}: the management key in hexadecimal, or a token's PIN`)
    .action(run((context, file: string, options: SetupOptions) => putCertificate(context, file, options)));
  const store = (name: string, description: string) =>
    command(name, description)
      .option('--default-management-key', "the management key is the one of the card's maker")
      .option('--secret-stdin', `${secretStdin}: the management key in hexadecimal, or a token's PIN`);
  store('store', 'write a profile with its secret onto the card, so that the card alone connects a computer')
    .argument('<profile>')
    .action(
      run((context, profile: string, options: SetupOptions) => storeProfile(context, profile, options)),
    );
  store('erase', 'take the profile off the card again').action(
    run((context, options: SetupOptions) => erase(context, options)),
  );
}

interface CardOptions {
  readonly card?: string;
  readonly secretStdin?: true;
}
interface TestOptions extends CardOptions {
  readonly slot: '9a' | '9c';
}
interface SetupOptions extends CardOptions {
  readonly subject: string;
  readonly name?: readonly string[];
  readonly slot: (typeof slots)[number];
  readonly algorithm: (typeof cardAlgorithms)[number];
  readonly request?: string;
  readonly days: number;
  readonly replace?: true;
  readonly defaultManagementKey?: true;
}

async function status(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('card.status', {}));
  const state = {
    'no-library': 'This computer has no library for smart cards (Debian: apt install pcscd libpcsclite1).',
    'no-service': "The computer's service for smart cards does not answer (systemctl start pcscd.socket).",
    'no-reader': 'There is no card reader.',
    ready: value.cards.length === 0 ? `No card is in ${value.readers.join(', ')}.` : '',
  }[value.state];
  const lines = value.cards.flatMap((card, index) => [
    ...(index === 0 ? [] : ['']),
    ...linesOf(context, card),
  ]);
  print(context, value, state === '' ? lines : [state, ...lines]);
  return undefined;
}

function linesOf(context: CommandContext, card: CardStatus): readonly string[] {
  const { triesLeft, keys, problem, detail } = card;
  const pin =
    triesLeft === undefined
      ? ''
      : triesLeft === 0
        ? 'PIN: blocked; set a new one by the PUK: sealnic card unblock'
        : `PIN: ${triesLeft} ${triesLeft === 1 ? 'try' : 'tries'} left${card.pinPad ? ', typed at the reader' : ''}`;
  const columns = [
    { title: 'SLOT' },
    { title: 'KEY' },
    { title: 'SUBJECT' },
    { title: 'ISSUER' },
    { title: 'UNTIL' },
  ];
  const rows = keys.map(({ slot, algorithm, subject, issuer, notAfter }) => [
    slot,
    algorithm,
    subject,
    issuer === subject ? 'itself' : issuer,
    `${new Date(notAfter).toISOString().slice(0, 10)}${notAfter < context.now() ? ' (expired)' : ''}`,
  ]);
  const none = problem === undefined ? ['No key has a certificate: sealnic card setup'] : [];
  return [
    `${card.label} in ${card.reader}`,
    `id: ${card.id}`,
    ...(problem === undefined ? [] : [`It cannot be used: ${detail ?? problem}.`]),
    ...(pin === '' ? [] : [pin]),
    ...(rows.length === 0 ? none : formatTable(columns, rows)),
  ];
}

async function test(context: CommandContext, options: TestOptions): Promise<undefined> {
  const lines = new InputLines(context, options.secretStdin === true);
  const value = await withPrompts(context, lines, (client) =>
    client.call('card.test', { slot: options.slot, ...chosen(options) }),
  );
  print(context, value, [
    `${value.subject}: the card signed (${value.algorithm}, ${value.milliseconds} ms), and the certificate confirms it.`,
  ]);
  return undefined;
}

async function changePin(
  context: CommandContext,
  options: CardOptions,
  method: 'card.change-pin' | 'card.unblock',
): Promise<number | undefined> {
  const lines = new InputLines(context, options.secretStdin === true);
  const pin = await lines.askTwice('New PIN');
  if (pin === undefined) return 1;
  await withPrompts(context, lines, (client) => client.call(method, chosen(options), { pin }));
  print(context, {}, ['The card has its new PIN.']);
  return undefined;
}

async function setup(context: CommandContext, options: SetupOptions): Promise<number | undefined> {
  const { request, subject, slot, algorithm, days } = options;
  if (request !== undefined && existsSync(request)) throw new UsageError(`${request} is there already`);
  const lines = new InputLines(context, options.secretStdin === true);
  const administration = await administrationOf(context, options, lines);
  if (administration === undefined) return 1;
  const value = await withPrompts(context, lines, (client) =>
    client.call(
      'card.setup',
      {
        subject,
        slot,
        algorithm,
        days,
        names: [...(options.name ?? [])],
        kind: request === undefined ? 'self-signed' : 'request',
        replace: options.replace === true,
        ...chosen(options),
      },
      administration,
    ),
  );
  if (request !== undefined) write(request, value.pem);
  const key = `${value.made ? 'Made a key' : 'Took the key that is there'} in slot ${slot.toUpperCase()} (${value.algorithm}).`;
  const next =
    request === undefined
      ? 'Its certificate is self-signed: the gateway has to trust it as it is.'
      : `Give ${request} to your authority; then: sealnic card put-certificate FILE --slot ${slot}`;
  print(context, value, request === undefined ? [key, next, value.pem.trimEnd()] : [key, next]);
  return undefined;
}

async function putCertificate(
  context: CommandContext,
  file: string,
  options: SetupOptions,
): Promise<number | undefined> {
  const certificate = readGivenFile(file);
  const lines = new InputLines(context, options.secretStdin === true);
  const administration = await administrationOf(context, options, lines);
  if (administration === undefined) return 1;
  const value = await withPrompts(context, lines, (client) =>
    client.call(
      'card.put-certificate',
      { slot: options.slot, replace: options.replace === true, ...chosen(options) },
      { certificate, ...administration },
    ),
  );
  print(context, value, [`The card has the certificate of ${value.subject}.`]);
  return undefined;
}

async function storeProfile(
  context: CommandContext,
  profile: string,
  options: SetupOptions,
): Promise<number | undefined> {
  const lines = new InputLines(context, options.secretStdin === true);
  const administration = await administrationOf(context, options, lines);
  if (administration === undefined) return 1;
  const value = await withPrompts(context, lines, (client) =>
    client.call('card.store', { profile, ...chosen(options) }, administration),
  );
  print(context, value, [`The card has the profile ${profile} (${value.bytes} bytes).`]);
  return undefined;
}

async function erase(context: CommandContext, options: SetupOptions): Promise<number | undefined> {
  const lines = new InputLines(context, options.secretStdin === true);
  const administration = await administrationOf(context, options, lines);
  if (administration === undefined) return 1;
  await withPrompts(context, lines, (client) => client.call('card.erase', chosen(options), administration));
  print(context, {}, ['The profile is off the card.']);
  return undefined;
}

/** What lets us write to the card: a PIV card's management key; nothing for a token, whose PIN is asked for later. */
async function administrationOf(
  context: CommandContext,
  { card: wanted, defaultManagementKey }: SetupOptions,
  lines: InputLines,
): Promise<{ managementKey?: Buffer } | undefined> {
  const { cards } = await context.withService((client) => client.call('card.status', {}));
  const found = cards.filter(({ id, reader }) => wanted === undefined || wanted === id || wanted === reader);
  if (found.length > 0 && found.every(({ provider }) => provider === 'pkcs11')) return {};
  const managementKey = await lines.managementKey(defaultManagementKey === true);
  return managementKey && { managementKey };
}

function chosen({ card }: CardOptions): { card?: string } {
  return card === undefined ? {} : { card };
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${systemReason(error)}`);
  }
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 36_525) return days;
  throw new InvalidArgumentError('a number of days, 1 to 36525.');
}

/** Answers the prompts that the call opens: those that belong to no connection. */
async function withPrompts<Value>(
  context: CommandContext,
  lines: InputLines,
  call: (client: ControlClient) => Promise<Value>,
): Promise<Value> {
  return await context.withService((client) => {
    const prompting = {
      concerns: ({ profile, vault, kind }: Prompt) =>
        profile === undefined && vault === undefined && (kind === 'pin' || kind === 'puk'),
      fromInput: lines.fromInput,
      store: false,
    };
    const remaining = { ...context, terminal: lines.terminal };
    return answeringPrompts(remaining, client, prompting, () => call(client));
  });
}

const makersManagementKey = '010203040506070801020304050607080102030405060708';

/** Secrets in order, from the terminal without echo or from the lines of standard input. */
class InputLines {
  readonly fromInput: boolean;
  readonly #context: CommandContext;
  #rest: Buffer | undefined;

  constructor(context: CommandContext, fromInput: boolean) {
    this.#context = context;
    this.fromInput = fromInput;
  }

  /** The terminal with what is left of standard input. */
  get terminal(): CommandContext['terminal'] {
    const { terminal } = this.#context;
    const readAll = async () => this.#rest ?? (await terminal.readAll());
    return Object.assign(Object.create(terminal), { readAll });
  }

  async askTwice(what: string): Promise<Buffer | undefined> {
    if (this.fromInput) return await this.#line(what);
    const first = await this.#ask(what);
    if (first === undefined) return undefined;
    const second = await this.#ask('Once more');
    const same = second?.equals(first) === true;
    second?.fill(0);
    if (same) return first;
    first.fill(0);
    throw new UsageError('the two are not the same; nothing was changed');
  }

  async managementKey(makers: boolean): Promise<Buffer | undefined> {
    if (makers) return Buffer.from(makersManagementKey, 'hex');
    const what = 'Management key (hexadecimal)';
    const text = this.fromInput ? await this.#line(what) : await this.#ask(what);
    if (text === undefined) return undefined;
    const digits = text.toString('latin1').replace(/[\s:]/g, '');
    text.fill(0);
    if (!/^([0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64})$/i.test(digits)) {
      throw new UsageError('a management key has 32, 48 or 64 hexadecimal digits');
    }
    return Buffer.from(digits, 'hex');
  }

  async #ask(what: string): Promise<Buffer | undefined> {
    const { terminal } = this.#context;
    if (!terminal.inputIsTerminal) throw new UsageError('run it in a terminal, or with --secret-stdin');
    return await terminal.askSecret(`${what}: `);
  }

  async #line(what: string): Promise<Buffer> {
    this.#rest ??= await this.#context.terminal.readAll();
    const end = this.#rest.indexOf(0x0a);
    const line = Buffer.from(end === -1 ? this.#rest : this.#rest.subarray(0, end));
    const rest = end === -1 ? Buffer.alloc(0) : Buffer.from(this.#rest.subarray(end + 1));
    this.#rest.fill(0);
    this.#rest = rest;
    if (line.length === 0) throw new UsageError(`standard input has no line for: ${what}`);
    return line;
  }
}
