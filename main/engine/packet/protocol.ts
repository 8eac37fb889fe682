// IANA's protocol numbers that the engine looks into, and their names.

export const protocolNumber = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  noNextHeader: 59,
  destinationOptions: 60,
  sctp: 132,
  udpLite: 136,
} as const;

const names: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ospf', 89],
  ['sctp', 132],
  ['udplite', 136],
]);

const numbers: ReadonlyMap<number, string> = new Map([...names].map(([name, number]) => [number, name]));

/** "tcp", "udp", "icmp", "icmpv6", …; the number as text where there is no usual name. */
export function protocolName(protocol: number): string {
  return numbers.get(protocol) ?? String(protocol);
}

/** The number behind a name or a decimal number 0 to 255; undefined where it is neither. */
export function parseProtocol(text: string): number | undefined {
  const byName = names.get(text.toLowerCase());
  if (byName !== undefined) return byName;
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

/** Do the first four bytes of the header hold source and destination port? */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === protocolNumber.tcp ||
    protocol === protocolNumber.udp ||
    protocol === protocolNumber.sctp ||
    protocol === protocolNumber.dccp ||
    protocol === protocolNumber.udpLite
  );
}

export function isIcmp(protocol: number): boolean {
  return protocol === protocolNumber.icmp || protocol === protocolNumber.icmpv6;
}
