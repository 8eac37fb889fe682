// Which route Windows would take, of a table of them.
import type { SystemRoute } from '../../../native/iphlpapi.ts';
import type { SystemAdapter } from '../../../native/iphlpapi-adapters.ts';
import type { AddressPrefix } from '../../engine/packet/address.ts';
import { covers } from '../network/prefixes.ts';

/** What lies below the tunnel: neither its own routes nor those that lead nowhere. */
export interface RealRoutes {
  readonly adapters: readonly SystemAdapter[];
  readonly routes: readonly SystemRoute[];
}

export interface BestRoute {
  readonly adapter: SystemAdapter;
  readonly route: SystemRoute;
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

function prefixOf({ destination, prefixLength }: SystemRoute): AddressPrefix {
  return {
    address: { family: destination.length === 4 ? 4 : 6, bytes: destination },
    length: prefixLength,
  };
}
