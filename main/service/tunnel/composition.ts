// From what the connections contribute to what the computer is asked for: pure, so that every composition can be tested.
import { innerMtu } from '../../engine/esp/format.ts';
import {
  type AddressRange,
  type Endpoint,
  formatAddress,
  formatPrefix,
  type IpAddress,
  parseAddress,
  parsePrefix,
  prefixToRange,
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
    gatewayPort: gateways[0]?.port,
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
    lockdown: contributions.some(({ lockdown }) => lockdown),
    tableName: configuration.firewallTable,
  };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** undefined: nothing enters the adapter. */
export function tunnelConfiguration(composition: Composition, mtu: number): TunnelConfiguration | undefined {
  if (!isRouted(composition)) return undefined;
  const { contributions, filter, configuration } = composition;
  return {
    interfaceName: configuration.interfaceName,
    mtu,
    addresses: contributions.flatMap(({ virtualAddresses }) =>
      virtualAddresses.map((address) => `${formatAddress(address)}/${address.family === 4 ? 32 : 128}`),
    ),
    routedPrefixes: filter.routed.map(formatPrefix),
    protectedPrefixes: filter.protectedPrefixes.map(formatPrefix),
    mark: configuration.mark,
    routingTable: configuration.routingTable,
    rulePriority: configuration.rulePriority,
  };
}

/** undefined: the computer's own resolvers. */
export function dnsConfiguration({
  contributions,
  configuration,
}: Composition): DnsConfiguration | undefined {
  const servers = contributions.flatMap(({ dnsServers }) => dnsServers.map(formatAddress));
  if (servers.length === 0) return undefined;
  return { interfaceName: configuration.interfaceName, servers, searchDomains: [] };
}

export function translationSources(
  contributions: readonly StatedContribution[],
  terminal: TerminalInformation,
): TranslationSources {
  const virtual = contributions.flatMap(({ virtualAddresses }) => virtualAddresses);
  const link = underlayOf(contributions)?.interfaceName;
  return {
    virtual4: virtual.find((address) => address.family === 4),
    virtual6: virtual.find((address) => address.family === 6),
    link4: addressOfLink(terminal, terminal.defaultLink4 ?? link, 4),
    link6: addressOfLink(terminal, terminal.defaultLink6 ?? link, 6),
  };
}

/** Of the inner packets, bytes: what was wished, else what fits the links below. */
export function tunnelMtu(contributions: readonly StatedContribution[]): number {
  const wished = contributions.map(({ mtu }) => mtu).find((mtu) => mtu !== undefined);
  if (wished !== undefined) return wished;
  const fitting = contributions.flatMap(({ underlay, encapsulation = 'udp' }) =>
    underlay === undefined ? [] : [innerMtu(underlay.mtu, underlay.family, encapsulation)],
  );
  return fitting.length === 0 ? mtuOverUnknownLink : Math.max(smallestMtu, Math.min(...fitting));
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
    const address = parseAddress(text.split('/')[0]!);
    const linkLocal =
      address?.family === 6 && address.bytes[0] === 0xfe && (address.bytes[1]! & 0xc0) === 0x80;
    if (address?.family === family && !linkLocal) return address;
  }
  return undefined;
}
