// The terminal's information on Linux: its links and addresses from the system itself, and word when they change.
import { hostname } from 'node:os';
import { watchNetworkChanges } from '../../../native/libc-netlink.ts';
import { failed, requireCommand, runCommand } from '../command/linux.ts';
import { linkMtu, linkRuns } from '../link/linux.ts';
import type { LinkInformation, TerminalInformation } from '../network.ts';
import type { Timer } from './timer.ts';

export async function readTerminal(): Promise<TerminalInformation> {
  const [links, routes4, routes6] = await Promise.all([
    requireCommand(['ip', '-j', 'address', 'show']),
    requireCommand(['ip', '-j', '-4', 'route', 'show', 'default', 'table', 'main']),
    runCommand(['ip', '-j', '-6', 'route', 'show', 'default', 'table', 'main']).then(({ stdout }) => stdout),
  ]);
  return {
    hostName: hostname(),
    links: parseList<AddressListing>(links).map(toLink),
    defaultLink4: defaultLink(parseList<RouteListing>(routes4)),
    defaultLink6: defaultLink(parseList<RouteListing>(routes6)),
  };
}

/** undefined: the system has no route there. */
export async function readRoute(
  address: string,
  mark: number,
): Promise<{ interfaceName: string; source: string; mtu: number } | undefined> {
  const words = ['ip', '-j', 'route', 'get', address, ...(mark === 0 ? [] : ['mark', `${mark}`])];
  const { exitCode, stdout, stderr } = await runCommand(words);
  if (exitCode !== 0) {
    if (/unreachable|No route to host|Invalid argument/i.test(stderr)) return undefined;
    throw failed(words, exitCode, stderr);
  }
  const [route] = parseList<RouteListing>(stdout);
  if (!route?.dev || !route.prefsrc || route.type === 'unreachable') return undefined;
  // Its routes stay when a link loses its carrier.
  if (!linkRuns(route.dev)) return undefined;
  const metricMtu = route.metrics?.[0]?.mtu;
  return {
    interfaceName: route.dev,
    source: route.prefsrc,
    mtu: Math.min(linkMtu(route.dev), metricMtu ?? Number.POSITIVE_INFINITY),
  };
}

/** One call for all changes within 200 ms of the first. */
export function watchTerminalChanges(timer: Timer, changed: () => void): { close(): void } {
  let callOff: (() => void) | undefined;
  const watch = watchNetworkChanges(() => {
    callOff ??= timer.start(debounceMilliseconds, () => {
      callOff = undefined;
      changed();
    });
  });
  return {
    close() {
      watch.close();
      callOff?.();
      callOff = undefined;
    },
  };
}

const debounceMilliseconds = 200;

interface AddressListing {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly mtu?: number;
  readonly link_type?: string;
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

interface RouteListing {
  readonly type?: string;
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly flags?: readonly string[];
  readonly metrics?: readonly { readonly mtu?: number }[];
}

/** `ip -j` prints nothing at all where the list is empty. */
function parseList<Entry>(json: string): Entry[] {
  return json.trim() === '' ? [] : JSON.parse(json);
}

function toLink(listing: AddressListing): LinkInformation {
  const flags = listing.flags ?? [];
  return {
    name: listing.ifname ?? '',
    index: listing.ifindex ?? 0,
    mtu: listing.mtu ?? 0,
    up: flags.includes('UP'),
    loopback: flags.includes('LOOPBACK'),
    hardwareAddress: listing.link_type === 'ether' ? listing.address : undefined,
    addresses: (listing.addr_info ?? [])
      .filter(({ local }) => local !== undefined)
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

function defaultLink(routes: readonly RouteListing[]): string | undefined {
  const usable = routes.filter(({ dev, flags }) => dev !== undefined && !flags?.includes('linkdown'));
  const [best] = usable.sort((one, other) => (one.metric ?? 0) - (other.metric ?? 0));
  return best?.dev;
}
