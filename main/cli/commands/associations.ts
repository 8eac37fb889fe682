// sealnic sa: the security associations. Never their keys.
import type { Command } from 'commander';
import type { ChildAssociation, IkeAssociation } from '../../control/values.ts';
import { formatBytes, formatCount, formatDuration, formatTable } from '../format.ts';
import type { Runner } from '../runner.ts';
import type { Style } from '../style.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';

export function addAssociationCommands(program: Command, run: Runner): void {
  const associations = program.command('sa').description('the security associations');
  associations.command('list').description('IKE and ESP SAs with their counters').action(run(list));
  associations
    .command('rekey')
    .argument('<profile>')
    .description('agree on new keys now, without losing a packet')
    .option('--ike', 'the IKE SA instead of its ESP SAs')
    .action(
      run((context, profile: string, options: { ike?: true }) =>
        rekey(context, profile, options.ike === true),
      ),
    );
  associations
    .command('delete')
    .argument('<spi>', 'as sa list shows it')
    .description('delete an ESP SA with its partner, or an IKE SA with its children')
    .action(run((context, spi: string) => remove(context, spi)));
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('sa.list', {}));
  const lines = associationLines(value.ike, value.children, context.style, context.now());
  print(context, value, lines.length === 0 ? ['There are no security associations.'] : lines);
  return undefined;
}

export function associationLines(
  ike: readonly IkeAssociation[],
  children: readonly ChildAssociation[],
  style: Style,
  now: number,
): string[] {
  const blocks = ike.map((association) => ikeLines(association, style, now));
  const associationsOfChildren = new Set(children.map((child) => child.association));
  for (const association of associationsOfChildren) {
    const pair = children.filter((child) => child.association === association);
    blocks.push(childLines(pair, style, now));
  }
  return blocks.flatMap((block, index) => (index === 0 ? block : ['', ...block]));
}

function ikeLines(association: IkeAssociation, style: Style, now: number): string[] {
  const age =
    association.establishedAt === undefined ? '' : ` for ${formatDuration(now - association.establishedAt)}`;
  const rekeys =
    association.rekeyAt === undefined ? '' : `, rekeys in ${formatDuration(association.rekeyAt - now)}`;
  const behindNat = [
    association.natDetected?.local === true ? 'we are' : '',
    association.natDetected?.remote === true ? 'the gateway is' : '',
  ].filter((side) => side !== '');
  return [
    `IKE ${style.strong(association.profile)} (${association.role}): ${association.state}${age}${rekeys}`,
    `  ${association.initiatorSpi} / ${association.responderSpi}  ${association.proposal}`,
    `  ${association.localEndpoint} ${association.localIdentity ?? ''} → ${association.remoteEndpoint} ${association.remoteIdentity ?? ''}`.trimEnd(),
    ...(behindNat.length === 0 ? [] : [`  ${behindNat.join(' and ')} behind a NAT`]),
  ];
}

/** The SAs of one association: what they cover, then one line each. */
function childLines(children: readonly ChildAssociation[], style: Style, now: number): string[] {
  const right = 'right' as const;
  const columns = [
    { title: '' },
    { title: 'SPI' },
    { title: 'ALGORITHM' },
    { title: 'AGE' },
    { title: 'REKEYS IN' },
    { title: 'ENDS IN' },
    { title: 'PACKETS', align: right },
    { title: 'BYTES', align: right },
    { title: 'REPLAYED', align: right },
  ];
  const rows = children.map((child) => {
    const ends = child.lifetime.hardSeconds;
    return [
      child.direction === 'outbound' ? '↑' : '↓',
      child.spi,
      child.algorithm,
      formatDuration(now - child.installedAt),
      child.rekeyAt === undefined ? '' : formatDuration(child.rekeyAt - now),
      ends === undefined ? '' : formatDuration(child.installedAt + ends * 1000 - now),
      formatCount(child.packets),
      formatBytes(child.bytes),
      child.replayDrops === undefined ? '' : formatCount(child.replayDrops),
    ];
  });
  const [first] = children;
  const covered = `${first?.localSelectors.join(', ')} ⇄ ${first?.remoteSelectors.join(', ')}`;
  const carried = first?.encapsulation === 'udp' ? 'ESP in UDP' : 'ESP';
  return [
    `${carried} ${style.strong(first?.profile ?? '')}: ${covered}`,
    ...formatTable(columns, rows).map((line) => `  ${line}`),
  ];
}

async function rekey(context: CommandContext, profile: string, ike: boolean): Promise<undefined> {
  const layer = ike ? 'ike' : 'child';
  await context.withService((client) => client.call('sa.rekey', { profile, layer }));
  print(context, {}, [`${profile}: rekeying the ${ike ? 'IKE SA' : 'ESP SAs'}`]);
  return undefined;
}

async function remove(context: CommandContext, spi: string): Promise<undefined> {
  const plain = spi.toLowerCase().replace(/^0x/, '');
  if (!/^[0-9a-f]{1,16}$/.test(plain)) {
    throw new UsageError(`"${spi}" is no SPI: it is given in hexadecimal, as sealnic sa list shows it`);
  }
  await context.withService((client) => client.call('sa.delete', { spi: plain }));
  print(context, {}, [`Deleted SA ${plain}.`]);
  return undefined;
}
