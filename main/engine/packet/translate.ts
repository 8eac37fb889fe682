// Puts another local address, and port, into a packet and keeps every checksum right (RFC 1624, RFC 5508 section 4).
import { checksumState, type PacketMemory } from './batch.ts';
import { type ChecksumKernel, updateChecksum, updatePartialSum } from './checksum.ts';
import { isIcmpError } from './icmp.ts';
import { isIcmp, protocolNumber } from './protocol.ts';
import { PacketView, parseQuotedPacket } from './view.ts';

export type Side = 'source' | 'destination';

/** What takes the place of one side: address words as in PacketView; port (ICMP query: identifier) or -1. */
export interface Replacement {
  readonly replacement0: number;
  readonly replacement1: number;
  readonly replacement2: number;
  readonly replacement3: number;
  readonly replacementPort: number;
}

/**
 * Rewrites the packet's source (or destination) in memory and in the view. In an ICMP error the opposite side of the
 * quoted packet is rewritten too, so that its receiver knows it again. `state`: one of `checksumState`; with `needed`
 * the transport checksum field holds the pseudo header's sum alone and stays so.
 */
export function rewriteSide(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  side: Side,
  replacement: Replacement,
  state: number,
): void {
  const isError = isIcmpError(view);
  if (isError) rewriteQuote(memory, kernel, view, side, replacement, state);
  rewriteHeaders(memory, view, side, replacement, state, !isError, view.transportLength);
}

const quoteView = new PacketView();

/** Eight bytes behind the ICMP header (RFC 792, RFC 4443 section 3). */
function rewriteQuote(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  view: PacketView,
  side: Side,
  replacement: Replacement,
  state: number,
): void {
  const { transportOffset, transportLength } = view;
  const quoted = transportLength - 8;
  if (!parseQuotedPacket(memory, transportOffset + 8, quoted, quoteView) || quoteView.family !== view.family)
    return;
  const oldSum = kernel.sum(transportOffset + 8, quoted);
  const opposite = side === 'source' ? 'destination' : 'source';
  rewriteHeaders(
    memory,
    quoteView,
    opposite,
    replacement,
    checksumState.complete,
    true,
    quoteView.transportLength,
  );
  if (state === checksumState.needed) return;
  const newSum = kernel.sum(transportOffset + 8, quoted);
  const field = transportOffset + 2;
  memory.view.setUint16(field, updateChecksum(memory.view.getUint16(field), oldSum, newSum));
}

function rewriteHeaders(
  memory: PacketMemory,
  view: PacketView,
  side: Side,
  replacement: Replacement,
  state: number,
  withPort: boolean,
  available: number,
): void {
  const { view: data } = memory;
  const place = side === 'source' ? view.sourceOffset : view.destinationOffset;
  const oldAddress = addressSum(memory, place, view.family);
  writeAddress(memory, place, view, side, replacement);
  const newAddress = addressSum(memory, place, view.family);
  if (view.family === 4) {
    data.setUint16(
      view.offset + 10,
      updateChecksum(data.getUint16(view.offset + 10), oldAddress, newAddress),
    );
  }
  if (view.fragmentOffset > 0) return;
  const fieldPlace = checksumPlace(view.protocol);
  const field = fieldPlace >= 0 && fieldPlace + 2 <= available ? view.transportOffset + fieldPlace : -1;
  if (view.protocol !== protocolNumber.icmp) {
    updateField(memory, view, field, oldAddress, newAddress, state === checksumState.needed);
  }
  if (!withPort || replacement.replacementPort < 0) return;
  const port = view.transportOffset + portPlace(view, side);
  if (port + 2 > view.offset + view.length) return;
  const oldPort = data.getUint16(port);
  data.setUint16(port, replacement.replacementPort);
  if (isIcmp(view.protocol)) view.icmpIdentifier = replacement.replacementPort;
  else if (side === 'source') view.sourcePort = replacement.replacementPort;
  else view.destinationPort = replacement.replacementPort;
  // With `needed`, whoever completes the checksum sums the new port.
  if (state !== checksumState.needed) {
    updateField(memory, view, field, oldPort, replacement.replacementPort, false);
  }
}

/** Sum of the address's 16-bit words, folded. */
function addressSum(memory: PacketMemory, place: number, family: 4 | 6): number {
  let sum = 0;
  const size = family === 4 ? 4 : 16;
  for (let index = 0; index < size; index += 2) sum += memory.view.getUint16(place + index);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function writeAddress(
  memory: PacketMemory,
  place: number,
  view: PacketView,
  side: Side,
  replacement: Replacement,
): void {
  const { replacement0, replacement1, replacement2, replacement3 } = replacement;
  memory.view.setInt32(place, replacement0);
  if (view.family === 6) {
    memory.view.setInt32(place + 4, replacement1);
    memory.view.setInt32(place + 8, replacement2);
    memory.view.setInt32(place + 12, replacement3);
  }
  if (side === 'source') {
    view.source0 = replacement0;
    view.source1 = replacement1;
    view.source2 = replacement2;
    view.source3 = replacement3;
  } else {
    view.destination0 = replacement0;
    view.destination1 = replacement1;
    view.destination2 = replacement2;
    view.destination3 = replacement3;
  }
}

/** From the transport header; -1 where no checksum covers addresses or ports (SCTP's CRC is left to its ends). */
function checksumPlace(protocol: number): number {
  if (protocol === protocolNumber.tcp) return 16;
  if (isIcmp(protocol)) return 2;
  const isDatagram = protocol === protocolNumber.udp || protocol === protocolNumber.udpLite;
  return isDatagram || protocol === protocolNumber.dccp ? 6 : -1;
}

function portPlace(view: PacketView, side: Side): number {
  if (isIcmp(view.protocol)) return 4;
  return side === 'source' ? 0 : 2;
}

function updateField(
  memory: PacketMemory,
  view: PacketView,
  field: number,
  oldSum: number,
  newSum: number,
  isPartial: boolean,
): void {
  if (field < 0) return;
  const value = memory.view.getUint16(field);
  if (isPartial) {
    memory.view.setUint16(field, updatePartialSum(value, oldSum, newSum));
    return;
  }
  const isUdp = view.protocol === protocolNumber.udp;
  if (isUdp && value === 0) return;
  const updated = updateChecksum(value, oldSum, newSum);
  memory.view.setUint16(field, isUdp && updated === 0 ? 0xffff : updated);
}
