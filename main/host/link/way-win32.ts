// By which real link, and from which of its addresses, the computer reaches another one: Windows' routing table without the
// virtual adapter's own routes.
import { type SystemRoute, systemRoutes } from '../../../native/iphlpapi.ts';
import { type SystemAdapter, systemAdapters } from '../../../native/iphlpapi-adapters.ts';

export interface Way {
  readonly interfaceIndex: number;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
}

/** `avoid`: name of the virtual adapter. The result is undefined where there is no way. Throws WindowsCallError. */
export function wayTowards(remote: Uint8Array, avoid: string | undefined): Way | undefined {
  return chooseWay(remote, avoid, systemRoutes(), systemAdapters());
}

/** The longest prefix, then the smallest metric: that of the route and of its interface together. */
export function chooseWay(
  remote: Uint8Array,
  avoid: string | undefined,
  routes: readonly SystemRoute[],
  adapters: readonly SystemAdapter[],
): Way | undefined {
  const [best] = routes
    .filter(({ destination, prefixLength }) => {
      return destination.length === remote.length && isWithin(remote, destination, prefixLength);
    })
    .flatMap((route) => {
      const adapter = adapters.find(({ luid, alias, up }) => luid === route.luid && up && alias !== avoid);
      const source = adapter && sourceOf(adapter, remote, route);
      if (adapter === undefined || source === undefined) return [];
      const metric = route.metric + (remote.length === 4 ? adapter.metric4 : adapter.metric6);
      return [{ prefixLength: route.prefixLength, metric, way: { interfaceIndex: adapter.index, source } }];
    })
    .sort((a, b) => b.prefixLength - a.prefixLength || a.metric - b.metric);
  return best?.way;
}

/** The address in whose network the next hop lies, else the first that is not for the link alone. */
function sourceOf(
  { addresses }: SystemAdapter,
  remote: Uint8Array,
  { nextHop }: SystemRoute,
): Uint8Array | undefined {
  const own = addresses.filter(({ bytes }) => bytes.length === remote.length);
  const reaching = own.filter(({ bytes }) => !isLinkLocal(bytes) || isLinkLocal(remote));
  const hop = nextHop.every((byte) => byte === 0) ? remote : nextHop;
  const near = reaching.find(({ bytes, prefixLength }) => isWithin(hop, bytes, prefixLength));
  return (near ?? reaching[0])?.bytes;
}

/** fe80::/10. */
function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

function isWithin(address: Uint8Array, network: Uint8Array, prefixLength: number): boolean {
  for (let index = 0; index * 8 < prefixLength; index += 1) {
    const bits = Math.min(8, prefixLength - index * 8);
    const mask = (0xff << (8 - bits)) & 0xff;
    if (((address[index]! ^ network[index]!) & mask) !== 0) return false;
  }
  return true;
}
