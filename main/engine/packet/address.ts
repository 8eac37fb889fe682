// IP addresses, prefixes and ranges as values: numbers to compare, texts only at the edges.

export type AddressFamily = 4 | 6;

/** An IP address: 4 or 16 bytes in network order. */
export interface IpAddress {
  readonly family: AddressFamily;
  readonly bytes: Uint8Array;
}

/** Both ends included. Both of one family. */
export interface AddressRange {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** An address block; the bits of `address` behind `length` are zero. */
export interface AddressPrefix {
  readonly address: IpAddress;
  /** Bits: 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** A UDP endpoint. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Bits in an address of the family. */
export function addressBits(family: AddressFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/**
 * Reads "192.0.2.1" (four decimal numbers, no leading zeros) or an IPv6 address in any notation of RFC 4291
 * section 2.2, without zone. Undefined where the text is no address.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parse6(text) : parse4(text);
  return bytes && { family: bytes.length === 4 ? 4 : 6, bytes };
}

/** Dotted decimal, or RFC 5952 (lower case, longest run of zeros shortened, ::ffff:192.0.2.1 for mapped ones). */
export function formatAddress(address: IpAddress): string {
  return address.family === 4 ? address.bytes.join('.') : format6(address.bytes);
}

/** Reads "10.0.0.0/8"; an address alone is a prefix of full length. Undefined where bits behind the length are set. */
export function parsePrefix(text: string): AddressPrefix | undefined {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (!address || rest.length > 0) return undefined;
  const bits = addressBits(address.family);
  if (lengthText === undefined) return { address, length: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > bits) return undefined;
  const hostBits = (1n << BigInt(bits - length)) - 1n;
  return (addressToNumber(address) & hostBits) === 0n ? { address, length } : undefined;
}

/** "10.0.0.0/8"; always with its length. */
export function formatPrefix(prefix: AddressPrefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

export function prefixToRange(prefix: AddressPrefix): AddressRange {
  const { family } = prefix.address;
  const hostBits = (1n << BigInt(addressBits(family) - prefix.length)) - 1n;
  const first = addressToNumber(prefix.address) & ~hostBits;
  return { first: numberToAddress(first, family), last: numberToAddress(first | hostBits, family) };
}

/** Reads an address, a prefix, or "first-last". Undefined where it is none, or first lies behind last. */
export function parseRange(text: string): AddressRange | undefined {
  const dash = text.indexOf('-');
  if (dash < 0) {
    const prefix = parsePrefix(text);
    return prefix && prefixToRange(prefix);
  }
  const first = parseAddress(text.slice(0, dash).trim());
  const last = parseAddress(text.slice(dash + 1).trim());
  if (!first || !last || first.family !== last.family || compareAddresses(first, last) > 0) return undefined;
  return { first, last };
}

/** An address where it is one, a prefix where it is one, "first-last" otherwise. */
export function formatRange(range: AddressRange): string {
  if (compareAddresses(range.first, range.last) === 0) return formatAddress(range.first);
  const prefixes = rangeToPrefixes(range);
  if (prefixes.length === 1) return formatPrefix(prefixes[0]!);
  return `${formatAddress(range.first)}-${formatAddress(range.last)}`;
}

/** "192.0.2.1:500" or "[2001:db8::1]:500". */
export function formatEndpoint(endpoint: Endpoint): string {
  const address = formatAddress(endpoint.address);
  return endpoint.address.family === 4 ? `${address}:${endpoint.port}` : `[${address}]:${endpoint.port}`;
}

/** Below, equal or above zero; every IPv4 address sorts ahead of every IPv6 address. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let index = 0; index < a.bytes.length; index += 1) {
    const difference = a.bytes[index]! - b.bytes[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

export function equalAddresses(a: IpAddress, b: IpAddress): boolean {
  return compareAddresses(a, b) === 0;
}

export function rangeContains(range: AddressRange, address: IpAddress): boolean {
  return (
    range.first.family === address.family &&
    compareAddresses(range.first, address) <= 0 &&
    compareAddresses(address, range.last) <= 0
  );
}

export function rangeContainsRange(outer: AddressRange, inner: AddressRange): boolean {
  return rangeContains(outer, inner.first) && rangeContains(outer, inner.last);
}

/** What both cover; undefined where they do not meet. */
export function intersectRanges(a: AddressRange, b: AddressRange): AddressRange | undefined {
  if (a.first.family !== b.first.family) return undefined;
  const first = compareAddresses(a.first, b.first) >= 0 ? a.first : b.first;
  const last = compareAddresses(a.last, b.last) <= 0 ? a.last : b.last;
  return compareAddresses(first, last) <= 0 ? { first, last } : undefined;
}

/** A range of one address. */
export function singleAddress(address: IpAddress): AddressRange {
  return { first: address, last: address };
}

/** The whole address space of a family. */
export function everyAddress(family: AddressFamily): AddressRange {
  return prefixToRange({ address: numberToAddress(0n, family), length: 0 });
}

/** The fewest prefixes that cover exactly the range, in order. */
export function rangeToPrefixes(range: AddressRange): AddressPrefix[] {
  const { family } = range.first;
  const bits = addressBits(family);
  const prefixes: AddressPrefix[] = [];
  const last = addressToNumber(range.last);
  let first = addressToNumber(range.first);
  while (first <= last) {
    let size = 0;
    while (size < bits) {
      const block = (1n << BigInt(size + 1)) - 1n;
      if ((first & block) !== 0n || (first | block) > last) break;
      size += 1;
    }
    prefixes.push({ address: numberToAddress(first, family), length: bits - size });
    first += 1n << BigInt(size);
  }
  return prefixes;
}

export function addressToNumber(address: IpAddress): bigint {
  let value = 0n;
  for (const byte of address.bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** `value` below 2^32 or 2^128. */
export function numberToAddress(value: bigint, family: AddressFamily): IpAddress {
  const bytes = new Uint8Array(addressBits(family) / 8);
  let rest = value;
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return { family, bytes };
}

function parse4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parse6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function parseGroups(text: string, mayEndIn4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (mayEndIn4 && index === groups.length - 1 && group.includes('.')) {
      const embedded = parse4(group);
      if (!embedded) return undefined;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

function format6(bytes: Uint8Array): string {
  const mapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  let longestStart = -1;
  let longestLength = 1;
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > longestLength) [longestStart, longestLength] = [start, length];
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (longestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, longestStart))}::${hex(groups.slice(longestStart + longestLength))}`;
}
