// Addresses, routes and policy rules on Linux, as lines for `ip -batch` that can be repeated and taken back.
import { failed, runCommand } from '../command/linux.ts';
import { familyOf, splitPrefixes } from '../network/prefixes.ts';
import type { FailClosedConfiguration, TunnelConfiguration } from '../network.ts';

/** By number: names need /etc/protocols, which a small system may not have. */
const udp = 17;
const tcp = 6;

/** One change: the line that makes it, and the one that takes it back. */
export interface IpChange {
  readonly family: 4 | 6;
  readonly make: string;
  readonly undo: string;
}

/**
 * What keeps protected destinations shut while there is no adapter: routes that say "unreachable", worse than every
 * other, in a table that every unmarked packet is looked up in; ahead of it, what may pass by.
 */
export function failClosedRoutes(
  configuration: FailClosedConfiguration,
  localNetworks: readonly string[],
): IpChange[] {
  const { routingTable, rulePriority } = configuration;
  const prefixes = splitPrefixes(configuration.protectedPrefixes);
  return families
    .filter((family) => prefixes[family].length > 0)
    .flatMap((family) => [
      ...prefixes[family].map((prefix) =>
        route(family, `unreachable ${prefix} metric ${worstMetric} table ${routingTable}`),
      ),
      ...exceptions(configuration, localNetworks, family).map((what) =>
        rule(family, `priority ${rulePriority - 1} ${what} lookup main`),
      ),
      lookupRule(configuration, family),
    ]);
}

/** The adapter's addresses, and the routes into it: from the source that is stated, else the one that `realSource` finds. */
export function tunnelRoutes(
  configuration: TunnelConfiguration,
  realSource: (prefix: string) => string | undefined,
): IpChange[] {
  const { interfaceName, routingTable } = configuration;
  const sources = new Map(configuration.sources.map(({ prefix, source }) => [prefix, source]));
  const routed = [...new Set([...configuration.routedPrefixes, ...sources.keys()])];
  return families.flatMap((family) => {
    const ofFamily = routed.filter((prefix) => familyOf(prefix) === family);
    const addresses = configuration.addresses.filter((text) => familyOf(text) === family);
    return [
      ...addresses.map((text) => address(family, text, interfaceName)),
      ...ofFamily.map((prefix) => {
        const source = sources.get(prefix) ?? realSource(prefix);
        const place = `${prefix} dev ${interfaceName} table ${routingTable} metric ${tunnelMetric}`;
        return route(family, place, source === undefined ? '' : ` src ${source}`);
      }),
      ...(ofFamily.length > 0 ? [lookupRule(configuration, family)] : []),
    ];
  });
}

/** Makes the changes; one that is there already is no error. */
export async function makeIpChanges(changes: readonly IpChange[]): Promise<void> {
  await runBatches(
    changes.map(({ family, make }) => ({ family, line: make })),
    ['File exists'],
  );
}

/** Takes changes back; one that is gone already is no error. */
export async function undoIpChanges(lines: readonly { family: 4 | 6; line: string }[]): Promise<void> {
  await runBatches(lines, [
    'No such process',
    'No such file or directory',
    'Cannot find device',
    'No such device',
    'Cannot assign requested address',
    'FIB table does not exist',
  ]);
}

const families = [4, 6] as const;
const worstMetric = 4_294_967_295;
const tunnelMetric = 64;

function route(family: 4 | 6, what: string, source = ''): IpChange {
  return { family, make: `route replace ${what}${source}`, undo: `route del ${what}` };
}

function rule(family: 4 | 6, what: string): IpChange {
  return { family, make: `rule add ${what}`, undo: `rule del ${what}` };
}

function address(family: 4 | 6, text: string, interfaceName: string): IpChange {
  const flags = family === 6 ? ' nodad' : '';
  return {
    family,
    make: `addr replace ${text} dev ${interfaceName}${flags}`,
    undo: `addr del ${text} dev ${interfaceName}`,
  };
}

function lookupRule(
  { mark, routingTable, rulePriority }: { mark: number; routingTable: number; rulePriority: number },
  family: 4 | 6,
): IpChange {
  const markText = `0x${mark.toString(16)}`;
  return rule(family, `priority ${rulePriority} not fwmark ${markText} lookup ${routingTable}`);
}

function exceptions(
  configuration: FailClosedConfiguration,
  localNetworks: readonly string[],
  family: 4 | 6,
): string[] {
  const dhcp = family === 4 ? `ipproto ${udp} sport 68 dport 67` : `ipproto ${udp} sport 546 dport 547`;
  const users = configuration.nameServersForEveryoneUntil !== undefined ? '' : 'uidrange 0-0 ';
  const passages = (configuration.passages ?? []).filter(
    ({ address, forEveryoneUntil }) => forEveryoneUntil !== undefined && familyOf(address) === family,
  );
  const resolvers = (configuration.nameServers ?? []).filter((text) => familyOf(text) === family);
  return [
    ...(configuration.allowDhcp ? [dhcp] : []),
    ...resolvers.flatMap((server) =>
      [udp, tcp].map((protocol) => `${users}to ${server} ipproto ${protocol} dport 53`),
    ),
    ...passages.flatMap(({ address, ports }) =>
      ports.map((port) => `to ${address} ipproto ${tcp} dport ${port}`),
    ),
    ...localNetworks.filter((prefix) => familyOf(prefix) === family).map((prefix) => `to ${prefix}`),
  ];
}

/** One process for each family, at the same time. */
async function runBatches(
  lines: readonly { family: 4 | 6; line: string }[],
  tolerated: readonly string[],
): Promise<void> {
  await Promise.all(
    families.map(async (family) => {
      const batch = lines.filter((entry) => entry.family === family).map(({ line }) => line);
      if (batch.length === 0) return;
      const words = ['ip', `-${family}`, '-force', '-batch', '-'];
      const { exitCode, stderr } = await runCommand(words, `${batch.join('\n')}\n`);
      if (exitCode === 0) return;
      const complaints = stderr
        .split('\n')
        .filter((text) => text !== '' && !text.startsWith('Command failed'))
        .filter((text) => !tolerated.some((known) => text.includes(known)));
      if (complaints.length > 0) throw failed(words, exitCode, complaints.join('\n'));
    }),
  );
}
