// The classic BPF program that chooses, inside the kernel, what a capture of the wire sees: IKE and ESP of ours.
import type { TapInstruction } from '../underlay/tap-filter-linux.ts';
import type { WireFilter } from './contract.ts';

/**
 * Accepts UDP from or to one of the ports, and from or to the remotes also ESP without UDP and UDP's fragments (which
 * have no ports). `linkHeaderLength`: bytes ahead of the IP header.
 */
export function compileWireFilter(filter: WireFilter, linkHeaderLength: number): TapInstruction[] {
  const inet = filterInet(filter, linkHeaderLength);
  return [
    [loadWord, 0, 0, protocolOffset],
    [jumpEqual, 0, 1, 0x86dd],
    [jumpAlways, 0, 0, 2 + inet.length],
    [jumpEqual, 1, 0, 0x0800],
    reject,
    ...inet,
    ...filterInet6(filter, linkHeaderLength),
  ];
}

const loadWord = 0x20;
const loadHalf = 0x28;
const loadByte = 0x30;
const loadHalfIndexed = 0x48;
/** Four times the low half of the byte at the operand, into the index: the length of an IPv4 header. */
const loadHeaderLength = 0xb1;
const jumpAlways = 0x05;
const jumpEqual = 0x15;
const jumpAnyBit = 0x45;
const reject: TapInstruction = [0x06, 0, 0, 0];
const accept: TapInstruction = [0x06, 0, 0, 0x40000];
/** Ancillary data: SKF_AD_OFF plus SKF_AD_PROTOCOL. */
const protocolOffset = 0xffff_f000;
const protocolUdp = 17;
const protocolFragment = 44;
const protocolEsp = 50;
/** A program may have 4096 instructions. */
const maximumRemotes = 64;

function filterInet({ ports, remotes }: WireFilter, start: number): TapInstruction[] {
  const byPort: TapInstruction[] = [
    [loadHeaderLength, 0, 0, start],
    [loadHalfIndexed, 0, 0, start],
    ...acceptPorts(ports),
    [loadHalfIndexed, 0, 0, start + 2],
    ...acceptPorts(ports),
    reject,
  ];
  return [
    [loadByte, 0, 0, start + 9],
    [jumpEqual, 0, 1, protocolEsp],
    [jumpAlways, 0, 0, 5 + byPort.length],
    [jumpEqual, 1, 0, protocolUdp],
    reject,
    [loadHalf, 0, 0, start + 6],
    [jumpAnyBit, 0, 1, 0x1fff],
    [jumpAlways, 0, 0, byPort.length],
    ...byPort,
    ...acceptAddresses(remotes, 4, [start + 12, start + 16]),
    reject,
  ];
}

function filterInet6({ ports, remotes }: WireFilter, start: number): TapInstruction[] {
  const byPort: TapInstruction[] = [
    [loadHalf, 0, 0, start + 40],
    ...acceptPorts(ports),
    [loadHalf, 0, 0, start + 42],
    ...acceptPorts(ports),
    reject,
  ];
  return [
    [loadByte, 0, 0, start + 6],
    [jumpEqual, 0, 1, protocolEsp],
    [jumpAlways, 0, 0, 4 + byPort.length],
    [jumpEqual, 0, 1, protocolFragment],
    [jumpAlways, 0, 0, 2 + byPort.length],
    [jumpEqual, 1, 0, protocolUdp],
    reject,
    ...byPort,
    ...acceptAddresses(remotes, 16, [start + 8, start + 24]),
    reject,
  ];
}

function acceptPorts(ports: readonly number[]): TapInstruction[] {
  return ports.flatMap((port): TapInstruction[] => [[jumpEqual, 0, 1, port], accept]);
}

function acceptAddresses(
  remotes: readonly Uint8Array[],
  length: 4 | 16,
  places: readonly number[],
): TapInstruction[] {
  const words = length / 4;
  return remotes
    .filter((remote) => remote.length === length)
    .slice(0, maximumRemotes)
    .flatMap((remote) =>
      places.flatMap((place) => {
        const view = new DataView(remote.buffer, remote.byteOffset, length);
        const comparisons = Array.from({ length: words }, (_, word): TapInstruction[] => [
          [loadWord, 0, 0, place + word * 4],
          // Where a word differs, jump over the remaining words and the verdict.
          [jumpEqual, 0, (words - 1 - word) * 2 + 1, view.getUint32(word * 4)],
        ]);
        return [...comparisons.flat(), accept];
      }),
    );
}
