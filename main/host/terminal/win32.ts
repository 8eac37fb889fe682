// The terminal's information on Windows, from its tables of interfaces and routes.
import { hostname } from 'node:os';
import type { SystemAdapter } from '../../../native/iphlpapi-adapters.ts';
import { type IpChangeWatch, watchIpChanges } from '../../../native/iphlpapi-changes.ts';
import { formatAddress, type IpAddress, parseAddress } from '../../engine/packet/address.ts';
import { bestRoutes } from '../link/choose-way.ts';
import { readRealRoutes, wayTowards } from '../link/way-win32.ts';
import type { LinkInformation, TerminalInformation } from '../network.ts';
import type { Timer } from './timer.ts';

/** Throws WindowsCallError. */
export function readTerminal(tunnelInterface: string | undefined): TerminalInformation {
  const real = readRealRoutes(tunnelInterface);
  const everything = (text: string) => bestRoutes(real, { address: parseAddress(text)!, length: 0 })[0];
  return {
    hostName: hostname(),
    links: real.adapters.map(toLink),
    defaultLink4: everything('0.0.0.0')?.adapter.alias,
    defaultLink6: everything('::')?.adapter.alias,
  };
}

/** By which link, and from which source, packets leave that stay outside of the tunnel. Throws WindowsCallError. */
export function readRoute(
  { family, bytes }: IpAddress,
  tunnelInterface: string | undefined,
): { interfaceName: string; source: string; mtu: number } | undefined {
  const way = wayTowards(bytes, tunnelInterface);
  if (way === undefined) return undefined;
  const { interfaceName, source, mtu } = way;
  return { interfaceName, source: formatAddress({ family, bytes: source }), mtu };
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

function toLink(adapter: SystemAdapter): LinkInformation {
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
