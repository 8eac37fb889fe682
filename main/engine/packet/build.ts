// Makes whole, correct packets from nothing: for the demo without namespaces, and for tests.
import type { IpAddress } from './address.ts';
import type { PacketMemory } from './batch.ts';
import { type ChecksumKernel, writeHeaderChecksum, writeTransportChecksum } from './checksum.ts';
import { protocolNumber } from './protocol.ts';
import { PacketView, parsePacket } from './view.ts';

export interface PacketAddresses {
  /** Both of one family. */
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Default 64. */
  readonly hopLimit?: number;
  /** IPv4 only; default false. */
  readonly dontFragment?: boolean;
  /** IPv4 only; default 0. */
  readonly identification?: number;
  readonly payload?: Uint8Array;
}

export interface PortFields extends PacketAddresses {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface TcpFields extends PortFields {
  readonly sequence?: number;
  readonly acknowledgement?: number;
  /** Bits of `tcpFlag`; default ACK. */
  readonly flags?: number;
  /** Default 65535. */
  readonly window?: number;
}

export interface EchoFields extends PacketAddresses {
  readonly identifier: number;
  readonly sequence: number;
  /** Default false: a request. */
  readonly reply?: boolean;
}

/** Writes a TCP packet without options at `offset`; returns its length in bytes. */
export function buildTcp(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  offset: number,
  fields: TcpFields,
): number {
  const start = writeIpHeader(memory, offset, fields, protocolNumber.tcp, 20);
  const { view, bytes } = memory;
  view.setUint16(start, fields.sourcePort);
  view.setUint16(start + 2, fields.destinationPort);
  view.setUint32(start + 4, fields.sequence ?? 0);
  view.setUint32(start + 8, fields.acknowledgement ?? 0);
  bytes[start + 12] = 0x50;
  bytes[start + 13] = fields.flags ?? 0x10;
  view.setUint16(start + 14, fields.window ?? 0xffff);
  view.setUint32(start + 16, 0);
  return finish(memory, kernel, offset, start + 20, fields.payload);
}

export function buildUdp(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  offset: number,
  fields: PortFields,
): number {
  const start = writeIpHeader(memory, offset, fields, protocolNumber.udp, 8);
  memory.view.setUint16(start, fields.sourcePort);
  memory.view.setUint16(start + 2, fields.destinationPort);
  memory.view.setUint16(start + 4, 8 + (fields.payload?.length ?? 0));
  memory.view.setUint16(start + 6, 0);
  return finish(memory, kernel, offset, start + 8, fields.payload);
}

/** ICMP or ICMPv6 echo request, or reply, as the addresses' family asks. */
export function buildEcho(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  offset: number,
  fields: EchoFields,
): number {
  const isFour = fields.source.family === 4;
  const protocol = isFour ? protocolNumber.icmp : protocolNumber.icmpv6;
  const start = writeIpHeader(memory, offset, fields, protocol, 8);
  const [request, reply] = isFour ? [8, 0] : [128, 129];
  memory.bytes[start] = fields.reply ? reply! : request!;
  memory.bytes[start + 1] = 0;
  memory.view.setUint16(start + 2, 0);
  memory.view.setUint16(start + 4, fields.identifier);
  memory.view.setUint16(start + 6, fields.sequence);
  return finish(memory, kernel, offset, start + 8, fields.payload);
}

/** A packet of any protocol; `payload` is everything behind the IP header. */
export function buildIp(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  offset: number,
  protocol: number,
  fields: PacketAddresses,
): number {
  const start = writeIpHeader(memory, offset, fields, protocol, 0);
  return finish(memory, kernel, offset, start, fields.payload);
}

/** Returns where the transport header begins. */
function writeIpHeader(
  memory: PacketMemory,
  offset: number,
  fields: PacketAddresses,
  protocol: number,
  transportHeaderLength: number,
): number {
  const { view, bytes } = memory;
  const payloadLength = transportHeaderLength + (fields.payload?.length ?? 0);
  if (fields.source.family === 6) {
    view.setUint32(offset, 0x60000000);
    view.setUint16(offset + 4, payloadLength);
    bytes[offset + 6] = protocol;
    bytes[offset + 7] = fields.hopLimit ?? 64;
    bytes.set(fields.source.bytes, offset + 8);
    bytes.set(fields.destination.bytes, offset + 24);
    return offset + 40;
  }
  view.setUint16(offset, 0x4500);
  view.setUint16(offset + 2, 20 + payloadLength);
  view.setUint16(offset + 4, fields.identification ?? 0);
  view.setUint16(offset + 6, fields.dontFragment ? 0x4000 : 0);
  bytes[offset + 8] = fields.hopLimit ?? 64;
  bytes[offset + 9] = protocol;
  bytes.set(fields.source.bytes, offset + 12);
  bytes.set(fields.destination.bytes, offset + 16);
  writeHeaderChecksum(memory, offset);
  return offset + 20;
}

function finish(
  memory: PacketMemory,
  kernel: ChecksumKernel,
  offset: number,
  payloadStart: number,
  payload: Uint8Array | undefined,
): number {
  if (payload) memory.bytes.set(payload, payloadStart);
  const length = payloadStart - offset + (payload?.length ?? 0);
  const view = new PacketView();
  if (parsePacket(memory, offset, length, view)) writeTransportChecksum(kernel, memory, view);
  return length;
}
