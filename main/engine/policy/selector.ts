// Traffic selectors (RFC 4301 section 4.4.1.1, RFC 7296 section 3.13.1): what a filter row or an SA covers.
import {
  type AddressPrefix,
  type AddressRange,
  everyAddress,
  formatRange,
  type IpAddress,
  intersectRanges,
  parsePrefix,
  prefixToRange,
  rangeContains,
  rangeContainsRange,
} from '../packet/address.ts';
import { protocolName } from '../packet/protocol.ts';

/** Both ends included. For ICMP: type in the high, code in the low byte (RFC 7296 section 3.13.1). */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One side of a traffic selector as IKE carries it. `protocol` 0 is any. */
export interface TrafficSelector {
  readonly protocol: number;
  readonly ports: PortRange;
  readonly addresses: AddressRange;
}

export const anyPort: PortRange = { first: 0, last: 0xffff };

/** Only packets whose port cannot be seen (RFC 7296 section 3.13.1): first above last. */
export const opaquePort: PortRange = { first: 0xffff, last: 0 };

export function isAnyPort(ports: PortRange): boolean {
  return ports.first === 0 && ports.last === 0xffff;
}

export function isOpaquePort(ports: PortRange): boolean {
  return ports.first > ports.last;
}

/**
 * Narrowing (RFC 7296 section 2.9): what both lists cover, in the order of `wanted`, without selectors that another
 * of the result covers. Empty where nothing is common: answer TS_UNACCEPTABLE.
 */
export function intersectSelectors(
  wanted: readonly TrafficSelector[],
  allowed: readonly TrafficSelector[],
): TrafficSelector[] {
  const common: TrafficSelector[] = [];
  for (const a of wanted) {
    for (const b of allowed) {
      const both = intersectPair(a, b);
      if (both && !common.some((known) => selectorContains(known, both))) {
        const kept = common.filter((known) => !selectorContains(both, known));
        common.splice(0, common.length, ...kept, both);
      }
    }
  }
  return common;
}

/**
 * Does one of the selectors cover the packet? `port` is undefined where it cannot be seen (a fragment, a protocol
 * without ports); for ICMP it is type << 8 | code.
 */
export function selectorsContain(
  selectors: readonly TrafficSelector[],
  protocol: number,
  address: IpAddress,
  port: number | undefined,
): boolean {
  return selectors.some(
    (selector) =>
      (selector.protocol === 0 || selector.protocol === protocol) &&
      rangeContains(selector.addresses, address) &&
      portFits(selector.ports, port),
  );
}

/** Does `outer` cover everything that `inner` covers? */
export function selectorContains(outer: TrafficSelector, inner: TrafficSelector): boolean {
  const protocolFits = outer.protocol === 0 || outer.protocol === inner.protocol;
  return (
    protocolFits &&
    rangeContainsRange(outer.addresses, inner.addresses) &&
    portsContain(outer.ports, inner.ports)
  );
}

/** Is every selector of `inner` covered by one of `outer`? */
export function selectorsContainSelectors(
  outer: readonly TrafficSelector[],
  inner: readonly TrafficSelector[],
): boolean {
  return inner.every((selector) => outer.some((candidate) => selectorContains(candidate, selector)));
}

/** A prefix ("10.1.0.0/16"), or an address, as selector. Throws RangeError where the text is neither. */
export function selectorFromPrefix(
  prefix: string | AddressPrefix,
  protocol = 0,
  ports: PortRange = anyPort,
): TrafficSelector {
  const parsed = typeof prefix === 'string' ? parsePrefix(prefix) : prefix;
  if (!parsed) throw new RangeError(`"${String(prefix)}" is not an IP prefix such as 10.1.0.0/16`);
  return { protocol, ports, addresses: prefixToRange(parsed) };
}

export function selectorFromRange(
  addresses: AddressRange,
  protocol = 0,
  ports: PortRange = anyPort,
): TrafficSelector {
  return { protocol, ports, addresses };
}

/** Everything of a family: 0.0.0.0/0 or ::/0, any protocol, any port. */
export function selectorForFamily(family: 4 | 6): TrafficSelector {
  return selectorFromRange(everyAddress(family));
}

/** "10.1.0.0/16", "10.1.0.0/16[tcp/443]", "::/0[icmpv6/128:0]"; "opaque" for ports that cannot be seen. */
export function formatSelector(selector: TrafficSelector): string {
  const addresses = formatRange(selector.addresses);
  const { protocol, ports } = selector;
  if (protocol === 0 && isAnyPort(ports)) return addresses;
  const name = protocol === 0 ? 'any' : protocolName(protocol);
  if (isAnyPort(ports)) return `${addresses}[${name}]`;
  return `${addresses}[${name}/${formatPorts(protocol, ports)}]`;
}

/** Selectors in a row, separated by spaces. */
export function formatSelectors(selectors: readonly TrafficSelector[]): string {
  return selectors.map(formatSelector).join(' ');
}

function intersectPair(a: TrafficSelector, b: TrafficSelector): TrafficSelector | undefined {
  if (a.protocol !== 0 && b.protocol !== 0 && a.protocol !== b.protocol) return undefined;
  const ports = intersectPorts(a.ports, b.ports);
  const addresses = intersectRanges(a.addresses, b.addresses);
  return ports && addresses && { protocol: a.protocol || b.protocol, ports, addresses };
}

function intersectPorts(a: PortRange, b: PortRange): PortRange | undefined {
  if (isAnyPort(a)) return b;
  if (isAnyPort(b)) return a;
  if (isOpaquePort(a) || isOpaquePort(b)) return isOpaquePort(a) && isOpaquePort(b) ? opaquePort : undefined;
  const first = Math.max(a.first, b.first);
  const last = Math.min(a.last, b.last);
  return first <= last ? { first, last } : undefined;
}

function portsContain(outer: PortRange, inner: PortRange): boolean {
  if (isAnyPort(outer)) return true;
  if (isOpaquePort(outer) || isOpaquePort(inner)) return isOpaquePort(outer) && isOpaquePort(inner);
  return outer.first <= inner.first && inner.last <= outer.last;
}

function portFits(ports: PortRange, port: number | undefined): boolean {
  if (isAnyPort(ports)) return true;
  if (isOpaquePort(ports)) return port === undefined;
  return port !== undefined && ports.first <= port && port <= ports.last;
}

function formatPorts(protocol: number, ports: PortRange): string {
  if (isOpaquePort(ports)) return 'opaque';
  const isIcmp = protocol === 1 || protocol === 58;
  const one = (port: number): string => (isIcmp ? `${port >> 8}:${port & 0xff}` : String(port));
  return ports.first === ports.last ? one(ports.first) : `${one(ports.first)}-${one(ports.last)}`;
}
