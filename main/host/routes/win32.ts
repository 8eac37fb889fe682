// Addresses and routes on Windows: each step of the journal can be made, repeated and taken back.
import { type IpHelper, interfaceLuidOfName } from '../../../native/iphlpapi.ts';
import { bestMetric, parseInterfaceAddress, type RouteStep, routeOf } from './steps-win32.ts';

/** An interface that is asked for is not there. */
export class InterfaceMissingError extends Error {
  override readonly name = 'InterfaceMissingError';

  constructor(interfaceName: string) {
    super(`There is no network interface named "${interfaceName}".`);
  }
}

/** Makes what the steps stand for; what is there already is no error. Throws WindowsCallError, InterfaceMissingError. */
export function makeRouteSteps(
  helper: IpHelper,
  steps: readonly RouteStep[],
  loopbackLuid: bigint | undefined,
): void {
  for (const step of steps) {
    const luid = luidOfStep(step, loopbackLuid);
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
  const luid = luidOfStep(step, loopbackLuid);
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

/** What Windows asks of a link that shall carry IPv6. */
const smallestMtu6 = 1_280;

function luidOfStep(step: RouteStep, loopbackLuid: bigint | undefined): bigint | undefined {
  return step.kind === 'blocked-route' ? loopbackLuid : interfaceLuidOfName(step.interfaceName);
}
