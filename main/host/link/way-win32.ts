// The real links of a computer with Windows, and which of them leads where.
import { systemRoutes } from '../../../native/iphlpapi.ts';
import { systemAdapters } from '../../../native/iphlpapi-adapters.ts';
import { chooseWay, type RealRoutes, type Way } from './choose-way.ts';

/** `avoid`: name of the virtual adapter. The result is undefined where there is no way. Throws WindowsCallError. */
export function wayTowards(remote: Uint8Array, avoid: string | undefined): Way | undefined {
  return chooseWay(remote, readRealRoutes(avoid));
}

/** Throws WindowsCallError. `avoid`: its routes count for nothing. */
export function readRealRoutes(avoid: string | undefined): RealRoutes {
  const adapters = systemAdapters();
  const real = new Set(
    adapters.filter(({ alias, loopback, up }) => up && !loopback && alias !== avoid).map(({ luid }) => luid),
  );
  return { adapters, routes: systemRoutes().filter(({ luid }) => real.has(luid)) };
}
