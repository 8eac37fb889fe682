// Receives runs of datagrams on a UDP socket, or packets on a raw one, many in one call.
import { errorNumber, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import {
  allocateBlock,
  controlDataOffset,
  iovecSize,
  messageHeaderOffset,
  mmsghdrSize,
  writeIovec,
  writeMessageHeader,
} from '../../../native/libc-memory.ts';
import {
  ipOption,
  ipv6Option,
  messageFlag,
  readSocketAddress,
  recvmmsg,
  socketLevel,
  udpOption,
} from '../../../native/libc-socket.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import {
  type DatagramBatch,
  type PacketMemory,
  packetHeadroom,
  type SlotRegion,
} from '../../engine/packet/batch.ts';
import type { PeerTable } from './peer-table.ts';

export interface DatagramReceiverOptions {
  readonly descriptor: number;
  readonly family: 4 | 6;
  readonly localPort: number;
  /** Does what is read begin with the IPv4 header? */
  readonly carriesHeader: boolean;
  readonly memory: PacketMemory;
  readonly peers: PeerTable;
}

export class DatagramReceiver {
  /** Runs that were longer than their slot, and refusals of the system. */
  errors = 0;
  readonly #descriptor: number;
  readonly #family: 4 | 6;
  readonly #localPort: number;
  readonly #carriesHeader: boolean;
  readonly #memory: PacketMemory;
  readonly #peers: PeerTable;
  readonly #headers = allocateBlock(runsPerCall * mmsghdrSize);
  readonly #vectors = allocateBlock(runsPerCall * iovecSize);
  readonly #names = allocateBlock(runsPerCall * nameStride);
  readonly #controls = allocateBlock(runsPerCall * controlStride);
  /** Offset of the local address in the controls block, for each run of the latest call; 0: not told. */
  readonly #localOffset = new Uint32Array(runsPerCall);
  #preparedStart = -1;
  #preparedSlotSize = -1;

  constructor(options: DatagramReceiverOptions) {
    this.#descriptor = options.descriptor;
    this.#family = options.family;
    this.#localPort = options.localPort;
    this.#carriesHeader = options.carriesHeader;
    this.#memory = options.memory;
    this.#peers = options.peers;
    for (let index = 0; index < runsPerCall; index += 1) {
      writeMessageHeader(this.#headers, index * mmsghdrSize, {
        nameAddress: this.#names.address + index * nameStride,
        nameLength: nameStride,
        iovecAddress: this.#vectors.address + index * iovecSize,
        iovecCount: 1,
        controlAddress: this.#controls.address + index * controlStride,
        controlLength: controlStride,
      });
    }
  }

  /** See Underlay.receive. The bytes begin `packetHeadroom` behind the start of their slot, or an IP header further. */
  receive(batch: DatagramBatch, region: SlotRegion): void {
    this.#prepare(region);
    batch.count = 0;
    const limit = Math.min(batch.capacity, region.slotCount, runsPerCall);
    const received = recvmmsg(this.#descriptor, this.#headers.address, limit, messageFlag.dontWait, 0);
    if (received < 0) {
      const error = lastErrorNumber();
      if (error === errorNumber.EBADF) throw new SystemCallError('recvmmsg', error);
      if (error !== errorNumber.EAGAIN && error !== errorNumber.EINTR) this.errors += 1;
      return;
    }
    const { view } = this.#headers;
    let count = 0;
    for (let index = 0; index < received; index += 1) {
      const header = index * mmsghdrSize;
      const controlLength = view.getUint32(header + messageHeaderOffset.controlLength, true);
      const flags = view.getUint32(header + messageHeaderOffset.flags, true);
      view.setUint32(header + messageHeaderOffset.nameLength, nameStride, true);
      view.setUint32(header + messageHeaderOffset.controlLength, controlStride, true);
      if ((flags & messageFlag.truncated) !== 0) {
        this.errors += 1;
        continue;
      }
      const start = region.start + index * region.slotSize + packetHeadroom;
      const outer = this.#carriesHeader ? (this.#memory.bytes[start]! & 0xf) * 4 : 0;
      const length = view.getUint32(header + messageHeaderOffset.messageLength, true) - outer;
      const segmentSize = this.#readControls(index, controlLength);
      batch.offset[count] = start + outer;
      batch.length[count] = length;
      batch.segmentSize[count] = segmentSize < length ? segmentSize : 0;
      batch.peer[count] = this.#peers.find(this.#names.view, index * nameStride);
      batch.remote[count] = index;
      count += 1;
    }
    batch.count = count;
  }

  remoteAt(remote: number): Endpoint {
    const { address, port } = readSocketAddress(this.#names.view, remote * nameStride);
    return { address: { family: this.#family, bytes: address }, port };
  }

  localAt(remote: number): Endpoint {
    const size = this.#family === 4 ? 4 : 16;
    const start = this.#localOffset[remote]!;
    const bytes = start === 0 ? new Uint8Array(size) : this.#controls.bytes.slice(start, start + size);
    return { address: { family: this.#family, bytes }, port: this.#localPort };
  }

  #prepare(region: SlotRegion): void {
    if (region.start === this.#preparedStart && region.slotSize === this.#preparedSlotSize) return;
    this.#preparedStart = region.start;
    this.#preparedSlotSize = region.slotSize;
    for (let index = 0; index < Math.min(runsPerCall, region.slotCount); index += 1) {
      const offset = region.start + index * region.slotSize + packetHeadroom;
      const room = region.slotSize - packetHeadroom;
      writeIovec(this.#vectors, index * iovecSize, this.#memory.address + offset, room);
    }
  }

  /** Notes where the local address lies and returns the segment size; 0: a single datagram. */
  #readControls(index: number, length: number): number {
    const { view } = this.#controls;
    const start = index * controlStride;
    let segmentSize = 0;
    this.#localOffset[index] = 0;
    let offset = start;
    while (offset + controlDataOffset <= start + length) {
      const messageLength = view.getUint32(offset, true);
      if (messageLength < controlDataOffset) break;
      const level = view.getInt32(offset + 8, true);
      const type = view.getInt32(offset + 12, true);
      const data = offset + controlDataOffset;
      if (level === socketLevel.udp && type === udpOption.receiveCoalesced) {
        segmentSize = view.getInt32(data, true);
      } else if (level === socketLevel.ip && type === ipOption.packetInformation) {
        // struct in_pktinfo: interface, local address, destination address of the header.
        this.#localOffset[index] = data + 4;
      } else if (level === socketLevel.ipv6 && type === ipv6Option.packetInformation) {
        this.#localOffset[index] = data;
      }
      offset += (messageLength + 7) & ~7;
    }
    return segmentSize;
  }
}

const runsPerCall = 64;
/** Room for struct sockaddr_in6, 28 bytes. */
const nameStride = 32;
/** Room for the run's segment size (24 bytes) and the local address (at most 40). */
const controlStride = 64;
