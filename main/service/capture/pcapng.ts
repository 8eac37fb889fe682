// Writes pcapng (draft-ietf-opsawg-pcapng), little-endian: what Wireshark, tshark and capinfos read. Pure: bytes out.

/** LINKTYPE_ETHERNET: an Ethernet header first; LINKTYPE_RAW: the IP header first. */
export const linkType = { ethernet: 1, raw: 101 } as const;

/** No block that this file makes is longer, which is what one frame of the control endpoint takes. */
export const maximumBlockBytes = 64 * 1024 - 4;

/** A time since 1970. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface InterfaceDescription {
  /** One of `linkType`. */
  readonly linkType: number;
  /** Bytes kept of each packet at most. */
  readonly snapLength: number;
  readonly name: string;
}

export interface CapturedPacket {
  /** Number of the interface description in its section, from 0. */
  readonly interfaceId: number;
  readonly timestamp: Timestamp;
  readonly direction: 'inbound' | 'outbound' | undefined;
  /** From the link type's first header on; cut here to `snapLength` and to what fits a block. */
  readonly bytes: Uint8Array;
  /** Length of the packet before anything was cut off; at least `bytes.length`. */
  readonly originalLength: number;
  readonly snapLength: number;
}

/**
 * Section header block, the first of a file: type 0x0a0d0d0a, length, byte-order magic 0x1a2b3c4d, version 1.0 as two
 * 16-bit numbers, section length as 64 bits (-1: not known), options (shb_userappl), length again.
 */
export function sectionHeader(application: string): Uint8Array {
  return block(0x0a0d0d0a, 16, [[option.userApplication, text(application)]], (view, body) => {
    view.setUint32(body, 0x1a2b3c4d, true);
    view.setUint16(body + 4, 1, true);
    view.setBigInt64(body + 8, -1n, true);
  });
}

/**
 * Interface description block: type 1, length, link type 16 bits, 16 bits reserved, snap length 32 bits, options
 * (if_name; if_tsresol: nanoseconds), length again.
 */
export function interfaceDescription(description: InterfaceDescription): Uint8Array {
  const options: Option[] = [
    [option.interfaceName, text(description.name)],
    [option.timestampResolution, Uint8Array.of(9)],
  ];
  return block(1, 8, options, (view, body) => {
    view.setUint16(body, description.linkType, true);
    view.setUint32(body + 4, description.snapLength, true);
  });
}

/**
 * Enhanced packet block: type 6, length, interface 32 bits, nanoseconds since 1970 as two 32-bit numbers (high, low),
 * captured length 32 bits, original length 32 bits, the packet padded to 4 bytes, options (epb_flags: 1 inbound,
 * 2 outbound), length again.
 */
export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const captured = Math.min(packet.bytes.length, packet.snapLength, maximumPacketBytes);
  const options: Option[] = [];
  if (packet.direction !== undefined) {
    options.push([option.packetFlags, Uint8Array.of(packet.direction === 'inbound' ? 1 : 2, 0, 0, 0)]);
  }
  return block(6, 20 + padded(captured), options, (view, body, bytes) => {
    view.setUint32(body, packet.interfaceId, true);
    writeTimestamp(view, body + 4, packet.timestamp);
    view.setUint32(body + 12, captured, true);
    view.setUint32(body + 16, packet.originalLength, true);
    bytes.set(packet.bytes.subarray(0, captured), body + 20);
  });
}

/**
 * Interface statistics block: type 5, length, interface 32 bits, time as in a packet, options (isb_ifdrop: packets that
 * the system had no room for), length again.
 */
export function interfaceStatistics(
  interfaceId: number,
  timestamp: Timestamp,
  droppedPackets: number,
): Uint8Array {
  const dropped = new Uint8Array(8);
  new DataView(dropped.buffer).setBigUint64(0, BigInt(droppedPackets), true);
  return block(5, 12, [[option.interfaceDrops, dropped]], (view, body) => {
    view.setUint32(body, interfaceId, true);
    writeTimestamp(view, body + 4, timestamp);
  });
}

/** Code and value; codes have their meaning within their kind of block. */
type Option = readonly [code: number, value: Uint8Array];

const option = {
  userApplication: 4,
  interfaceName: 2,
  timestampResolution: 9,
  packetFlags: 2,
  interfaceDrops: 5,
} as const;
/** Type and length ahead of the body, length behind it. */
const frameBytes = 12;
const endOfOptionsBytes = 4;
/** What fits beside the fixed fields of an enhanced packet block and its flags, in whole words. */
const maximumPacketBytes = maximumBlockBytes - frameBytes - 20 - 8 - endOfOptionsBytes;

/** A block with `bodyBytes` (a multiple of 4) of fixed fields, which `fill` writes, and its options. */
function block(
  type: number,
  bodyBytes: number,
  options: readonly Option[],
  fill: (view: DataView, body: number, bytes: Uint8Array) => void,
): Uint8Array {
  const optionBytes = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 0);
  const length = frameBytes + bodyBytes + optionBytes + (options.length > 0 ? endOfOptionsBytes : 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  fill(view, 8, bytes);
  let place = 8 + bodyBytes;
  for (const [code, value] of options) {
    view.setUint16(place, code, true);
    view.setUint16(place + 2, value.length, true);
    bytes.set(value, place + 4);
    place += 4 + padded(value.length);
  }
  view.setUint32(length - 4, length, true);
  return bytes;
}

function writeTimestamp(view: DataView, place: number, { seconds, nanoseconds }: Timestamp): void {
  const value = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  view.setUint32(place, Number(value >> 32n), true);
  view.setUint32(place + 4, Number(value & 0xffff_ffffn), true);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** UTF-8, cut to what an option of ours may reasonably take. */
function text(value: string): Uint8Array {
  return new TextEncoder().encode(value.slice(0, 255));
}
