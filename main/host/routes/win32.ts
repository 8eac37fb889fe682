// Addresses and routes on Windows, as steps of the journal: each can be made, repeated and taken back.
import type { InterfaceRoute, IpHelper } from '../../../native/iphlpapi.ts';
import {
  type AddressPrefix,
  formatAddress,
  formatPrefix,
  parseAddress,
} from '../../engine/packet/address.ts';
import type { UndoStep } from '../journal/journal.ts';
import { covers, requirePrefix, splitPrefixes } from '../network/prefixes.ts';
import type { FailClosedConfiguration, TunnelConfiguration } from '../network.ts';
import { bestRoute, type RealRoutes } from '../terminal/win32.ts';

/** Those that routes are about. */
export type RouteStep = Extract<
  UndoStep,
  { kind: 'interface-address' | 'interface-route' | 'blocked-route' }
>;

/** An interface that is asked for is not there. */
export class InterfaceMissingError extends Error {
  override readonly name = 'InterfaceMissingError';

  constructor(interfaceName: string) {
    super(`There is no network interface named "${interfaceName}".`);
  }
}

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

/** Makes what the steps stand for; what is there already is no error. Throws WindowsCallError, InterfaceMissingError. */
export function makeRouteSteps(
  helper: IpHelper,
  steps: readonly RouteStep[],
  loopbackLuid: bigint | undefined,
): void {
  for (const step of steps) {
    const luid = luidOfStep(helper, step, loopbackLuid);
    if (luid === undefined) {
      throw new InterfaceMissingError(step.kind === 'blocked-route' ? 'loopback' : step.interfaceName);
    }
    if (step.kind === 'interface-address') {
      const { bytes, length } = parseInterfaceAddress(step.address);
      helper.addAddress(luid, bytes, length);
    } else {
      helper.addRoute(luid, routeOf(step));
    }
  }
}

/** Takes a step back; false where its interface has gone, and all that was set on it. Throws WindowsCallError. */
export function undoRouteStep(helper: IpHelper, step: RouteStep, loopbackLuid: bigint | undefined): boolean {
  const luid = luidOfStep(helper, step, loopbackLuid);
  if (luid === undefined) return false;
  if (step.kind === 'interface-address') {
    const { bytes, length } = parseInterfaceAddress(step.address);
    helper.removeAddress(luid, bytes, length);
  } else {
    helper.removeRoute(luid, routeOf(step));
  }
  return true;
}

/** Of inner packets, bytes; better than every other link. Throws WindowsCallError. */
export function setTunnelNumbers(helper: IpHelper, luid: bigint, mtu: number): void {
  helper.setNumbers(luid, 4, { mtu, metric: bestMetric });
  helper.setNumbers(luid, 6, { mtu: Math.max(mtu, smallestMtu6), metric: bestMetric });
}

const bestMetric = 0;
/** Behind every route that somebody may have made on purpose. */
const worstMetric = 9_999;
/** What Windows asks of a link that shall carry IPv6. */
const smallestMtu6 = 1_280;

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
  const best = bestRoute(real, target);
  const nextHop = best?.route.nextHop;
  if (best === undefined || nextHop === undefined) return [];
  return [
    {
      kind: 'interface-route',
      interfaceName: best.adapter.alias,
      prefix: formatPrefix(target),
      nextHop: formatAddress({ family: target.address.family, bytes: nextHop }),
    },
  ];
}

function luidOfStep(helper: IpHelper, step: RouteStep, loopbackLuid: bigint | undefined): bigint | undefined {
  return step.kind === 'blocked-route' ? loopbackLuid : helper.luidOfAlias(step.interfaceName);
}

function routeOf(step: Exclude<RouteStep, { kind: 'interface-address' }>): InterfaceRoute {
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
function parseInterfaceAddress(text: string): { bytes: Uint8Array; length: number } {
  const [addressText = '', lengthText = ''] = text.split('/');
  const address = parseAddress(addressText);
  const length = Number(lengthText);
  if (address === undefined || lengthText === '' || !(length >= 0 && length <= address.bytes.length * 8)) {
    throw new RangeError(`"${text}" is no address with a prefix length (such as 10.9.0.2/32).`);
  }
  return { bytes: address.bytes, length };
}
