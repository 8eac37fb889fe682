// Looks on at a link of Linux by a packet socket, read on the event loop a bounded number of packets at a time.
import { checkCall, errorNumber, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import { close, watchReadable } from '../../../native/libc-io.ts';
import {
  allocateBlock,
  controlDataOffset,
  controlSpace,
  iovecSize,
  messageHeaderOffset,
  msghdrSize,
  type NativeBlock,
  writeIovec,
  writeMessageHeader,
  writePointer,
} from '../../../native/libc-memory.ts';
import { interfaceIndex } from '../../../native/libc-process.ts';
import {
  bind,
  getsockopt,
  messageFlag,
  packetOption,
  recvmsg,
  setIntegerOption,
  setsockopt,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
} from '../../../native/libc-socket.ts';
import { linkHeaderLength } from '../link/linux.ts';
import { encodeTapFilter } from '../underlay/tap-filter-linux.ts';
import type { CaptureTap, OpenCaptureTap, TapListener, TappedPacket, WireFilter } from './contract.ts';
import { createOffloadFinisher } from './super-datagram.ts';
import { compileWireFilter } from './wire-filter-linux.ts';

/** Throws SystemCallError: ENODEV, EPERM. */
export const openCaptureTap: OpenCaptureTap = ({ interfaceName, filter }, listener) => {
  const index = interfaceIndex(interfaceName);
  if (index === 0) throw new SystemCallError('if_nametoindex', errorNumber.ENODEV, interfaceName);
  const linkHeader = linkHeaderLength(interfaceName);
  const kind = socketType.raw | socketType.nonBlocking | socketType.closeOnExec;
  // Protocol 0: nothing arrives before the filter is in place and the socket bound.
  const descriptor = checkCall(socket(socketFamily.packet, kind, 0), 'socket', 'packet socket');
  try {
    configure(descriptor);
    if (filter !== undefined) attachFilter(descriptor, filter, linkHeader);
    bindToLink(descriptor, index, interfaceName);
  } catch (error) {
    close(descriptor);
    throw error;
  }
  const reader = createReader(descriptor, linkHeader, listener);
  const watch = watchReadable(descriptor, () => {
    const error = reader.read();
    if (error === undefined) return;
    watch.close();
    listener.ended(new SystemCallError('recvmsg', error, interfaceName));
  });
  let dropped = 0;
  let open = true;
  const tap: CaptureTap = {
    link: linkHeader === 0 ? 'raw' : 'ethernet',
    get missedPackets() {
      if (open) dropped += takeDrops(descriptor);
      return dropped + reader.unreadable;
    },
    setFilter: (next) => attachFilter(descriptor, next, linkHeader),
    close() {
      if (!open) return;
      dropped += takeDrops(descriptor);
      open = false;
      watch.close();
      close(descriptor);
    },
  };
  return tap;
};

const virtioHeaderSize = 10;
const maximumPacket = 70_000;
const receiveBufferBytes = 8 << 20;
/** How much one call of the event loop reads at most: other work has its turn in between. */
const packetsAtATime = 64;
const bytesAtATime = 256 * 1024;
const allProtocols = 0x0003;
/** struct sockaddr_ll: family 16 bits, protocol (big-endian), interface index, hardware type, packet type at 10. */
const linkAddressSize = 20;
const packetTypeOffset = 10;
const packetOutgoing = 4;
const checksumNeeded = 1;

function configure(descriptor: number): void {
  checkCall(
    setIntegerOption(descriptor, socketLevel.packet, packetOption.virtioHeader, 1),
    'setsockopt',
    'PACKET_VNET_HDR',
  );
  setIntegerOption(descriptor, socketLevel.socket, socketOption.timestampNanoseconds, 1);
  setIntegerOption(descriptor, socketLevel.socket, socketOption.receiveBufferForce, receiveBufferBytes);
}

function attachFilter(descriptor: number, filter: WireFilter, linkHeader: number): void {
  const program = encodeTapFilter(compileWireFilter(filter, linkHeader));
  const instructions = allocateBlock(program.length);
  instructions.bytes.set(program);
  // struct sock_fprog: number of instructions (16 bits), address at 8.
  const description = allocateBlock(16);
  description.view.setUint16(0, program.length / 8, true);
  writePointer(description.view, 8, instructions.address);
  checkCall(
    setsockopt(descriptor, socketLevel.socket, socketOption.attachFilter, description.address, 16),
    'setsockopt',
    `filter of ${program.length / 8} instructions`,
  );
}

function bindToLink(descriptor: number, index: number, interfaceName: string): void {
  const name = allocateBlock(24);
  name.view.setUint16(0, socketFamily.packet, true);
  name.view.setUint16(2, allProtocols);
  name.view.setInt32(4, index, true);
  checkCall(bind(descriptor, name.address, linkAddressSize), 'bind', interfaceName);
}

interface Reader {
  /** Reads what is waiting, within the bound; an error number where the link is gone. */
  read(): number | undefined;
  readonly unreadable: number;
  /** What the system knows by its address only: it must live as long as the reader. */
  readonly kept: readonly NativeBlock[];
}

function createReader(descriptor: number, linkHeader: number, listener: TapListener): Reader {
  const header = allocateBlock(msghdrSize);
  const name = allocateBlock(32);
  const control = allocateBlock(controlSpace(16) + 64);
  const offloads = allocateBlock(16);
  const packet = allocateBlock(maximumPacket);
  const vectors = allocateBlock(2 * iovecSize);
  writeIovec(vectors, 0, offloads.address, virtioHeaderSize);
  writeIovec(vectors, iovecSize, packet.address, maximumPacket);
  writeMessageHeader(header, 0, {
    nameAddress: name.address,
    nameLength: linkAddressSize,
    iovecAddress: vectors.address,
    iovecCount: 2,
    controlAddress: control.address,
    controlLength: control.bytes.length,
  });
  const memory = { ...packet, buffer: packet.bytes.buffer };
  const finisher = createOffloadFinisher(memory, linkHeader);
  const flags = messageFlag.dontWait | messageFlag.truncated;

  let unreadable = 0;
  return {
    read,
    kept: [header, name, control, offloads, packet, vectors],
    get unreadable() {
      return unreadable;
    },
  };

  function read(): number | undefined {
    let bytesRead = 0;
    for (let count = 0; count < packetsAtATime && bytesRead < bytesAtATime; count += 1) {
      header.view.setUint32(messageHeaderOffset.nameLength, linkAddressSize, true);
      writePointer(header.view, messageHeaderOffset.controlLength, control.bytes.length);
      const taken = recvmsg(descriptor, header.address, flags);
      if (taken < 0) {
        const error = lastErrorNumber();
        if (error === errorNumber.EAGAIN || error === errorNumber.EINTR) return undefined;
        // A kind of super-packet that the header cannot express; it is gone.
        if (error !== errorNumber.EINVAL) return error;
        unreadable += 1;
        continue;
      }
      const whole = taken - virtioHeaderSize;
      bytesRead += whole;
      const length = Math.min(whole, maximumPacket);
      if (length < linkHeader) continue;
      const about: Pick<TappedPacket, 'direction' | 'timestamp'> = {
        direction: name.bytes[packetTypeOffset] === packetOutgoing ? 'outbound' : 'inbound',
        timestamp: readTimestamp(),
      };
      if (length < whole) {
        listener.packet({ ...about, bytes: packet.bytes.subarray(0, length), originalLength: whole });
        continue;
      }
      const offload = {
        checksumNeeded: (offloads.bytes[0]! & checksumNeeded) !== 0,
        segmentType: offloads.bytes[1]!,
        segmentSize: offloads.view.getUint16(4, true),
        checksumStart: offloads.view.getUint16(6, true),
        checksumOffset: offloads.view.getUint16(8, true),
      };
      finisher.finish(0, length, offload, (bytes) =>
        listener.packet({ ...about, bytes, originalLength: bytes.length }),
      );
    }
    return undefined;
  }

  /** The first control message: struct timespec, seconds and nanoseconds of 64 bits. */
  function readTimestamp(): TappedPacket['timestamp'] {
    const length = header.view.getUint32(messageHeaderOffset.controlLength, true);
    const stamped =
      length >= controlDataOffset + 16 &&
      control.view.getInt32(12, true) === socketOption.timestampNanoseconds;
    if (!stamped) {
      const now = Date.now();
      return { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 };
    }
    return {
      seconds: Number(control.view.getBigInt64(controlDataOffset, true)),
      nanoseconds: control.view.getUint32(controlDataOffset + 8, true),
    };
  }
}

/** struct tpacket_stats: packets, drops, 32 bits each; the kernel sets them back when they are read. */
function takeDrops(descriptor: number): number {
  const statistics = allocateBlock(8);
  const length = allocateBlock(8);
  length.view.setUint32(0, 8, true);
  const failed =
    getsockopt(descriptor, socketLevel.packet, packetOption.statistics, statistics.address, length.address) <
    0;
  return failed ? 0 : statistics.view.getUint32(4, true);
}
