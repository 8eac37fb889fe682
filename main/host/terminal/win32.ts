// The terminal's information on Windows, from its tables of interfaces and routes.
import { hostname } from 'node:os';
import { type IpChangeWatch, watchIpChanges } from '../../../native/iphlpapi-changes.ts';
import type { AdapterRecord, IpTables, RouteRecord } from '../../../native/iphlpapi-tables.ts';
import {
  type AddressPrefix,
  formatAddress,
  type IpAddress,
  parseAddress,
} from '../../engine/packet/address.ts';
import { covers } from '../network/prefixes.ts';
import type { LinkInformation, TerminalInformation } from '../network.ts';
import type { Timer } from './timer.ts';

/** What lies below the tunnel: neither its own routes nor those that lead nowhere. */
export interface RealRoutes {
  readonly adapters: readonly AdapterRecord[];
  readonly routes: readonly RouteRecord[];
}

/** Throws WindowsCallError. `tunnelInterface`: its routes count for nothing. */
export function readRealRoutes(tables: IpTables, tunnelInterface: string | undefined): RealRoutes {
  const adapters = tables.adapters();
  const real = new Set(
    adapters
      .filter(({ alias, loopback, up }) => up && !loopback && alias !== tunnelInterface)
      .map(({ luid }) => luid),
  );
  return { adapters, routes: tables.routes().filter(({ luid }) => real.has(luid)) };
}

/** Throws WindowsCallError. */
export function readTerminal(tables: IpTables, tunnelInterface: string | undefined): TerminalInformation {
  const real = readRealRoutes(tables, tunnelInterface);
  const everything = (text: string) => bestRoute(real, { address: parseAddress(text)!, length: 0 });
  return {
    hostName: hostname(),
    links: real.adapters.map(toLink),
    defaultLink4: everything('0.0.0.0')?.adapter.alias,
    defaultLink6: everything('::')?.adapter.alias,
  };
}

/** By which link, and from which source, packets leave that stay outside of the tunnel. Throws WindowsCallError. */
export function readRoute(
  tables: IpTables,
  target: IpAddress,
  tunnelInterface: string | undefined,
): { interfaceName: string; source: string; mtu: number } | undefined {
  const real = readRealRoutes(tables, tunnelInterface);
  const best = bestRoute(real, { address: target, length: target.bytes.length * 8 });
  const source = best && tables.sourceTowards(target.bytes, best.adapter.luid);
  if (best === undefined || source === undefined) return undefined;
  return {
    interfaceName: best.adapter.alias,
    source: formatAddress({ family: target.family, bytes: source }),
    mtu: best.adapter.mtu,
  };
}

export interface BestRoute {
  readonly adapter: AdapterRecord;
  readonly route: RouteRecord;
}

/** As Windows chooses: the longest prefix that covers the destination, then the least metric of route and interface. */
export function bestRoute(
  { adapters, routes }: RealRoutes,
  destination: AddressPrefix,
): BestRoute | undefined {
  const { family } = destination.address;
  const byLuid = new Map(adapters.map((adapter) => [adapter.luid, adapter]));
  const candidates = routes.flatMap((route) => {
    const adapter = byLuid.get(route.luid);
    return adapter !== undefined && covers(prefixOf(route), destination) ? [{ adapter, route }] : [];
  });
  const metricOf = ({ adapter, route }: BestRoute) =>
    route.metric + (family === 4 ? adapter.metric4 : adapter.metric6);
  return candidates.sort(
    (one, other) => other.route.prefixLength - one.route.prefixLength || metricOf(one) - metricOf(other),
  )[0];
}

/** One call for all changes within 200 ms. Throws WindowsCallError. */
export function watchTerminalChanges(
  timer: Timer,
  changed: () => void,
  watch: IpChangeWatch = watchIpChanges(),
): { close(): void } {
  let callOff: () => void;
  // The event is looked at from time to time, not waited for: a wait would need a thread for each watch.
  const look = () => {
    callOff = timer.start(periodMilliseconds, look);
    if (watch.changed()) changed();
  };
  callOff = timer.start(periodMilliseconds, look);
  return {
    close() {
      callOff();
      watch.close();
    },
  };
}

const periodMilliseconds = 200;

function prefixOf({ destination, prefixLength }: RouteRecord): AddressPrefix {
  return {
    address: { family: destination.length === 4 ? 4 : 6, bytes: destination },
    length: prefixLength,
  };
}

function toLink(adapter: AdapterRecord): LinkInformation {
  const { alias, index, mtu, up, loopback, hardwareAddress } = adapter;
  const hexadecimal = [...hardwareAddress].map((byte) => byte.toString(16).padStart(2, '0'));
  return {
    name: alias,
    index,
    mtu,
    up,
    loopback,
    hardwareAddress: hexadecimal.length === 6 ? hexadecimal.join(':') : undefined,
    addresses: adapter.addresses.map(
      ({ bytes, prefixLength }) =>
        `${formatAddress({ family: bytes.length === 4 ? 4 : 6, bytes })}/${prefixLength}`,
    ),
  };
}
