// ICMP and ICMPv6 errors with which the engine answers the terminal (RFC 792, RFC 1191, RFC 4443).
import type { PacketMemory } from './batch.ts';
import { type ChecksumKernel, foldSum, writeHeaderChecksum } from './checksum.ts';
import { protocolNumber } from './protocol.ts';
import type { PacketView } from './view.ts';

/** Too big for the tunnel; forbidden by the filter or by failed agreement; no way there. */
export type IcmpErrorKind = 'too-big' | 'prohibited' | 'no-route';

/** Bytes that `buildIcmpError` writes at most: IPv6's smallest MTU (RFC 4443 section 2.4). */
export const maximumIcmpErrorLength = 1280;

/** ICMP errors over IPv4 stay within this (RFC 1812 section 4.3.2.3). */
const maximumIcmp4ErrorLength = 576;

/**
 * Writes the error that answers the packet in `view` at `target`, where `maximumIcmpErrorLength` bytes are free, as a
 * whole IP packet from the packet's destination to its source. Returns its length; 0 where none may be sent: about an
 * ICMP error, a fragment that is not the first, or from or to an address that is not a single host's (RFC 1122 section
 * 3.2.2, RFC 4443 section 2.4). `mtu`: bytes of the largest packet, with 'too-big'.
 */
export function buildIcmpError(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  kind: IcmpErrorKind,
  mtu: number,
  target: number,
): number {
  if (!mayBeAnswered(view)) return 0;
  return view.family === 4
    ? build4(memory, kernel, view, kind, mtu, target)
    : build6(memory, kernel, view, kind, mtu, target);
}

/** ICMP errors quote the packet that they are about; they are never answered by another error. */
export function isIcmpError(view: PacketView): boolean {
  if (!view.portsKnown) return false;
  const type = view.destinationPort >> 8;
  if (view.protocol === protocolNumber.icmpv6) return type < 128;
  if (view.protocol !== protocolNumber.icmp) return false;
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

function mayBeAnswered(view: PacketView): boolean {
  // An ICMPv6 redirect is no error by its number, but is treated as one (RFC 4443 section 2.4 e.2).
  const isRedirect = view.protocol === protocolNumber.icmpv6 && view.destinationPort >> 8 === 137;
  if (view.fragmentOffset > 0 || isIcmpError(view) || isRedirect) return false;
  if (view.family === 4) return isHost4(view.source0) && isHost4(view.destination0);
  return (
    isHost6(view.source0, view.source1, view.source2, view.source3) &&
    isHost6(view.destination0, view.destination1, view.destination2, view.destination3)
  );
}

/** Neither unspecified nor multicast, reserved or broadcast. */
function isHost4(word: number): boolean {
  const first = word >>> 24;
  return first !== 0 && first < 224;
}

function isHost6(word0: number, word1: number, word2: number, word3: number): boolean {
  return word0 >>> 24 !== 0xff && (word0 | word1 | word2 | word3) !== 0;
}

function build4(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  kind: IcmpErrorKind,
  mtu: number,
  target: number,
): number {
  const { bytes, view: data } = memory;
  const quoted = Math.min(view.length, maximumIcmp4ErrorLength - 28);
  const length = 28 + quoted;
  bytes.copyWithin(target + 28, view.offset, view.offset + quoted);
  // Version 4, 20-byte header; precedence "internetwork control" (RFC 1812 section 4.3.2.5).
  data.setUint16(target, 0x45c0);
  data.setUint16(target + 2, length);
  data.setUint32(target + 4, 0);
  bytes[target + 8] = 64;
  bytes[target + 9] = protocolNumber.icmp;
  data.setInt32(target + 12, view.destination0);
  data.setInt32(target + 16, view.source0);
  writeHeaderChecksum(memory, target);
  bytes[target + 20] = 3;
  bytes[target + 21] = kind === 'too-big' ? 4 : kind === 'prohibited' ? 13 : 0;
  data.setUint16(target + 22, 0);
  data.setUint16(target + 24, 0);
  data.setUint16(target + 26, kind === 'too-big' ? mtu : 0);
  data.setUint16(target + 22, ~kernel.sum(target + 20, length - 20) & 0xffff);
  return length;
}

function build6(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  kind: IcmpErrorKind,
  mtu: number,
  target: number,
): number {
  const { bytes, view: data } = memory;
  const quoted = Math.min(view.length, maximumIcmpErrorLength - 48);
  const payload = 8 + quoted;
  bytes.copyWithin(target + 48, view.offset, view.offset + quoted);
  data.setUint32(target, 0x60000000);
  data.setUint16(target + 4, payload);
  bytes[target + 6] = protocolNumber.icmpv6;
  bytes[target + 7] = 64;
  data.setInt32(target + 8, view.destination0);
  data.setInt32(target + 12, view.destination1);
  data.setInt32(target + 16, view.destination2);
  data.setInt32(target + 20, view.destination3);
  data.setInt32(target + 24, view.source0);
  data.setInt32(target + 28, view.source1);
  data.setInt32(target + 32, view.source2);
  data.setInt32(target + 36, view.source3);
  bytes[target + 40] = kind === 'too-big' ? 2 : 1;
  bytes[target + 41] = kind === 'prohibited' ? 1 : 0;
  data.setUint16(target + 42, 0);
  data.setUint32(target + 44, kind === 'too-big' ? mtu : 0);
  const sum = kernel.sum(target + 8, 32) + kernel.sum(target + 40, payload);
  data.setUint16(target + 42, ~foldSum(sum + payload + protocolNumber.icmpv6) & 0xffff);
  return 40 + payload;
}
