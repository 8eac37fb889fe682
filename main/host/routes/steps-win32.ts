// What is done to addresses and routes on Windows, as steps of the journal.
import type { InterfaceRoute } from '../../../native/iphlpapi.ts';
import {
  type AddressPrefix,
  formatAddress,
  formatPrefix,
  parseAddress,
} from '../../engine/packet/address.ts';
import type { UndoStep } from '../journal/journal.ts';
import { bestRoutes, type RealRoutes } from '../link/choose-way.ts';
import { covers, requirePrefix, splitPrefixes } from '../network/prefixes.ts';
import type { FailClosedConfiguration, TunnelConfiguration } from '../network.ts';

/** Those that routes are about. */
export type RouteStep = Extract<
  UndoStep,
  { kind: 'interface-address' | 'interface-route' | 'blocked-route' }
>;

/** The adapter's addresses and the routes into it. The source of a packet is the adapter's own: Windows knows no other. */
export function tunnelSteps({
  interfaceName,
  addresses,
  routedPrefixes,
  sources,
}: Pick<TunnelConfiguration, 'interfaceName' | 'addresses' | 'routedPrefixes' | 'sources'>): RouteStep[] {
  const routed = [...routedPrefixes, ...sources.map(({ prefix }) => prefix)].flatMap(halves);
  return [
    ...addresses.map((address): RouteStep => {
      parseInterfaceAddress(address);
      return { kind: 'interface-address', interfaceName, address };
    }),
    ...[...new Set(routed)].map((prefix): RouteStep => ({ kind: 'interface-route', interfaceName, prefix })),
  ];
}

/**
 * Routes that lead nowhere, worse than those into the adapter: protected destinations stay shut when it is away. What
 * may be asked beside the tunnel keeps the way that it has now.
 */
export function failClosedSteps(
  configuration: Pick<FailClosedConfiguration, 'protectedPrefixes' | 'nameServers' | 'passages'>,
  real: RealRoutes,
): RouteStep[] {
  const { 4: inet, 6: inet6 } = splitPrefixes(configuration.protectedPrefixes);
  const blocked = [...inet, ...inet6].flatMap(halves);
  const beside = [
    ...(configuration.nameServers ?? []),
    ...(configuration.passages ?? []).map(({ address }) => address),
  ];
  return [
    ...beside.flatMap((text) => passingRoute(requirePrefix(text), blocked, real)),
    ...blocked.map((prefix): RouteStep => ({ kind: 'blocked-route', prefix })),
  ];
}

/** Better than every other link. */
export const bestMetric = 0;
/** Behind every route that somebody may have made on purpose. */
const worstMetric = 9_999;
/**
 * A prefix of all addresses as its two halves: so each route of ours is more specific than any default route, whatever
 * their metrics.
 */
function halves(text: string): string[] {
  const { address, length } = requirePrefix(text);
  if (length > 0) return [text];
  return address.family === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
}

/** None where the destination is not covered, is on a link of ours anyway, or cannot be reached at all. */
function passingRoute(target: AddressPrefix, blocked: readonly string[], real: RealRoutes): RouteStep[] {
  if (!blocked.some((prefix) => covers(requirePrefix(prefix), target))) return [];
  const [best] = bestRoutes(real, target);
  const nextHop = best?.route.nextHop;
  if (best === undefined || nextHop === undefined || nextHop.every((byte) => byte === 0)) return [];
  return [
    {
      kind: 'interface-route',
      interfaceName: best.adapter.alias,
      prefix: formatPrefix(target),
      nextHop: formatAddress({ family: target.address.family, bytes: nextHop }),
    },
  ];
}

/** As the step stands for it. */
export function routeOf(step: Exclude<RouteStep, { kind: 'interface-address' }>): InterfaceRoute {
  const { address, length } = requirePrefix(step.prefix);
  const nextHop = step.kind === 'interface-route' ? step.nextHop : undefined;
  return {
    destination: address.bytes,
    prefixLength: length,
    metric: step.kind === 'blocked-route' ? worstMetric : bestMetric,
    ...(nextHop !== undefined && { nextHop: requirePrefix(nextHop).address.bytes }),
  };
}

/** "10.9.0.2/24"; the bits behind the length may be set. Throws RangeError. */
export function parseInterfaceAddress(text: string): { bytes: Uint8Array; length: number } {
  const [addressText = '', lengthText = ''] = text.split('/');
  const address = parseAddress(addressText);
  const length = Number(lengthText);
  if (address === undefined || lengthText === '' || !(length >= 0 && length <= address.bytes.length * 8)) {
    throw new RangeError(`"${text}" is no address with a prefix length (such as 10.9.0.2/32).`);
  }
  return { bytes: address.bytes, length };
}
