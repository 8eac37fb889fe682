// IPv4 packets for the demo in memory: echo, UDP and TCP, with their checksums (RFC 791, 792, 768, 9293).

export const icmpEchoRequest = 8;
export const icmpEchoReply = 0;

export interface Ends {
  readonly source: string;
  readonly destination: string;
}

export function echoPacket(ends: Ends, type: number, sequence: number): Uint8Array {
  const message = Buffer.alloc(8 + 56, 0x2a);
  message.writeUInt32BE(type << 24, 0);
  message.writeUInt16BE(0x5ea1, 4);
  message.writeUInt16BE(sequence, 6);
  message.writeUInt16BE(checksum(message), 2);
  return packet(ends, 1, message);
}

export function udpPacket(
  ends: Ends,
  sourcePort: number,
  destinationPort: number,
  payload: Uint8Array,
): Uint8Array {
  const datagram = Buffer.alloc(8 + payload.length);
  datagram.writeUInt16BE(sourcePort, 0);
  datagram.writeUInt16BE(destinationPort, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(payload, 8);
  datagram.writeUInt16BE(transportChecksum(ends, 17, datagram) || 0xffff, 6);
  return packet(ends, 17, datagram);
}

export function tcpPacket(
  ends: Ends,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  const segment = Buffer.alloc(20 + payload.length);
  segment.writeUInt16BE(sourcePort, 0);
  segment.writeUInt16BE(destinationPort, 2);
  segment.writeUInt32BE(sequence >>> 0, 4);
  segment.writeUInt16BE(0x5010, 12); // 20 bytes of header, ACK
  segment.writeUInt16BE(65_535, 14);
  segment.set(payload, 20);
  segment.writeUInt16BE(transportChecksum(ends, 6, segment), 16);
  return packet(ends, 6, segment);
}

/** What follows IPv4's and the transport's header; undefined for what does not parse. */
export function payloadOf(bytes: Uint8Array): Uint8Array | undefined {
  const transport = (bytes[0]! & 0x0f) * 4;
  switch (bytes[9]) {
    case 6:
      return bytes.subarray(transport + (bytes[transport + 12]! >> 4) * 4);
    case 1:
    case 17:
      return bytes.subarray(transport + 8);
    default:
      return undefined;
  }
}

function packet({ source, destination }: Ends, protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(20 + payload.length);
  bytes[0] = 0x45;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes[8] = 64;
  bytes[9] = protocol;
  bytes.set(addressBytes(source), 12);
  bytes.set(addressBytes(destination), 16);
  bytes.writeUInt16BE(checksum(bytes.subarray(0, 20)), 10);
  bytes.set(payload, 20);
  return bytes;
}

function transportChecksum({ source, destination }: Ends, protocol: number, payload: Buffer): number {
  const pseudoHeader = Buffer.from([
    ...addressBytes(source),
    ...addressBytes(destination),
    0,
    protocol,
    0,
    0,
  ]);
  pseudoHeader.writeUInt16BE(payload.length, 10);
  return checksum(Buffer.concat([pseudoHeader, payload]));
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) {
    sum += offset + 1 < bytes.length ? bytes.readUInt16BE(offset) : bytes[offset]! << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function addressBytes(address: string): readonly number[] {
  return address.split('.').map(Number);
}
