// `filter list|explain`: the one table, whoever enforces a row, with its counters, and what it says about a packet.
import { lookup } from 'node:dns/promises';
import { ControlError } from '../../control/failure.ts';
import type { MethodParameters } from '../../control/schema.ts';
import type { Explanation, FilterRow } from '../../control/values.ts';
import {
  formatAddress,
  type IpAddress,
  parseAddress,
  prefixToRange,
  rangeContains,
} from '../../engine/packet/address.ts';
import { hasPorts, isIcmp, parseProtocol, protocolName } from '../../engine/packet/protocol.ts';
import type { FiveTuple } from '../../engine/path/data-plane.ts';
import { explain as explainByTable } from '../../engine/policy/explain.ts';
import { formatRow } from '../../engine/policy/parse-row.ts';
import type { PolicyAction } from '../../engine/policy/row.ts';
import { selectorsContain } from '../../engine/policy/selector.ts';
import type { HostNetwork } from '../../host/network.ts';
import { labelOf } from '../filter/compile.ts';
import type { UserFilter } from '../filter/user-filter.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { spiText } from './associations.ts';

export interface FilterParts {
  readonly tunnel: Tunnel;
  readonly host: HostNetwork;
  readonly userFilter: UserFilter;
  profileExists(name: string): boolean;
  /** The profile behind an association. */
  profileOf(association: number): string | undefined;
}

export async function listFilter(parts: FilterParts): Promise<{ version: number; rows: FilterRow[] }> {
  const { tunnel, host } = parts;
  const { filter } = tunnel.state;
  const engineHits = tunnel.session?.data.snapshot().rows ?? new Map();
  const firewallHits: ReadonlyMap<string, { packets: number; bytes: number }> =
    filter.firewallRows.length > 0 ? await host.readCounters() : new Map();
  const inFirewall = new Set(filter.firewallRows.map(({ id }) => id));
  const nothing = { packets: 0, bytes: 0 };
  const hitsOf = (id: string) => {
    const engine = engineHits.get(id) ?? nothing;
    const firewall = firewallHits.get(id) ?? nothing;
    return { packets: engine.packets + firewall.packets, bytes: engine.bytes + firewall.bytes };
  };
  const rows = filter.table.rows.map((row): FilterRow => {
    const profile = row.action === 'PROTECT' ? parts.profileOf(row.association) : undefined;
    const { action, source, destination, protocol, sourcePorts, destinationPorts, allowInbound, note } =
      filter.texts.get(row.id) ?? formatRow(row, profile);
    return {
      id: row.id,
      label: labelOf(filter, row.id),
      origin: row.origin,
      action,
      source,
      destination,
      protocol,
      ...(sourcePorts !== undefined && { sourcePorts }),
      ...(destinationPorts !== undefined && { destinationPorts }),
      ...(allowInbound === true && { allowInbound }),
      ...(profile !== undefined && { profile }),
      ...(note !== undefined && filter.texts.has(row.id) && { note }),
      hits: hitsOf(row.id),
      ...boundTo(tunnel, row.action, row.association),
      enforcedBy: inFirewall.has(row.id) ? 'firewall' : 'engine',
      removable: row.origin === 'filter',
    };
  });
  const idle = [...filter.unusable].map(([id, problem]): FilterRow => {
    const text = filter.texts.get(id)!;
    const own = parts.userFilter.rows.find((row) => row.id === id);
    return {
      id,
      label: labelOf(filter, id),
      problem,
      origin: own === undefined ? 'profile' : (own.origin ?? 'filter'),
      ...text,
      hits: nothing,
      enforcedBy: 'engine',
      removable: own !== undefined && own.origin === undefined,
    };
  });
  const defaults = [filter.table.defaultInside, filter.table.defaultOutside].map(
    (row): FilterRow => ({
      id: row.id,
      label: labelOf(filter, row.id),
      origin: 'default',
      action: row.action,
      source: 'any',
      destination: 'any',
      protocol: 'any',
      hits: hitsOf(row.id),
      enforcedBy: 'engine',
      removable: false,
    }),
  );
  const own = new Set(parts.userFilter.rows.map(({ id }) => id));
  const all = new Map([...rows, ...idle].map((row) => [row.id, row]));
  const users = parts.userFilter.rows.flatMap(({ id }) => all.get(id) ?? []);
  const others = [...rows, ...idle].filter(({ id }) => !own.has(id));
  return { version: filter.table.version, rows: [...users, ...others, ...defaults] };
}

/** One explanation for each address of the destination's name. Throws ControlError. */
export async function explain(
  parts: FilterParts,
  parameters: MethodParameters<'filter.explain'>,
): Promise<{ explanations: Explanation[] }> {
  const destinations = await addressesOf(parameters.destination);
  const protocol = protocolOf(parameters);
  const explanations = await Promise.all(
    destinations.map(async (destination) => {
      const source = await sourceOf(parts, parameters.source, destination);
      const packet: FiveTuple = {
        source,
        destination,
        protocol,
        sourcePort: parameters.sourcePort ?? (hasPorts(protocol) ? 49152 : 0),
        destinationPort: parameters.destinationPort ?? (isIcmp(protocol) ? 8 << 8 : 0),
      };
      return explainPacket(parts, packet);
    }),
  );
  return { explanations };
}

function explainPacket({ tunnel, profileOf }: FilterParts, packet: FiveTuple): Explanation {
  const { filter } = tunnel.state;
  const found = explainByTable(filter.table, packet);
  const row = filter.table.rows.find(({ id }) => id === found.id);
  const ports = hasPorts(packet.protocol);
  const profile = found.action === 'PROTECT' ? profileOf(found.association) : undefined;
  const bound = boundTo(tunnel, found.action, found.association);
  return {
    source: formatAddress(packet.source),
    destination: formatAddress(packet.destination),
    protocol: protocolName(packet.protocol),
    ...(ports && { sourcePort: packet.sourcePort, destinationPort: packet.destinationPort }),
    action: found.action,
    outcome: outcomeOf(tunnel, packet, found),
    rowId: found.id,
    rowLabel: labelOf(filter, found.id),
    origin: row?.origin ?? 'default',
    reason: found.reason,
    passed: found.passed.map(({ id, difference }) => ({
      rowId: id,
      rowLabel: labelOf(filter, id),
      difference,
    })),
    ...(profile !== undefined && { profile }),
    ...(bound.spi !== undefined && { spi: bound.spi }),
    enforcedBy: enforcerOf(tunnel, packet, found.id),
  };
}

function enforcerOf(tunnel: Tunnel, { destination }: FiveTuple, rowId: string): Explanation['enforcedBy'] {
  const { filter, interfaceName, firewallInForce } = tunnel.state;
  if (
    interfaceName !== undefined &&
    filter.routed.some((prefix) => rangeContains(prefixToRange(prefix), destination))
  )
    return 'engine';
  return firewallInForce && filter.firewallRows.some(({ id }) => id === rowId) ? 'firewall' : 'nobody';
}

function outcomeOf(
  tunnel: Tunnel,
  { protocol, destination, destinationPort }: FiveTuple,
  { action, association, id }: { action: PolicyAction; association: number; id: string },
): Explanation['outcome'] {
  const { interfaceName, firewallInForce, filter } = tunnel.state;
  // Without a connection the firewall has the user's rows all the same.
  const byFirewall = firewallInForce && filter.firewallRows.some((row) => row.id === id);
  if (interfaceName === undefined && !byFirewall) return 'not-in-force';
  if (action !== 'PROTECT') return action === 'BYPASS' ? 'passed' : 'dropped';
  const outbound = outboundOf(tunnel, association);
  if (outbound === undefined) return 'waits-for-agreement';
  const { remoteSelectors } = outbound.parameters;
  const carried = selectorsContain(remoteSelectors, protocol, destination, destinationPort);
  return carried ? 'sealed' : 'outside-selectors';
}

function outboundOf(tunnel: Tunnel, association: number) {
  return tunnel.session?.keys
    .installed()
    .findLast((child) => child.association === association && child.direction === 'outbound');
}

function boundTo(
  tunnel: Tunnel,
  action: PolicyAction,
  association: number,
): { association?: number; spi?: string } {
  if (action !== 'PROTECT') return {};
  const outbound = outboundOf(tunnel, association);
  return { association, ...(outbound && { spi: spiText(outbound.parameters.spi) }) };
}

function protocolOf({ protocol, destinationPort }: MethodParameters<'filter.explain'>): number {
  const text = protocol ?? (destinationPort === undefined ? 'icmp' : 'tcp');
  const number = parseProtocol(text);
  if (number === undefined) {
    throw new ControlError({
      code: 'row-invalid',
      field: 'protocol',
      problem: { code: 'protocol-unknown', text },
    });
  }
  return number;
}

async function addressesOf(nameOrAddress: string): Promise<readonly IpAddress[]> {
  const address = parseAddress(nameOrAddress);
  if (address !== undefined) return [address];
  try {
    const found = await lookup(nameOrAddress, { all: true });
    return found.flatMap((entry) => parseAddress(entry.address) ?? []);
  } catch {
    throw new ControlError({ code: 'name-not-resolved', name: nameOrAddress });
  }
}

async function sourceOf(
  { host, tunnel }: FilterParts,
  source: string | undefined,
  destination: IpAddress,
): Promise<IpAddress> {
  if (source !== undefined) {
    const address = parseAddress(source);
    if (address === undefined) {
      throw new ControlError({
        code: 'row-invalid',
        field: 'source',
        problem: { code: 'address-invalid', text: source },
      });
    }
    return address;
  }
  const route = await host.routeTo(formatAddress(destination), 0);
  const candidates = [
    ...(route === undefined ? [] : [parseAddress(route.source)]),
    ...tunnel.state.virtualAddresses,
    ...(await host.terminal()).links
      .filter(({ loopback, up }) => up && !loopback)
      .flatMap(({ addresses }) => addresses.map((text) => parseAddress(text.split('/')[0]!))),
  ];
  const unspecified = { family: destination.family, bytes: new Uint8Array(destination.bytes.length) };
  return candidates.find((address) => address?.family === destination.family) ?? unspecified;
}
