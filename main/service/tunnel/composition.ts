// From what the connections contribute to what the computer is asked for: pure, so that every composition can be tested.
import { innerMtu } from '../../engine/esp/format.ts';
import {
  type AddressRange,
  type Endpoint,
  everyAddress,
  formatAddress,
  formatPrefix,
  type IpAddress,
  parseAddress,
  parsePrefix,
  prefixToRange,
  rangeContains,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { TranslationSources } from '../../engine/path/data-plane.ts';
import { localNetworks } from '../../host/network/local-network.ts';
import type {
  DnsConfiguration,
  FailClosedConfiguration,
  TerminalInformation,
  TunnelConfiguration,
} from '../../host/network.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import type { CompiledFilter } from '../filter/compile.ts';
import type { Contribution, StatedContribution, Underlay } from './contribution.ts';

export interface Composition {
  readonly contributions: readonly StatedContribution[];
  readonly filter: CompiledFilter;
  readonly configuration: ServiceConfiguration;
}

const smallestMtu = 1280;
/** An Ethernet, and whatever may be below. */
const mtuOverUnknownLink = innerMtu(1500, 6, 'udp');

export function gatewaysOf(contributions: readonly StatedContribution[]): readonly Endpoint[] {
  return contributions.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
}

export function underlayOf(contributions: readonly StatedContribution[]): Underlay | undefined {
  return contributions.find(({ underlay }) => underlay !== undefined)?.underlay;
}

/** Each link by which a gateway is reached, the one towards the Internet first: what passes by leaves by that one. */
export function underlayLinks(
  contributions: readonly StatedContribution[],
  terminal: TerminalInformation,
): readonly string[] {
  const names = contributions.flatMap(({ underlay }) => underlay?.interfaceName ?? []);
  const towardsInternet = new Set([terminal.defaultLink4, terminal.defaultLink6]);
  return [...new Set(names)].sort(
    (one, other) => Number(towardsInternet.has(other)) - Number(towardsInternet.has(one)),
  );
}

/** True where something enters the adapter; what answers it then arrives on the link and is the adapter's too. */
export function isRouted({ contributions }: Composition): boolean {
  return contributions.some(({ routed }) => routed);
}

/** `localPorts`: of our underlay sockets, undefined while there are none. `resolvers`: what may be asked for the gateway's name while all is shut. */
export function failClosedConfiguration(
  composition: Composition,
  localPorts: readonly number[] | undefined,
  resolvers: readonly string[],
): FailClosedConfiguration {
  const { contributions, filter, configuration } = composition;
  const tapped = localPorts !== undefined && isRouted(composition);
  const gateways = gatewaysOf(contributions);
  return {
    tunnelInterface: configuration.interfaceName,
    protectedPrefixes: filter.shut.map(formatPrefix),
    tappedPrefixes: tapped ? filter.routed.map(formatPrefix) : [],
    underlayPorts: localPorts ?? [],
    gateways: gateways.map(({ address }) => formatAddress(address)),
    gatewayPorts: [...new Set(gateways.map(({ port }) => port))],
    answersAnyone: contributions.some(({ gatewayRole }) => gatewayRole !== undefined),
    nameServers: resolvers,
    nameServersForEveryoneUntil: latest(
      contributions.map(({ nameServersForEveryoneUntil }) => nameServersForEveryoneUntil),
    ),
    passages: contributions.flatMap(({ passages }) => passages ?? []),
    virtualAddresses: contributions.flatMap(({ virtualAddresses }) => virtualAddresses.map(formatAddress)),
    allowLocalNetwork: contributions.every(({ allowLocalNetwork }) => allowLocalNetwork),
    allowDhcp: true,
    allowNeighbourDiscovery: true,
    mark: configuration.mark,
    routingTable: configuration.routingTable,
    rulePriority: configuration.rulePriority,
    discardRows: filter.firewallRows,
    lockdown: lockdownPrefixes(composition),
    tableName: configuration.firewallTable,
  };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Of the profiles that ask for it alone: the others' block ends with this start of the computer. */
function lockdownPrefixes({ contributions, filter }: Composition): readonly string[] | undefined {
  const asking = contributions.filter(({ lockdown }) => lockdown);
  if (asking.length === 0) return undefined;
  return asking.flatMap(({ profile }) => filter.shares.get(profile)!.toPrefixes()).map(formatPrefix);
}

/** undefined: nothing enters the adapter. */
export function tunnelConfiguration(
  composition: Composition,
  mtu: number,
  terminal: TerminalInformation,
): TunnelConfiguration | undefined {
  if (!isRouted(composition)) return undefined;
  const { contributions, filter, configuration } = composition;
  const sources = routeSources(composition, terminal);
  const capturesAll = contributions.some(({ captureAll, routed }) => captureAll && routed);
  return {
    interfaceName: configuration.interfaceName,
    mtu,
    addresses: contributions.flatMap(({ virtualAddresses }) =>
      virtualAddresses.map((address) => `${formatAddress(address)}/${address.family === 4 ? 32 : 128}`),
    ),
    routedPrefixes: [
      ...new Set([
        ...(capturesAll ? filter.routed.map(formatPrefix) : []),
        ...sources.map(({ prefix }) => prefix),
      ]),
    ],
    sources,
    mark: configuration.mark,
    routingTable: configuration.routingTable,
    rulePriority: configuration.rulePriority,
  };
}

/** What is protected, each prefix with the address that its packets should leave from. */
function routeSources(
  { contributions, filter, configuration }: Composition,
  terminal: TerminalInformation,
): TunnelConfiguration['sources'] {
  const own = realLinks(terminal, configuration.interfaceName).flatMap((text) => addressOf(text) ?? []);
  return contributions
    .filter(({ routed }) => routed)
    .flatMap(({ profile, virtualAddresses, gatewayRole }) => {
      const offered = own.filter((address) =>
        gatewayRole?.offered.some((range) => rangeContains(range, address)),
      );
      const candidates = [...virtualAddresses, ...offered];
      return filter.shares
        .get(profile)!
        .toPrefixes()
        .map((prefix) => {
          const source = candidates.find(({ family }) => family === prefix.address.family);
          return { prefix: formatPrefix(prefix), source: source && formatAddress(source) };
        });
    });
}

/**
 * Of all connections that offer name servers, the one that protects everything, else the one that was brought up first:
 * who is asked for a name hears of it, so no other one's servers stand behind. undefined: the computer's own resolvers.
 */
export function dnsConfiguration({
  contributions,
  configuration,
}: Composition): DnsConfiguration | undefined {
  const offering = contributions.filter(({ dnsServers }) => dnsServers.length > 0);
  const chosen = offering.find(protectsEverything) ?? offering[0];
  if (chosen === undefined) return undefined;
  return {
    interfaceName: configuration.interfaceName,
    servers: chosen.dnsServers.map(formatAddress),
    searchDomains: [],
  };
}

/** Of either IP version. */
function protectsEverything({ protections, uncarried }: StatedContribution): boolean {
  const all = new AddressSet([...protections.flatMap(({ remote }) => remote), ...uncarried]);
  return ([4, 6] as const).some((family) => new AddressSet([everyAddress(family)]).subtract(all).isEmpty);
}

export function translationSources(
  contributions: readonly StatedContribution[],
  terminal: TerminalInformation,
): TranslationSources {
  const link = underlayOf(contributions)?.interfaceName;
  return {
    virtual: contributions.flatMap(({ association, virtualAddresses }) =>
      association === undefined
        ? []
        : ([4, 6] as const).flatMap((family) => {
            const address = virtualAddresses.find((each) => each.family === family);
            return address === undefined ? [] : [{ association, address }];
          }),
    ),
    link4: addressOfLink(terminal, terminal.defaultLink4 ?? link, 4),
    link6: addressOfLink(terminal, terminal.defaultLink6 ?? link, 6),
  };
}

/** Of the inner packets, bytes: the least of what each connection wishes, or else of what fits the link below it. */
export function tunnelMtu(contributions: readonly StatedContribution[]): number {
  const fitting = contributions.flatMap(({ mtu, underlay, encapsulation = 'udp' }) => {
    if (mtu !== undefined) return [mtu];
    if (underlay === undefined) return [];
    return [Math.max(smallestMtu, innerMtu(underlay.mtu, underlay.family, encapsulation))];
  });
  return fitting.length === 0 ? mtuOverUnknownLink : Math.min(...fitting);
}

/** With the local network: what the system's firewall lets pass by the tunnel too, since the two must agree. */
export function withLocalNetwork(
  contribution: StatedContribution,
  terminal: TerminalInformation | undefined,
  tunnelInterface: string,
): Contribution {
  if (!contribution.allowLocalNetwork) return { ...contribution, localNetwork: [] };
  const shut = new AddressSet([
    ...contribution.protections.flatMap(({ remote }) => remote),
    ...contribution.uncarried,
  ]).toPrefixes();
  const own = realLinks(terminal, tunnelInterface);
  return { ...contribution, localNetwork: localNetworks(own, shut.map(formatPrefix)).map(rangeOf) };
}

/** Addresses with prefix length. */
function realLinks(terminal: TerminalInformation | undefined, tunnelInterface: string): readonly string[] {
  const links = (terminal?.links ?? []).filter(
    ({ name, loopback, up }) => name !== tunnelInterface && !loopback && up,
  );
  return links.flatMap(({ addresses }) => addresses);
}

function rangeOf(prefix: string): AddressRange {
  return prefixToRange(parsePrefix(prefix)!);
}

function addressOfLink(
  terminal: TerminalInformation,
  name: string | undefined,
  family: 4 | 6,
): IpAddress | undefined {
  const link = terminal.links.find((candidate) => candidate.name === name);
  for (const text of link?.addresses ?? []) {
    const address = addressOf(text);
    const linkLocal =
      address?.family === 6 && address.bytes[0] === 0xfe && (address.bytes[1]! & 0xc0) === 0x80;
    if (address?.family === family && !linkLocal) return address;
  }
  return undefined;
}

/** "192.0.2.7/24" without its length. */
function addressOf(text: string): IpAddress | undefined {
  return parseAddress(text.split('/')[0]!);
}
