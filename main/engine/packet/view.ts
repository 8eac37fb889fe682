// The headers of one packet as numbers. One view is filled again and again: the packet path makes no objects.
import type { PacketMemory } from './batch.ts';
import { hasPorts, isIcmp, protocolNumber } from './protocol.ts';

/** Bits of `PacketView.tcpFlags` (RFC 9293 section 3.1). */
export const tcpFlag = { fin: 1, syn: 2, rst: 4, push: 8, ack: 16, urgent: 32 } as const;

/** More extension headers than this and the packet counts as malformed; RFC 8200 section 4.1 knows six. */
export const maximumExtensionHeaders = 8;

/**
 * What `parsePacket` found. All offsets are places in the packet memory, all lengths bytes. Addresses are four
 * signed 32-bit words in network order; an IPv4 address is in word 0, the others are 0.
 */
export class PacketView {
  family: 4 | 6 = 4;
  /** First byte of the IP header. */
  offset = 0;
  /** The whole packet as its header says; the descriptor's length where the header leaves it open (super-packets). */
  length = 0;
  /** IP header with options or extension headers: up to the transport header. */
  headerLength = 0;
  /** The protocol behind all extension headers (RFC 8200 section 4.1). */
  protocol = 0;
  transportOffset = 0;
  transportLength = 0;
  sourceOffset = 0;
  destinationOffset = 0;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  /** False in a fragment that is not the first, and for protocols without ports or types. */
  portsKnown = false;
  sourcePort = 0;
  /** For ICMP and ICMPv6: type << 8 | code, and the source port is 0. */
  destinationPort = 0;
  /** Of ICMP echo and timestamp; 0 otherwise. */
  icmpIdentifier = 0;
  tcpFlags = 0;
  /** TCP header with options, 0 for other protocols. */
  tcpHeaderLength = 0;
  /** The packet is one of several fragments. */
  isFragment = false;
  /** Signed 32-bit; IPv4 has 16 bits of it. */
  fragmentId = 0;
  /** Bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  /** IPv6 routers never fragment: always true there. */
  dontFragment = false;
  /** TTL or hop limit. */
  hopLimit = 0;
  /** RFC 2474. */
  dscp = 0;
  /** RFC 3168. */
  ecn = 0;
}

/**
 * Reads the packet at `offset`, `length` bytes of which are there, into `view`. False where it is malformed: cut
 * short, inconsistent, too many extension headers, a transport header that does not lie whole in the first fragment
 * (RFC 1858), or source-routed, so that its destination is not the one the filter would see (RFC 791, RFC 5095).
 * A total length of 0 (IPv6: payload length) means: as long as the descriptor says.
 */
export function parsePacket(memory: PacketMemory, offset: number, length: number, view: PacketView): boolean {
  return parse(memory, offset, length, view, true);
}

/**
 * The same for a packet that an ICMP error quotes: it may be cut off behind the first eight bytes of its transport
 * header, and `length` is only what is there.
 */
export function parseQuotedPacket(
  memory: PacketMemory,
  offset: number,
  length: number,
  view: PacketView,
): boolean {
  return parse(memory, offset, length, view, false);
}

function parse(
  memory: PacketMemory,
  offset: number,
  length: number,
  view: PacketView,
  whole: boolean,
): boolean {
  if (length < 20 || offset < 0 || offset + length > memory.bytes.length) return false;
  view.offset = offset;
  view.portsKnown = false;
  view.sourcePort = 0;
  view.destinationPort = 0;
  view.icmpIdentifier = 0;
  view.tcpFlags = 0;
  view.tcpHeaderLength = 0;
  const version = memory.bytes[offset]! >> 4;
  if (version === 4) return parse4(memory, offset, length, view, whole);
  if (version === 6) return parse6(memory, offset, length, view, whole);
  return false;
}

function parse4(
  memory: PacketMemory,
  offset: number,
  length: number,
  view: PacketView,
  whole: boolean,
): boolean {
  const { bytes, view: data } = memory;
  const headerLength = (bytes[offset]! & 0x0f) * 4;
  const totalLength = data.getUint16(offset + 2) || length;
  if (headerLength < 20 || headerLength > length || totalLength < headerLength) return false;
  if (totalLength > length && whole) return false;
  if (headerLength > 20 && isSourceRouted(bytes, offset + 20, offset + headerLength)) return false;
  const trafficClass = bytes[offset + 1]!;
  const fragment = data.getUint16(offset + 6);
  view.family = 4;
  view.length = Math.min(totalLength, length);
  view.dscp = trafficClass >> 2;
  view.ecn = trafficClass & 3;
  view.fragmentId = data.getUint16(offset + 4);
  view.dontFragment = (fragment & 0x4000) !== 0;
  view.moreFragments = (fragment & 0x2000) !== 0;
  view.fragmentOffset = (fragment & 0x1fff) * 8;
  view.isFragment = (fragment & 0x3fff) !== 0;
  view.hopLimit = bytes[offset + 8]!;
  view.sourceOffset = offset + 12;
  view.destinationOffset = offset + 16;
  view.source0 = data.getInt32(offset + 12);
  view.source1 = 0;
  view.source2 = 0;
  view.source3 = 0;
  view.destination0 = data.getInt32(offset + 16);
  view.destination1 = 0;
  view.destination2 = 0;
  view.destination3 = 0;
  return parseTransport(memory, view, bytes[offset + 9]!, headerLength, whole);
}

/** Loose or strict source route among the IPv4 options, or options that do not parse (RFC 791 section 3.1). */
function isSourceRouted(bytes: Uint8Array, start: number, end: number): boolean {
  let place = start;
  while (place < end) {
    const type = bytes[place]!;
    if (type === 0) return false;
    if (type === 1) {
      place += 1;
      continue;
    }
    const length = place + 1 < end ? bytes[place + 1]! : 0;
    if (type === 131 || type === 137 || length < 2 || place + length > end) return true;
    place += length;
  }
  return false;
}

function parse6(
  memory: PacketMemory,
  offset: number,
  length: number,
  view: PacketView,
  whole: boolean,
): boolean {
  if (length < 40) return false;
  const { bytes, view: data } = memory;
  const payloadLength = data.getUint16(offset + 4) || length - 40;
  if (payloadLength + 40 > length && whole) return false;
  const trafficClass = (data.getUint16(offset) >> 4) & 0xff;
  view.family = 6;
  view.length = Math.min(payloadLength + 40, length);
  view.dscp = trafficClass >> 2;
  view.ecn = trafficClass & 3;
  view.fragmentId = 0;
  view.dontFragment = true;
  view.moreFragments = false;
  view.fragmentOffset = 0;
  view.isFragment = false;
  view.hopLimit = bytes[offset + 7]!;
  view.sourceOffset = offset + 8;
  view.destinationOffset = offset + 24;
  view.source0 = data.getInt32(offset + 8);
  view.source1 = data.getInt32(offset + 12);
  view.source2 = data.getInt32(offset + 16);
  view.source3 = data.getInt32(offset + 20);
  view.destination0 = data.getInt32(offset + 24);
  view.destination1 = data.getInt32(offset + 28);
  view.destination2 = data.getInt32(offset + 32);
  view.destination3 = data.getInt32(offset + 36);
  const next = bytes[offset + 6]!;
  if (!isExtensionHeader(next)) return parseTransport(memory, view, next, 40, whole);
  return walkExtensionHeaders(memory, view, next, whole);
}

function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === protocolNumber.hopByHop ||
    protocol === protocolNumber.routing ||
    protocol === protocolNumber.fragment ||
    protocol === protocolNumber.ah ||
    protocol === protocolNumber.destinationOptions
  );
}

/** RFC 8200 section 4; every header is at least 8 bytes, so the walk ends. */
function walkExtensionHeaders(
  memory: PacketMemory,
  view: PacketView,
  first: number,
  whole: boolean,
): boolean {
  const { bytes, view: data } = memory;
  const end = view.offset + view.length;
  let place = view.offset + 40;
  let protocol = first;
  for (let count = 0; isExtensionHeader(protocol); count += 1) {
    if (count === maximumExtensionHeaders || place + 8 > end) return false;
    if (protocol === protocolNumber.hopByHop && count > 0) return false;
    let size = 8 + bytes[place + 1]! * 8;
    if (protocol === protocolNumber.ah) size = 8 + bytes[place + 1]! * 4;
    if (protocol === protocolNumber.fragment) {
      if (view.isFragment) return false;
      size = 8;
      const fragment = data.getUint16(place + 2);
      view.fragmentOffset = fragment & 0xfff8;
      view.moreFragments = (fragment & 1) !== 0;
      view.isFragment = view.moreFragments || view.fragmentOffset > 0;
      view.fragmentId = data.getInt32(place + 4);
    }
    // Type 0 with segments left: the header's destination is not the last one (RFC 5095).
    if (protocol === protocolNumber.routing && bytes[place + 2] === 0 && bytes[place + 3] !== 0) return false;
    protocol = bytes[place]!;
    place += size;
    if (place > end) return false;
    if (view.fragmentOffset > 0) break;
  }
  return parseTransport(memory, view, protocol, place - view.offset, whole);
}

function parseTransport(
  memory: PacketMemory,
  view: PacketView,
  protocol: number,
  headerLength: number,
  whole: boolean,
): boolean {
  const start = view.offset + headerLength;
  const available = view.length - headerLength;
  view.protocol = protocol;
  view.headerLength = headerLength;
  view.transportOffset = start;
  view.transportLength = available;
  if (view.fragmentOffset > 0) {
    // A second fragment that could overwrite the TCP header's flags (RFC 1858 section 3).
    return !(protocol === protocolNumber.tcp && view.fragmentOffset < 20);
  }
  const { bytes, view: data } = memory;
  if (hasPorts(protocol)) {
    if (available < 8) return false;
    view.portsKnown = true;
    view.sourcePort = data.getUint16(start);
    view.destinationPort = data.getUint16(start + 2);
    if (protocol === protocolNumber.tcp && (whole || available >= 20)) {
      const tcpHeaderLength = available >= 20 ? (bytes[start + 12]! >> 4) * 4 : 0;
      if (whole && (tcpHeaderLength < 20 || tcpHeaderLength > available)) return false;
      view.tcpHeaderLength = tcpHeaderLength;
      view.tcpFlags = bytes[start + 13]! & 0x3f;
    }
  } else if (isIcmp(protocol)) {
    if (available < 4) return false;
    view.portsKnown = true;
    view.destinationPort = data.getUint16(start);
    if (available >= 8 && isIcmpQuery(protocol, bytes[start]!))
      view.icmpIdentifier = data.getUint16(start + 4);
  }
  return true;
}

/** Messages that are answered by their counterpart and carry an identifier (RFC 792, RFC 4443 section 4). */
function isIcmpQuery(protocol: number, type: number): boolean {
  if (protocol === protocolNumber.icmpv6) return type === 128 || type === 129;
  return type === 8 || type === 0 || type === 13 || type === 14;
}
