// Tells from the first bytes of an Ethernet frame what it carries, as far as a stranger on the wire can.

export const frameKinds = ['ARP/ND', 'IKE', 'ESP', 'ICMP', 'DNS', 'TCP', 'UDP', 'other'] as const;
export type FrameKind = (typeof frameKinds)[number];

/** What may be on the wire while the tunnel is up. */
export const sealedKinds: readonly FrameKind[] = ['ARP/ND', 'IKE', 'ESP'];

export interface Frame {
  readonly kind: FrameKind;
  /** "10.0.0.1 > 10.0.0.2 ICMP", for a person. */
  readonly text: string;
}

const etherType = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };
const protocol = { icmp: 1, tcp: 6, udp: 17, esp: 50, icmpv6: 58 };
const ikePort = 500;
const natTraversalPort = 4500;

/** `bytes`: the frame or its beginning (96 bytes are enough), with the 14 bytes of Ethernet header. Never throws. */
export function classifyFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 14) return { kind: 'other', text: 'a frame that is too short' };
  const type = view.getUint16(12);
  if (type === etherType.arp) return { kind: 'ARP/ND', text: 'ARP' };
  if (type === etherType.ipv4 && bytes.length >= 34) {
    const header = 14 + (bytes[14]! & 0x0f) * 4;
    const laterFragment = (view.getUint16(20) & 0x1fff) !== 0;
    const ends = `${dotted(bytes, 26)} > ${dotted(bytes, 30)}`;
    return classifyPayload(view, bytes[23]!, header, laterFragment, ends);
  }
  if (type === etherType.ipv6 && bytes.length >= 54) {
    const ends = `${colons(view, 22)} > ${colons(view, 38)}`;
    return classifyPayload(view, bytes[20]!, 54, false, ends);
  }
  return { kind: 'other', text: `EtherType ${type.toString(16).padStart(4, '0')}` };
}

function classifyPayload(
  view: DataView,
  next: number,
  offset: number,
  laterFragment: boolean,
  ends: string,
): Frame {
  const named = (kind: FrameKind, detail: string = kind): Frame => ({ kind, text: `${ends} ${detail}` });
  if (laterFragment) return named('other', 'fragment');
  switch (next) {
    case protocol.esp:
      return named('ESP');
    case protocol.icmp:
      return named('ICMP');
    case protocol.tcp:
      return named('TCP', view.byteLength >= offset + 4 ? `TCP port ${view.getUint16(offset + 2)}` : 'TCP');
    case protocol.icmpv6: {
      const type = view.byteLength > offset ? view.getUint8(offset) : 0;
      return type >= 133 && type <= 137 ? named('ARP/ND', 'ND') : named('ICMP', `ICMPv6 type ${type}`);
    }
    case protocol.udp:
      return view.byteLength >= offset + 12 ? classifyDatagram(view, offset, named) : named('UDP');
    default:
      return named('other', `protocol ${next}`);
  }
}

/** RFC 3948: on port 4500 four zero bytes mark IKE, a single byte FF is a keepalive, all else begins with an SPI. */
function classifyDatagram(
  view: DataView,
  offset: number,
  named: (kind: FrameKind, detail?: string) => Frame,
): Frame {
  const ports = [view.getUint16(offset), view.getUint16(offset + 2)];
  if (ports.includes(natTraversalPort)) {
    const keepalive = view.getUint16(offset + 4) === 9 && view.getUint8(offset + 8) === 0xff;
    return keepalive || view.getUint32(offset + 8) === 0 ? named('IKE') : named('ESP');
  }
  if (ports.includes(ikePort)) return named('IKE');
  return ports.includes(53) ? named('DNS') : named('UDP', `UDP port ${ports[1]}`);
}

function dotted(bytes: Uint8Array, offset: number): string {
  return bytes.subarray(offset, offset + 4).join('.');
}

function colons(view: DataView, offset: number): string {
  return Array.from({ length: 8 }, (_, index) => view.getUint16(offset + index * 2).toString(16)).join(':');
}
