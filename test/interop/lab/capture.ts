// Reads a pcap file of Ethernet frames and says of every frame what it is: neighbour discovery, IKE, ESP, or clear text.

export type FrameKind =
  | 'arp'
  | 'neighbour-discovery'
  | 'multicast-listener'
  | 'ike'
  | 'esp-in-udp'
  | 'esp'
  | 'keepalive'
  | 'clear';

export interface Frame {
  readonly kind: FrameKind;
  readonly seconds: number;
  /** Address texts; empty for ARP. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly lengthBytes: number;
  /** The frame from its IP header on (or its ARP body), as far as it was captured. */
  readonly bytes: Buffer;
}

/** The little-endian microsecond format only, which is what `dumpcap -P` writes; ignores a torn last record. */
export function readCapture(file: Buffer): Frame[] {
  if (file.length < 24 || file.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error('not a pcap file');
  if (file.readUInt32LE(20) !== 1) throw new Error('not a capture of Ethernet frames');
  const frames: Frame[] = [];
  const fragments = new Map<string, Frame>();
  for (let at = 24; at + 16 <= file.length; ) {
    const seconds = file.readUInt32LE(at) + file.readUInt32LE(at + 4) / 1e6;
    const captured = file.readUInt32LE(at + 8);
    const lengthBytes = file.readUInt32LE(at + 12);
    if (at + 16 + captured > file.length) break;
    const frame = readFrame(file.subarray(at + 16, at + 16 + captured), seconds, lengthBytes, fragments);
    if (frame !== undefined) frames.push(frame);
    at += 16 + captured;
  }
  return frames;
}

/** How many frames there are of each kind. */
export function countKinds(frames: readonly Frame[]): Readonly<Partial<Record<FrameKind, number>>> {
  const counts: Partial<Record<FrameKind, number>> = {};
  for (const frame of frames) counts[frame.kind] = (counts[frame.kind] ?? 0) + 1;
  return counts;
}

/** One line for a message. */
export function describeFrame(frame: Frame): string {
  const ports =
    frame.sourcePort + frame.destinationPort === 0 ? '' : ` ${frame.sourcePort}>${frame.destinationPort}`;
  return `${frame.seconds.toFixed(6)} ${frame.kind} ${frame.source}>${frame.destination} protocol ${frame.protocol}${ports} ${frame.lengthBytes} bytes`;
}

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ESP = 50;
const PROTOCOL_ICMPV6 = 58;

function readFrame(
  ethernet: Buffer,
  seconds: number,
  lengthBytes: number,
  fragments: Map<string, Frame>,
): Frame | undefined {
  if (ethernet.length < 14) return undefined;
  const etherType = ethernet.readUInt16BE(12);
  const bytes = ethernet.subarray(14);
  const nothing = { seconds, lengthBytes, bytes, protocol: 0, sourcePort: 0, destinationPort: 0 };
  if (etherType === 0x0806) return { ...nothing, kind: 'arp', source: '', destination: '' };
  if (etherType === 0x0800) return readIpv4(bytes, seconds, lengthBytes, fragments);
  if (etherType === 0x86dd) return readIpv6(bytes, seconds, lengthBytes);
  return { ...nothing, kind: 'clear', source: `ethertype ${etherType.toString(16)}`, destination: '' };
}

function readIpv4(
  bytes: Buffer,
  seconds: number,
  lengthBytes: number,
  fragments: Map<string, Frame>,
): Frame | undefined {
  if (bytes.length < 20) return undefined;
  const source = [...bytes.subarray(12, 16)].join('.');
  const destination = [...bytes.subarray(16, 20)].join('.');
  const protocol = bytes[9]!;
  const fragmentField = bytes.readUInt16BE(6);
  const key = `${source} ${destination} ${protocol} ${bytes.readUInt16BE(4)}`;
  if ((fragmentField & 0x1fff) !== 0) {
    const first = fragments.get(key);
    return {
      kind: first?.kind ?? 'clear',
      seconds,
      source,
      destination,
      protocol,
      sourcePort: first?.sourcePort ?? 0,
      destinationPort: first?.destinationPort ?? 0,
      lengthBytes,
      bytes,
    };
  }
  const payload = bytes.subarray((bytes[0]! & 15) * 4);
  const frame = classify({ seconds, source, destination, protocol, lengthBytes, bytes }, payload);
  if ((fragmentField & 0x2000) !== 0) fragments.set(key, frame);
  return frame;
}

function readIpv6(bytes: Buffer, seconds: number, lengthBytes: number): Frame | undefined {
  if (bytes.length < 40) return undefined;
  let protocol = bytes[6]!;
  let payload = bytes.subarray(40);
  while ((protocol === 0 || protocol === 43 || protocol === 60) && payload.length >= 8) {
    protocol = payload[0]!;
    payload = payload.subarray((payload[1]! + 1) * 8);
  }
  const [source, destination] = [ipv6Text(bytes.subarray(8, 24)), ipv6Text(bytes.subarray(24, 40))];
  return classify({ seconds, source, destination, protocol, lengthBytes, bytes }, payload);
}

function classify(packet: Omit<Frame, 'kind' | 'sourcePort' | 'destinationPort'>, payload: Buffer): Frame {
  const hasPorts =
    (packet.protocol === PROTOCOL_TCP || packet.protocol === PROTOCOL_UDP) && payload.length >= 4;
  const sourcePort = hasPorts ? payload.readUInt16BE(0) : 0;
  const destinationPort = hasPorts ? payload.readUInt16BE(2) : 0;
  return {
    ...packet,
    sourcePort,
    destinationPort,
    kind: kindOf(packet.protocol, sourcePort, destinationPort, payload),
  };
}

function kindOf(protocol: number, sourcePort: number, destinationPort: number, payload: Buffer): FrameKind {
  if (protocol === PROTOCOL_ESP) return 'esp';
  if (protocol === PROTOCOL_ICMPV6) {
    const type = payload[0] ?? 0;
    if (type >= 133 && type <= 137) return 'neighbour-discovery';
    if (type === 143 || (type >= 130 && type <= 132)) return 'multicast-listener';
  }
  if (protocol !== PROTOCOL_UDP) return 'clear';
  if (sourcePort === 500 || destinationPort === 500) return 'ike';
  if (sourcePort !== 4500 && destinationPort !== 4500) return 'clear';
  const inside = payload.subarray(8);
  if (payload.readUInt16BE(4) === 9 && inside[0] === 0xff) return 'keepalive';
  return inside.length >= 4 && inside.readUInt32BE(0) === 0 ? 'ike' : 'esp-in-udp';
}

/** Eight groups without "::", lower case: for comparing, not for reading. */
export function ipv6Text(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(':');
}
