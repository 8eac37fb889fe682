// By which real link, and from which of its addresses, Windows reaches another one: its routing table without the virtual
// adapter's own routes.
import type { SystemRoute } from '../../../native/iphlpapi.ts';
import type { SystemAdapter } from '../../../native/iphlpapi-adapters.ts';
import type { AddressPrefix } from '../../engine/packet/address.ts';
import { covers } from '../network/prefixes.ts';

/** What lies below the tunnel: neither its own routes nor those that lead nowhere. */
export interface RealRoutes {
  readonly adapters: readonly SystemAdapter[];
  readonly routes: readonly SystemRoute[];
}

export interface Way {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  /** Of the link, bytes. */
  readonly mtu: number;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
}

/** The best that has an address to leave from; undefined: there is no way to that address, 4 or 16 bytes. */
export function chooseWay(remote: Uint8Array, real: RealRoutes): Way | undefined {
  for (const best of bestRoutes(real, prefixOf({ destination: remote, prefixLength: remote.length * 8 }))) {
    const source = sourceOf(best, remote);
    if (source === undefined) continue;
    const { alias: interfaceName, index: interfaceIndex, mtu } = best.adapter;
    return { interfaceName, interfaceIndex, mtu, source };
  }
  return undefined;
}

export interface BestRoute {
  readonly adapter: SystemAdapter;
  readonly route: SystemRoute;
}

/** In the order of Windows: the longest prefix that covers the destination, then the least metric of route and interface. */
export function bestRoutes({ adapters, routes }: RealRoutes, destination: AddressPrefix): BestRoute[] {
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
  );
}

function prefixOf({
  destination,
  prefixLength,
}: Pick<SystemRoute, 'destination' | 'prefixLength'>): AddressPrefix {
  return {
    address: { family: destination.length === 4 ? 4 : 6, bytes: destination },
    length: prefixLength,
  };
}

/** The address in whose network the next hop lies, else the first that is not for the link alone. */
function sourceOf({ adapter, route }: BestRoute, remote: Uint8Array): Uint8Array | undefined {
  const { addresses } = adapter;
  const { nextHop } = route;
  const own = addresses.filter(({ bytes }) => bytes.length === remote.length);
  const reaching = own.filter(({ bytes }) => !isLinkLocal(bytes) || isLinkLocal(remote));
  const hop = nextHop.every((byte) => byte === 0) ? remote : nextHop;
  const near = reaching.find(({ bytes, prefixLength }) =>
    covers(
      prefixOf({ destination: bytes, prefixLength }),
      prefixOf({ destination: hop, prefixLength: hop.length * 8 }),
    ),
  );
  return (near ?? reaching[0])?.bytes;
}

/** fe80::/10. */
function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}
