// A process of the demo: listens on one interface of its network namespace (AF_PACKET) and counts what it sees.
// Arguments: the interface. Messages in: 'count'. Messages out: 'listening', then one SnifferReport for each 'count'.

import { checkCall } from '../../native/libc.ts';
import {
  allocateBlock,
  messageHeaderOffset,
  mmsghdrSize,
  writeIovec,
  writeMessageHeader,
} from '../../native/libc-memory.ts';
import { interfaceIndex } from '../../native/libc-process.ts';
import {
  bind,
  getsockopt,
  messageFlag,
  recvmmsg,
  setIntegerOption,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
} from '../../native/libc-socket.ts';
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

const batch = 64;
const snapLength = 96;
const iovecSize = 16;
const socketBufferBytes = 64 * 1024 * 1024;
const kept = 8;

function listen(interfaceName: string): void {
  const allProtocols = 0x0300; // ETH_P_ALL in network order
  const descriptor = checkCall(
    socket(
      socketFamily.packet,
      socketType.raw | socketType.nonBlocking | socketType.closeOnExec,
      allProtocols,
    ),
    'socket',
  );
  // Only the computer's own root may go beyond the limit; elsewhere the limit is what there is.
  if (
    setIntegerOption(descriptor, socketLevel.socket, socketOption.receiveBufferForce, socketBufferBytes) < 0
  ) {
    setIntegerOption(descriptor, socketLevel.socket, socketOption.receiveBuffer, socketBufferBytes);
  }
  const address = allocateBlock(20);
  address.view.setUint16(0, socketFamily.packet, true);
  address.view.setUint16(2, allProtocols, true);
  address.view.setInt32(4, interfaceIndex(interfaceName), true);
  checkCall(bind(descriptor, address.address, 20), 'bind', interfaceName);

  const counts = new Counts();
  const receive = receiver(descriptor, counts);
  setInterval(receive, 2);
  process.on('message', () => {
    receive();
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

function receiver(descriptor: number, counts: Counts): () => void {
  const data = allocateBlock(batch * snapLength);
  const vectors = allocateBlock(batch * iovecSize);
  const messages = allocateBlock(batch * mmsghdrSize);
  for (let index = 0; index < batch; index++) {
    writeIovec(vectors, index * iovecSize, data.address + index * snapLength, snapLength);
    writeMessageHeader(messages, index * mmsghdrSize, {
      nameAddress: 0,
      nameLength: 0,
      iovecAddress: vectors.address + index * iovecSize,
      iovecCount: 1,
      controlAddress: 0,
      controlLength: 0,
    });
  }
  // With this flag the length that comes back is the frame's, not that of the part kept.
  const flags = messageFlag.dontWait | messageFlag.truncated;
  return () => {
    for (;;) {
      const count = recvmmsg(descriptor, messages.address, batch, flags, 0);
      for (let index = 0; index < count; index++) {
        const length = messages.view.getUint32(index * mmsghdrSize + messageHeaderOffset.messageLength, true);
        const start = index * snapLength;
        counts.add(data.bytes.subarray(start, start + Math.min(length, snapLength)), length);
      }
      if (count < batch) return;
    }
  };
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
