// Addresses and routes of the adapter on Windows. They belong to the interface and vanish with it, so that a crash leaves
// nothing of them behind.
import type { InterfaceRoute, IpHelper } from '../../../native/iphlpapi.ts';
import { type AddressPrefix, formatPrefix, parseAddress } from '../../engine/packet/address.ts';
import { requirePrefix } from '../network/prefixes.ts';
import type { TunnelConfiguration } from '../network.ts';

/** Better than every other link; each route adds nothing of its own. */
const interfaceMetric = 0;
const routeMetric = 0;
/** What Windows asks of a link that shall carry IPv6. */
const smallestMtu6 = 1_280;

export type WindowsTunnel = Pick<TunnelConfiguration, 'mtu' | 'addresses' | 'routedPrefixes'>;

/** What one interface has been given; each `apply` makes the difference to the last one, the new before the old goes. */
export class WindowsTunnelRoutes {
  readonly #helper: IpHelper;
  readonly #luid: bigint;
  readonly #addresses = new Map<string, InterfaceAddress>();
  readonly #routes = new Map<string, InterfaceRoute>();
  #mtu: number | undefined;

  constructor(helper: IpHelper, luid: bigint) {
    this.#helper = helper;
    this.#luid = luid;
  }

  /** Throws WindowsCallError where Windows refuses a change (what was made until then stays, and is known), RangeError for no prefix. */
  apply({ mtu, addresses, routedPrefixes }: WindowsTunnel): void {
    const wantedAddresses = new Map(addresses.map((text) => [text, interfaceAddress(text)]));
    const wantedRoutes = new Map(
      routedPrefixes.map((text) => {
        const prefix = requirePrefix(text);
        return [formatPrefix(prefix), routeTo(prefix)] as const;
      }),
    );
    if (this.#mtu !== mtu) this.#setMtu(mtu);
    for (const [text, address] of wantedAddresses) {
      if (this.#addresses.has(text)) continue;
      this.#helper.addAddress(this.#luid, address.bytes, address.length);
      this.#addresses.set(text, address);
    }
    for (const [text, route] of wantedRoutes) {
      if (this.#routes.has(text)) continue;
      this.#helper.addRoute(this.#luid, route);
      this.#routes.set(text, route);
    }
    this.#removeAllBut(wantedAddresses, wantedRoutes);
  }

  /** Takes all of them back. */
  remove(): void {
    this.#removeAllBut(new Map(), new Map());
  }

  #removeAllBut(addresses: ReadonlyMap<string, unknown>, routes: ReadonlyMap<string, unknown>): void {
    for (const [text, route] of this.#routes) {
      if (routes.has(text)) continue;
      this.#helper.removeRoute(this.#luid, route);
      this.#routes.delete(text);
    }
    for (const [text, { bytes, length }] of this.#addresses) {
      if (addresses.has(text)) continue;
      this.#helper.removeAddress(this.#luid, bytes, length);
      this.#addresses.delete(text);
    }
  }

  #setMtu(mtu: number): void {
    this.#helper.setNumbers(this.#luid, 4, { mtu, metric: interfaceMetric });
    this.#helper.setNumbers(this.#luid, 6, { mtu: Math.max(mtu, smallestMtu6), metric: interfaceMetric });
    this.#mtu = mtu;
  }
}

function routeTo({ address, length }: AddressPrefix): InterfaceRoute {
  return { destination: address.bytes, prefixLength: length, metric: routeMetric };
}

interface InterfaceAddress {
  readonly bytes: Uint8Array;
  /** Of the network that is on the link. */
  readonly length: number;
}

/** "10.9.0.2/24"; the bits behind the length may be set. */
function interfaceAddress(text: string): InterfaceAddress {
  const [addressText = '', lengthText = ''] = text.split('/');
  const address = parseAddress(addressText);
  const length = Number(lengthText);
  if (address === undefined || lengthText === '' || !(length >= 0 && length <= address.bytes.length * 8)) {
    throw new RangeError(`"${text}" is no address with a prefix length (such as 10.9.0.2/32).`);
  }
  return { bytes: address.bytes, length };
}
