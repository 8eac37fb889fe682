// The Internet checksum (RFC 1071): over memory, with pseudo headers, and its incremental update (RFC 1624).
import type { PacketMemory } from './batch.ts';
import { protocolNumber } from './protocol.ts';
import type { PacketView } from './view.ts';

/** The one loop that a SIMD module may replace. */
export interface ChecksumKernel {
  /**
   * Ones'-complement sum of the big-endian 16-bit words in memory, folded to 16 bits and not inverted. `offset` may
   * be odd; a last odd byte counts as the high half of a word.
   */
  sum(offset: number, length: number): number;
}

/** The kernel in JavaScript. */
export function createChecksumKernel(memory: PacketMemory): ChecksumKernel {
  const { view, bytes } = memory;
  return {
    sum(offset, length) {
      let total = 0;
      let place = offset;
      const end = offset + length;
      for (const last = end - 16; place <= last; place += 16) {
        total +=
          view.getUint32(place) +
          view.getUint32(place + 4) +
          view.getUint32(place + 8) +
          view.getUint32(place + 12);
      }
      for (; place + 2 <= end; place += 2) total += view.getUint16(place);
      if (place < end) total += bytes[place]! << 8;
      return foldSum(total);
    },
  };
}

/** Folds a sum of 16- and 32-bit words (below 2^53) to 16 bits with end-around carry. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/** Sum of the pseudo header of RFC 793 or RFC 8200 section 8.1, not inverted. `length`: transport header and data. */
export function pseudoHeaderSum(view: PacketView, protocol: number, length: number): number {
  return foldSum(sourceSum(view) + destinationSum(view) + protocol + length);
}

/**
 * RFC 1624 equation 3: the checksum after data whose sum was `oldSum` became data whose sum is `newSum`. Both folded
 * to 16 bits.
 */
export function updateChecksum(checksum: number, oldSum: number, newSum: number): number {
  return ~foldSum((~checksum & 0xffff) + (~oldSum & 0xffff) + newSum) & 0xffff;
}

/** The same for a field that holds a sum that was not inverted (a `needed` checksum's partial sum). */
export function updatePartialSum(sum: number, oldSum: number, newSum: number): number {
  return foldSum(sum + (~oldSum & 0xffff) + newSum);
}

/**
 * Finishes a `needed` checksum: the field at `start + fieldOffset` (from the IP header) holds the pseudo header's sum;
 * it becomes the checksum over everything from `start` to the packet's end.
 */
export function completeChecksum(
  kernel: ChecksumKernel,
  memory: PacketMemory,
  packetOffset: number,
  packetLength: number,
  start: number,
  fieldOffset: number,
): void {
  const sum = kernel.sum(packetOffset + start, packetLength - start);
  // An all-zero UDP checksum would say "none" (RFC 768); for the others 0xffff is the same number.
  memory.view.setUint16(packetOffset + start + fieldOffset, ~sum & 0xffff || 0xffff);
}

/** Writes the IPv4 header checksum. */
export function writeHeaderChecksum(memory: PacketMemory, offset: number): void {
  const headerLength = (memory.bytes[offset]! & 0x0f) * 4;
  memory.view.setUint16(offset + 10, 0);
  let sum = 0;
  for (let place = offset; place < offset + headerLength; place += 2) sum += memory.view.getUint16(place);
  memory.view.setUint16(offset + 10, ~foldSum(sum) & 0xffff);
}

/** Place of the checksum field from the transport header's first byte; -1 for a protocol without one that we know. */
export function checksumFieldOffset(protocol: number): number {
  if (protocol === protocolNumber.tcp) return 16;
  if (protocol === protocolNumber.udp) return 6;
  if (protocol === protocolNumber.icmp || protocol === protocolNumber.icmpv6) return 2;
  return -1;
}

/** Writes the checksum of a whole (unfragmented) TCP, UDP, ICMP or ICMPv6 packet; leaves other protocols alone. */
export function writeTransportChecksum(kernel: ChecksumKernel, memory: PacketMemory, view: PacketView): void {
  const field = checksumFieldOffset(view.protocol);
  if (field < 0 || view.isFragment) return;
  memory.view.setUint16(view.transportOffset + field, 0);
  const sum = transportSum(kernel, view);
  const checksum = ~sum & 0xffff;
  const isUdp = view.protocol === protocolNumber.udp;
  memory.view.setUint16(view.transportOffset + field, isUdp && checksum === 0 ? 0xffff : checksum);
}

/**
 * True only where the checksum was there and is right: of a whole TCP, UDP, ICMP or ICMPv6 packet. False for
 * fragments, other protocols and UDP without checksum.
 */
export function verifyTransportChecksum(
  kernel: ChecksumKernel,
  memory: PacketMemory,
  view: PacketView,
): boolean {
  const field = checksumFieldOffset(view.protocol);
  if (field < 0 || view.isFragment || view.transportLength < field + 2) return false;
  if (view.protocol === protocolNumber.udp && memory.view.getUint16(view.transportOffset + field) === 0) {
    return false;
  }
  return transportSum(kernel, view) === 0xffff;
}

/** Is the IPv4 header's checksum right? */
export function verifyHeaderChecksum(memory: PacketMemory, offset: number): boolean {
  const headerLength = (memory.bytes[offset]! & 0x0f) * 4;
  let sum = 0;
  for (let place = offset; place < offset + headerLength; place += 2) sum += memory.view.getUint16(place);
  return foldSum(sum) === 0xffff;
}

function transportSum(kernel: ChecksumKernel, view: PacketView): number {
  const sum = kernel.sum(view.transportOffset, view.transportLength);
  if (view.protocol === protocolNumber.icmp) return sum;
  return foldSum(sum + pseudoHeaderSum(view, view.protocol, view.transportLength));
}

function sourceSum(view: PacketView): number {
  return (view.source0 >>> 0) + (view.source1 >>> 0) + (view.source2 >>> 0) + (view.source3 >>> 0);
}

function destinationSum(view: PacketView): number {
  return (
    (view.destination0 >>> 0) +
    (view.destination1 >>> 0) +
    (view.destination2 >>> 0) +
    (view.destination3 >>> 0)
  );
}
