// The classic BPF program that chooses, inside the kernel, which packets of a link the tap sees.

/** Source prefixes; `bytes` is the whole address, `length` counts bits. */
export interface TapPrefix {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly length: number;
}

export interface TapFilterOptions {
  /** Bytes ahead of the IP header. */
  readonly linkHeaderLength: number;
  readonly prefixes: readonly TapPrefix[];
  /** Sources that are left to the system although a prefix covers them. */
  readonly excludedPrefixes: readonly TapPrefix[];
  /** UDP destination ports whose datagrams are left to the system. */
  readonly excludedPorts: readonly number[];
  /** Is ESP (IP protocol 50) left to the system? */
  readonly excludesEsp: boolean;
}

/** One instruction of struct sock_filter: code, jump if true, jump if false, operand. */
export type TapInstruction = readonly [code: number, whenTrue: number, whenFalse: number, operand: number];

/**
 * Accepts unicast packets to this computer whose source lies in one of the prefixes, except datagrams to the excluded
 * ports and DHCP's, ESP where it is excluded, and neighbour discovery (ICMPv6 types 130 and up).
 */
export function compileTapFilter(options: TapFilterOptions): TapInstruction[] {
  const start = options.linkHeaderLength;
  const ports = [...options.excludedPorts, ...dhcpClientPorts];
  const exceptEsp = (protocol: number): TapInstruction[] =>
    options.excludesEsp ? [[loadByte, 0, 0, protocol], [jumpEqual, 0, 1, protocolEsp], reject] : [];
  const inet = [
    ...exceptEsp(start + 9),
    ...exceptPorts4(start, ports),
    ...decide(start + 12, 4, options.excludedPrefixes, reject),
    ...decide(start + 12, 4, options.prefixes, accept),
    reject,
  ];
  const inet6 = [
    ...exceptEsp(start + 6),
    ...exceptPorts6(start, ports),
    ...decide(start + 8, 6, options.excludedPrefixes, reject),
    ...decide(start + 8, 6, options.prefixes, accept),
    reject,
  ];
  return [
    [loadWord, 0, 0, packetTypeOffset],
    [jumpEqual, 1, 0, packetToUs],
    reject,
    [loadWord, 0, 0, protocolOffset],
    // IPv6 takes the jump over the program for IPv4.
    [jumpEqual, 0, 1, 0x86dd],
    [jumpAlways, 0, 0, 2 + inet.length],
    [jumpEqual, 1, 0, 0x0800],
    reject,
    ...inet,
    ...inet6,
  ];
}

/** struct sock_filter, 8 bytes each: code 16 bits, two jumps of 8 bits, operand 32 bits. */
export function encodeTapFilter(program: readonly TapInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, whenTrue, whenFalse, operand], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, whenTrue);
    view.setUint8(index * 8 + 3, whenFalse);
    view.setUint32(index * 8 + 4, operand, true);
  });
  return bytes;
}

const loadWord = 0x20;
const loadHalf = 0x28;
const loadByte = 0x30;
const loadHalfIndexed = 0x48;
/** Four times the low half of the byte at the operand, into the index: the length of an IPv4 header. */
const loadHeaderLength = 0xb1;
const and = 0x54;
const jumpAlways = 0x05;
const jumpEqual = 0x15;
const jumpGreaterOrEqual = 0x35;
const jumpAnyBit = 0x45;
const reject: TapInstruction = [0x06, 0, 0, 0];
const accept: TapInstruction = [0x06, 0, 0, 0x40000];
/** Ancillary data: SKF_AD_OFF plus SKF_AD_PROTOCOL and SKF_AD_PKTTYPE. */
const protocolOffset = 0xffff_f000;
const packetTypeOffset = 0xffff_f004;
const packetToUs = 0;
const protocolUdp = 17;
const protocolEsp = 50;
const protocolIcmp6 = 58;
const dhcpClientPorts = [68, 546];

function exceptPorts4(start: number, ports: readonly number[]): TapInstruction[] {
  const rejections = rejectPorts(ports);
  return [
    [loadByte, 0, 0, start + 9],
    [jumpEqual, 0, rejections.length + 4, protocolUdp],
    [loadHalf, 0, 0, start + 6],
    [jumpAnyBit, rejections.length + 2, 0, 0x1fff],
    [loadHeaderLength, 0, 0, start],
    [loadHalfIndexed, 0, 0, start + 2],
    ...rejections,
  ];
}

function exceptPorts6(start: number, ports: readonly number[]): TapInstruction[] {
  const rejections = rejectPorts(ports);
  return [
    [loadByte, 0, 0, start + 6],
    [jumpEqual, 0, 3, protocolIcmp6],
    [loadByte, 0, 0, start + 40],
    [jumpGreaterOrEqual, 0, 1, 130],
    reject,
    [loadByte, 0, 0, start + 6],
    [jumpEqual, 0, rejections.length + 1, protocolUdp],
    [loadHalf, 0, 0, start + 42],
    ...rejections,
  ];
}

function rejectPorts(ports: readonly number[]): TapInstruction[] {
  return ports.flatMap((port): TapInstruction[] => [[jumpEqual, 0, 1, port], reject]);
}

/** Compares the source with each prefix of the family, a word of 32 bits at a time. */
function decide(
  source: number,
  family: 4 | 6,
  prefixes: readonly TapPrefix[],
  verdict: TapInstruction,
): TapInstruction[] {
  return prefixes
    .filter((prefix) => prefix.family === family)
    .flatMap(({ bytes, length }) => {
      const words: TapInstruction[][] = [];
      for (let bit = 0; bit < length; bit += 32) {
        const mask = length - bit >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - (length - bit))) >>> 0;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        words.push([
          [loadWord, 0, 0, source + bit / 8],
          [and, 0, 0, mask],
          [jumpEqual, 0, 0, (view.getUint32(bit / 8) & mask) >>> 0],
        ]);
      }
      return words
        .flatMap((word, index): TapInstruction[] => {
          // Where a word differs, jump over the remaining words and the verdict.
          const [load, mask, compare] = word as [TapInstruction, TapInstruction, TapInstruction];
          return [load, mask, [compare[0], 0, (words.length - 1 - index) * 3 + 1, compare[3]]];
        })
        .concat([verdict]);
    });
}
