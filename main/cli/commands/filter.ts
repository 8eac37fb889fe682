// sealnic filter: the table that decides what is sealed, what passes and what is dropped.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { englishOf } from '../../control/english.ts';
import type { Explanation, FilterRow, FilterRowTextValue, VerdictSample } from '../../control/values.ts';
import { formatBytes, formatCount, formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import type { Style } from '../style.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';

type Action = FilterRow['action'];
const highestPort = 65535;
const actions = ['PROTECT', 'BYPASS', 'DISCARD'] as const;

export function addFilterCommands(program: Command, run: Runner): void {
  const filter = program.command('filter').description('what is sealed, what passes, what is dropped');
  filter.command('list').description('the rows in the order in which they are tried').action(run(list));
  rowOptions(filter.command('add'))
    .description('add a row of your own')
    .option('--position <number>', 'place among your own rows, from 0', parseWholeNumber)
    .action(run((context, action: Action, options: AddOptions) => add(context, action, options)));
  rowOptions(filter.command('replace').argument('<id>', 'as filter list shows it'))
    .description('put another row in the place of one of your own')
    .action(
      run((context, id: string, action: Action, options: RowOptions) =>
        replace(context, id, action, options),
      ),
    );
  filter
    .command('move')
    .argument('<id>', 'as filter list shows it')
    .argument('<position>', 'place among your own rows, from 0', parseWholeNumber)
    .description('move a row of your own')
    .action(run((context, id: string, position: number) => move(context, id, position)));
  filter
    .command('remove')
    .argument('<id>', 'as filter list shows it')
    .description('remove a row of your own')
    .action(run((context, id: string) => remove(context, id)));
  filter
    .command('explain')
    .argument('<destination>', 'address or name')
    .description('say which row decides about a packet, and why')
    .option('--from <address>', 'source; by default the one this computer would use')
    .option('--protocol <protocol>', 'tcp, udp, icmp, …', 'tcp')
    .option('--port <port>', 'destination port', parsePort)
    .option('--from-port <port>', 'source port', parsePort)
    .action(run((context, to: string, options: ExplainOptions) => explain(context, to, options)));
  filter
    .command('tail')
    .description('recent verdicts: samples, not every packet')
    .addOption(new Option('-n, --lines <number>').default(20).argParser(parseWholeNumber))
    .action(run((context, options: { lines: number }) => tail(context, options.lines)));
}

/** What a row says, as arguments and options. */
function rowOptions(command: Command): Command {
  return command
    .argument('<action>', 'PROTECT, BYPASS or DISCARD', parseAction)
    .option('--from <addresses>', 'source: addresses, prefixes, ranges, "terminal", "any"', 'terminal')
    .option('--to <addresses>', 'destination, likewise; also "gateway", "local-network"', 'any')
    .option('--protocol <protocol>', '"any", "tcp", "udp", "icmp", "icmpv6" or a number', 'any')
    .option('--from-port <ports>', '"443", "8000-8080", several with commas', checkPorts)
    .option('--port <ports>', 'destination ports, likewise; ICMP: "type" or "type/code"', checkPorts)
    .option('--allow-inbound', 'BYPASS: the other side may begin, too')
    .option('--profile <profile>', 'PROTECT: the profile that protects')
    .option('--note <text>', 'shown beside the row');
}

interface RowOptions {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly fromPort?: string;
  readonly port?: string;
  readonly profile?: string;
  readonly note?: string;
  readonly allowInbound?: true;
}

interface AddOptions extends RowOptions {
  readonly position?: number;
}

interface ExplainOptions {
  readonly from?: string;
  readonly protocol: string;
  readonly port?: number;
  readonly fromPort?: number;
}

export function parseWholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
  return Number(text);
}

function parsePort(text: string): number {
  const port = parseWholeNumber(text);
  if (port > highestPort) throw new InvalidArgumentError(`Ports go from 0 to ${highestPort}.`);
  return port;
}

/** Only what no protocol has; the rest depends on the protocol, and the service knows. */
function checkPorts(text: string): string {
  for (const [digits] of text.matchAll(/\d+/g)) {
    if (Number(digits) > highestPort) throw new InvalidArgumentError(`Ports go from 0 to ${highestPort}.`);
  }
  return text;
}

function parseAction(text: string): Action {
  const action = actions.find((name) => name === text.toUpperCase());
  if (action === undefined) throw new InvalidArgumentError('It is PROTECT, BYPASS or DISCARD.');
  return action;
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('filter.list', {}));
  print(context, value, filterLines(value.rows, context.style));
  return undefined;
}

export function filterLines(rows: readonly FilterRow[], style: Style): string[] {
  const columns = [
    { title: 'ID' },
    { title: 'ACTION' },
    { title: 'WHAT' },
    { title: 'PACKETS', align: 'right' as const },
    { title: 'BYTES', align: 'right' as const },
    { title: 'BY' },
    { title: 'FROM' },
    { title: rows.some((row) => row.note !== undefined || row.problem !== undefined) ? 'NOTE' : '' },
  ];
  return formatTable(
    columns,
    rows.map((row) => [
      row.id,
      styledAction(row.action, style),
      rowText(row),
      formatCount(row.hits.packets),
      formatBytes(row.hits.bytes),
      row.spi === undefined ? row.enforcedBy : `SA ${row.spi}`,
      row.origin,
      row.problem === undefined
        ? style.faint(row.note ?? '')
        : style.bad(`not in force: ${englishOf(row.problem)}`),
    ]),
  );
}

export function styledAction(action: Action, style: Style): string {
  return { PROTECT: style.good, BYPASS: style.accent, DISCARD: style.bad }[action](action);
}

/** "terminal → 10.1.0.0/16 tcp 443". */
export function rowText(row: FilterRow): string {
  const fromPorts = row.sourcePorts === undefined ? '' : `:${row.sourcePorts}`;
  const what = [row.protocol === 'any' ? '' : row.protocol, row.destinationPorts ?? '']
    .filter((part) => part !== '')
    .join(' ');
  const both = row.allowInbound === true ? '⇄' : '→';
  return `${row.source}${fromPorts} ${both} ${row.destination}${what === '' ? '' : ` ${what}`}`;
}

/** Throws UsageError for what can be told without asking the service. */
function rowOf(action: Action, options: RowOptions): FilterRowTextValue {
  if (action === 'PROTECT' && options.profile === undefined) {
    throw new UsageError('a PROTECT row needs --profile: which profile protects?');
  }
  if (action !== 'BYPASS' && options.allowInbound === true) {
    throw new UsageError('--allow-inbound goes with BYPASS only');
  }
  if (options.protocol.toLowerCase() === 'any') {
    for (const [name, ports] of [
      ['--port', options.port],
      ['--from-port', options.fromPort],
    ] as const) {
      if (ports === undefined || ports === 'any') continue;
      throw new UsageError(`${name} needs a protocol that has ports: --protocol tcp or --protocol udp`);
    }
  }
  return {
    source: options.from,
    destination: options.to,
    protocol: options.protocol,
    action,
    ...(options.fromPort === undefined ? {} : { sourcePorts: options.fromPort }),
    ...(options.port === undefined ? {} : { destinationPorts: options.port }),
    ...(options.allowInbound === undefined ? {} : { allowInbound: true }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.note === undefined ? {} : { note: options.note }),
  };
}

async function add(context: CommandContext, action: Action, options: AddOptions): Promise<undefined> {
  const row = rowOf(action, options);
  const position = options.position === undefined ? {} : { position: options.position };
  const value = await context.withService((client) => client.call('filter.add', { row, ...position }));
  print(context, value, [`Added row ${value.id}.`]);
  return undefined;
}

async function replace(
  context: CommandContext,
  id: string,
  action: Action,
  options: RowOptions,
): Promise<undefined> {
  const row = rowOf(action, options);
  await context.withService((client) => client.call('filter.replace', { id, row }));
  print(context, {}, [`Replaced row ${id}.`]);
  return undefined;
}

async function move(context: CommandContext, id: string, position: number): Promise<undefined> {
  await context.withService((client) => client.call('filter.move', { id, position }));
  print(context, {}, [`Moved row ${id}.`]);
  return undefined;
}

async function remove(context: CommandContext, id: string): Promise<undefined> {
  await context.withService((client) => client.call('filter.remove', { id }));
  print(context, {}, [`Removed row ${id}.`]);
  return undefined;
}

async function explain(
  context: CommandContext,
  destination: string,
  options: ExplainOptions,
): Promise<undefined> {
  const parameters = {
    destination,
    protocol: options.protocol,
    ...(options.from === undefined ? {} : { source: options.from }),
    ...(options.fromPort === undefined ? {} : { sourcePort: options.fromPort }),
    ...(options.port === undefined ? {} : { destinationPort: options.port }),
  };
  const value = await context.withService((client) => client.call('filter.explain', parameters));
  print(
    context,
    value,
    value.explanations.flatMap((explanation) => explanationLines(explanation, context.style)),
  );
  return undefined;
}

const outcomeWords: Readonly<Record<Explanation['outcome'], string>> = {
  sealed: 'sealed',
  'waits-for-agreement': 'kept back until there is an SA',
  'outside-selectors': 'dropped, since the gateway does not carry it',
  passed: 'passed as it is',
  dropped: 'dropped',
  'not-in-force': 'not in force, since nothing is connected',
};

function explanationLines(explanation: Explanation, style: Style): string[] {
  const port = (explanation.destinationPort ?? 0) === 0 ? '' : ` port ${explanation.destinationPort}`;
  const packet = `${explanation.source} → ${explanation.destination} ${explanation.protocol}${port}`;
  const consequence = outcomeWords[explanation.outcome];
  const by = {
    engine: explanation.spi === undefined ? '' : `, by SA ${explanation.spi}`,
    firewall: ", by the system's firewall",
    nobody: ", by the system's own path",
  }[explanation.outcome === 'not-in-force' ? 'engine' : explanation.enforcedBy];
  return [
    `${packet}: ${styledAction(explanation.action, style)} (${consequence}${by})`,
    `  row ${explanation.rowId} "${englishOf(explanation.rowLabel)}" of ${explanation.origin}: ${englishOf(explanation.reason)}`,
    ...explanation.passed.map(
      ({ rowId, rowLabel, difference }) =>
        `  not ${rowId} "${englishOf(rowLabel)}": ${englishOf(difference)}`,
    ),
  ];
}

async function tail(context: CommandContext, lines: number): Promise<undefined> {
  const limit = Math.min(Math.max(lines, 1), 1000);
  const value = await context.withService((client) =>
    client.call('verdicts.tail', { after: 0, limit: 1000 }),
  );
  const samples = value.samples.slice(-limit);
  print(
    context,
    { samples },
    samples.map((sample) => sampleLine(sample, context.style)),
  );
  return undefined;
}

function sampleLine(sample: VerdictSample, style: Style): string {
  const time = new Date(sample.at).toISOString().slice(11, 23);
  const arrow = sample.direction === 'outbound' ? '↑' : '↓';
  const source = withPort(sample.source, sample.sourcePort);
  const destination = withPort(sample.destination, sample.destinationPort);
  const row =
    sample.rowId === undefined
      ? ''
      : `  row ${sample.rowId}${sample.rowLabel === undefined ? '' : ` "${englishOf(sample.rowLabel)}"`}`;
  const reason = sample.dropReason === undefined ? '' : style.bad(`  ${sample.dropReason}`);
  const action = styledAction(sample.action, style);
  return `${time} ${arrow} ${action} ${source} → ${destination} ${sample.protocol}${row}${reason}`;
}

function withPort(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
