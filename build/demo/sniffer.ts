// A process of the demo: listens on one interface of its network namespace (AF_PACKET) and counts what it sees.
// Arguments: the interface. Messages in: 'count'. Messages out: 'listening', then one SnifferReport for each 'count'.

import { checkCall } from '../../native/libc.ts';
import { allocateBlock } from '../../native/libc-memory.ts';
import { interfaceIndex } from '../../native/libc-process.ts';
import { bind, getsockopt, socket, socketFamily, socketLevel, socketType } from '../../native/libc-socket.ts';
import { PacketRing } from '../../native/packet-ring.ts';
import { classifyFrame, type FrameKind, frameKinds, sealedKinds } from './frame-kind.ts';

export interface SnifferReport {
  /** Since the sniffer began. A frame that the system segments later counts once. */
  readonly frames: Readonly<Record<FrameKind, number>>;
  readonly bytes: Readonly<Record<FrameKind, number>>;
  /** The latest frames that were neither ARP/ND nor IKE nor ESP. */
  readonly readable: readonly string[];
  /** Frames that the system could not hand over. */
  readonly lost: number;
}

// The whole of a socket's buffer would be full with a few super-packets; a ring holds so many beginnings of frames.
const slotSize = 256;
const slotCount = 16_384;
const kept = 8;

function listen(interfaceName: string): void {
  const type = socketType.raw | socketType.nonBlocking | socketType.closeOnExec;
  // Bound to no protocol yet: nothing from other interfaces gets into the ring.
  const descriptor = checkCall(socket(socketFamily.packet, type, 0), 'socket');
  const ring = new PacketRing(descriptor, slotSize, slotCount);
  const allProtocols = 0x0300; // ETH_P_ALL in network order
  const address = allocateBlock(20);
  address.view.setUint16(0, socketFamily.packet, true);
  address.view.setUint16(2, allProtocols, true);
  address.view.setInt32(4, interfaceIndex(interfaceName), true);
  checkCall(bind(descriptor, address.address, 20), 'bind', interfaceName);

  const counts = new Counts();
  const drain = () => ring.drain((start, length) => counts.add(start, length));
  setInterval(drain, 5);
  process.on('message', () => {
    drain();
    process.send?.(counts.report(lostFrames(descriptor)));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.('listening');
}

class Counts {
  readonly #frames = new Map<FrameKind, number>(frameKinds.map((kind) => [kind, 0]));
  readonly #bytes = new Map<FrameKind, number>(frameKinds.map((kind) => [kind, 0]));
  readonly #readable: string[] = [];
  #lost = 0;

  add(start: Uint8Array, length: number): void {
    const { kind, text } = classifyFrame(start);
    this.#frames.set(kind, this.#frames.get(kind)! + 1);
    this.#bytes.set(kind, this.#bytes.get(kind)! + length);
    if (sealedKinds.includes(kind)) return;
    this.#readable.push(text);
    if (this.#readable.length > kept) this.#readable.shift();
  }

  report(newlyLost: number): SnifferReport {
    this.#lost += newlyLost;
    return {
      frames: Object.fromEntries(this.#frames) as Record<FrameKind, number>,
      bytes: Object.fromEntries(this.#bytes) as Record<FrameKind, number>,
      readable: this.#readable,
      lost: this.#lost,
    };
  }
}

/** PACKET_STATISTICS: two 32-bit counters, frames and drops; reading them sets both to zero. */
function lostFrames(descriptor: number): number {
  const packetStatistics = 6;
  const value = allocateBlock(16);
  value.view.setUint32(8, 8, true);
  checkCall(
    getsockopt(descriptor, socketLevel.packet, packetStatistics, value.address, value.address + 8),
    'getsockopt',
  );
  return value.view.getUint32(4, true);
}

listen(process.argv[2]!);
