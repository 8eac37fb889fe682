// The names that a filter row may use instead of addresses, from what the computer tells about itself.
import {
  type AddressRange,
  type Endpoint,
  type IpAddress,
  parseAddress,
  parsePrefix,
  prefixToRange,
  rangeContainsRange,
  singleAddress,
} from '../../engine/packet/address.ts';
import type { TerminalInformation } from '../../host/network.ts';

/** Link-local, multicast and limited-broadcast destinations: they never leave the link by their nature. */
const onLinkPrefixes = ['169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32', 'fe80::/10', 'ff00::/8'];

/**
 * Private ranges (RFC 1918, 3927, 4193, 4291). A link's prefix counts as the local network only inside them: a hostile
 * network must not be able to take destinations out of the tunnel by the addresses that it hands out.
 */
const privatePrefixes = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
];
const privateRanges = privatePrefixes.map((text) => prefixToRange(parsePrefix(text)!));

/** "terminal", "gateway", "local-network", "on-link" and "loopback"; what is unknown yet stands for no address. */
export function namesOf(
  terminal: TerminalInformation | undefined,
  gateways: readonly Endpoint[],
  tunnelInterface: string,
  virtualAddresses: readonly IpAddress[],
): ReadonlyMap<string, readonly AddressRange[]> {
  const links = (terminal?.links ?? []).filter(
    (link) => link.name !== tunnelInterface && !link.loopback && link.up,
  );
  const addresses = links.flatMap((link) => link.addresses);
  return new Map([
    ['terminal', [...addresses.flatMap((text) => own(text)), ...virtualAddresses.map(singleAddress)]],
    ['gateway', gateways.map((gateway) => singleAddress(gateway.address))],
    ['local-network', addresses.flatMap((text) => network(text))],
    ['on-link', onLinkPrefixes.map((text) => prefixToRange(parsePrefix(text)!))],
    ['loopback', ['127.0.0.0/8', '::1/128'].map((text) => prefixToRange(parsePrefix(text)!))],
  ]);
}

function own(text: string): AddressRange[] {
  const address = parseAddress(text.split('/')[0]!);
  return address === undefined ? [] : [singleAddress(address)];
}

/** "192.168.1.7/24" lies in 192.168.1.0 to 192.168.1.255. */
function network(text: string): AddressRange[] {
  const [addressText, lengthText] = text.split('/');
  const address = parseAddress(addressText!);
  const length = Number(lengthText);
  if (address === undefined || !Number.isInteger(length)) return [];
  const bits = address.bytes.length * 8;
  const first = Uint8Array.from(address.bytes);
  const last = Uint8Array.from(address.bytes);
  for (let bit = length; bit < bits; bit += 1) {
    first[bit >> 3]! &= ~(0x80 >> (bit & 7));
    last[bit >> 3]! |= 0x80 >> (bit & 7);
  }
  const range = {
    first: { family: address.family, bytes: first },
    last: { family: address.family, bytes: last },
  };
  return privateRanges.some((outer) => rangeContainsRange(outer, range)) ? [range] : [];
}
