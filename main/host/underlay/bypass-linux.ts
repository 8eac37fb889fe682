// The way around the tunnel on Linux: raw sockets bound to the link for what leaves, and a packet socket that taps the
// link for what comes back.
import { checkCall, errorNumber, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import { close, readv } from '../../../native/libc-io.ts';
import { allocateBlock, iovecSize, writeIovec, writePointer } from '../../../native/libc-memory.ts';
import { interfaceIndex } from '../../../native/libc-process.ts';
import {
  bind,
  messageFlag,
  packetOption,
  sendto,
  setIntegerOption,
  setsockopt,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
  writeSocketAddress,
} from '../../../native/libc-socket.ts';
import { packetHeadroom } from '../../engine/packet/batch.ts';
import { linkHeaderLength } from '../link/linux.ts';
import type { BypassLink, BypassLinkOptions, OpenBypassLink } from './contract.ts';
import { compileTapFilter, encodeTapFilter } from './tap-filter-linux.ts';

/**
 * Opens the tap and the raw sockets on one link. What the tap takes still reaches the system's own stack, which the
 * firewall has to keep out (FailClosedConfiguration.tappedPrefixes). Throws SystemCallError: ENODEV, EPERM.
 */
export const openBypassLink: OpenBypassLink = (options, memory) => {
  const { bytes, view, address } = memory;
  const index = interfaceIndex(options.interfaceName);
  if (index === 0) throw new SystemCallError('if_nametoindex', errorNumber.ENODEV, options.interfaceName);
  const linkHeader = linkHeaderLength(options.interfaceName);
  const opened: number[] = [];
  const keep = (descriptor: number) => {
    opened.push(descriptor);
    return descriptor;
  };
  const closeAll = () => {
    for (const descriptor of opened.splice(0)) close(descriptor);
  };
  try {
    const tap = keep(openTap());
    const raw4 = keep(openRaw(socketFamily.inet, options));
    const raw6 = openRaw6(options);
    if (raw6 >= 0) keep(raw6);
    configureTap(tap, index, linkHeader, options);

    const header = allocateBlock(virtioHeaderSize + maximumLinkHeader);
    const vectors = allocateBlock(2 * iovecSize);
    const destination = allocateBlock(32);
    const ahead = virtioHeaderSize + linkHeader;
    writeIovec(vectors, 0, header.address, ahead);
    let errors = 0;

    const link: BypassLink = {
      waitable: tap,
      interfaceName: options.interfaceName,
      get errors() {
        return errors;
      },

      receive(batch, region) {
        const limit = Math.min(batch.capacity, region.slotCount);
        const room = region.slotSize - packetHeadroom;
        let count = 0;
        for (let attempt = 0; attempt < limit; attempt += 1) {
          const offset = region.start + count * region.slotSize + packetHeadroom;
          writePointer(vectors.view, iovecSize, address + offset);
          writePointer(vectors.view, iovecSize + 8, room);
          const taken = readv(tap, vectors.address, 2);
          if (taken < 0) {
            const error = lastErrorNumber();
            // EINVAL: a kind of super-packet that the header cannot express; it is gone.
            if (error === errorNumber.EINVAL) {
              errors += 1;
              continue;
            }
            if (error === errorNumber.EBADF) throw new SystemCallError('readv', error, options.interfaceName);
            break;
          }
          const length = Math.min(taken - ahead, ipLength(offset));
          if (length < minimumPacket) continue;
          batch.offset[count] = offset;
          batch.length[count] = length;
          batch.checksum[count] = header.bytes[0]! & checksumFlags;
          batch.segmentType[count] = header.bytes[1]! & ~congestionFlag;
          batch.segmentSize[count] = header.view.getUint16(4, true);
          batch.checksumStart[count] = Math.max(0, header.view.getUint16(6, true) - linkHeader);
          batch.checksumOffset[count] = header.view.getUint16(8, true);
          count += 1;
        }
        batch.count = count;
      },

      send(offset, length) {
        const inet = bytes[offset]! >> 4 === 4;
        const target = inet
          ? bytes.subarray(offset + 16, offset + 20)
          : bytes.subarray(offset + 24, offset + 40);
        const nameLength = writeSocketAddress(
          destination.view,
          0,
          target,
          0,
          isLinkLocal(target) ? index : 0,
        );
        const descriptor = inet ? raw4 : raw6;
        const flags = messageFlag.dontWait;
        if (sendto(descriptor, address + offset, length, flags, destination.address, nameLength) >= 0)
          return true;
        const error = lastErrorNumber();
        if (error !== errorNumber.EAGAIN && error !== errorNumber.ENOBUFS) errors += 1;
        return false;
      },

      close: closeAll,
    };
    return link;
  } catch (error) {
    closeAll();
    throw error;
  }

  /** Short frames are padded on Ethernet: the IP header tells the packet's length. */
  function ipLength(offset: number): number {
    const version = bytes[offset]! >> 4;
    if (version === 4) return view.getUint16(offset + 2);
    return version === 6 ? view.getUint16(offset + 4) + 40 : 0;
  }
};

const virtioHeaderSize = 10;
const maximumLinkHeader = 14;
const minimumPacket = 20;
/** VIRTIO_NET_HDR_F_NEEDS_CSUM and DATA_VALID: the numbers of `checksumState`. */
const checksumFlags = 3;
/** VIRTIO_NET_HDR_GSO_ECN. */
const congestionFlag = 0x80;
const protocolRaw = 255;
const allProtocols = 0x0003;

function openTap(): number {
  const kind = socketType.raw | socketType.nonBlocking | socketType.closeOnExec;
  // Protocol 0: nothing arrives before the filter is in place and the socket bound.
  return checkCall(socket(socketFamily.packet, kind, 0), 'socket', 'packet socket');
}

function configureTap(tap: number, index: number, linkHeader: number, options: BypassLinkOptions): void {
  checkCall(
    setIntegerOption(tap, socketLevel.packet, packetOption.virtioHeader, 1),
    'setsockopt',
    'PACKET_VNET_HDR',
  );
  setIntegerOption(tap, socketLevel.packet, packetOption.ignoreOutgoing, 1);
  setIntegerOption(tap, socketLevel.socket, socketOption.receiveBufferForce, 8 << 20);
  const program = encodeTapFilter(
    compileTapFilter({
      linkHeaderLength: linkHeader,
      prefixes: options.prefixes,
      excludedPrefixes: options.excludedPrefixes ?? [],
      excludedPorts: options.excludedPorts,
      excludesEsp: options.excludesEsp === true,
    }),
  );
  const instructions = allocateBlock(program.length);
  instructions.bytes.set(program);
  // struct sock_fprog: number of instructions (16 bits), address at 8.
  const description = allocateBlock(16);
  description.view.setUint16(0, program.length / 8, true);
  writePointer(description.view, 8, instructions.address);
  checkCall(
    setsockopt(tap, socketLevel.socket, socketOption.attachFilter, description.address, 16),
    'setsockopt',
    `filter of ${program.length / 8} instructions`,
  );
  // struct sockaddr_ll, 20 bytes: family, protocol (big-endian), interface index, the rest for sending.
  const name = allocateBlock(24);
  name.view.setUint16(0, socketFamily.packet, true);
  name.view.setUint16(2, allProtocols);
  name.view.setInt32(4, index, true);
  checkCall(bind(tap, name.address, 20), 'bind', options.interfaceName);
}

/** Raw sockets of protocol 255 send whole packets, header included, and receive nothing. */
function openRaw(family: number, options: BypassLinkOptions): number {
  const kind = socketType.raw | socketType.nonBlocking | socketType.closeOnExec;
  const descriptor = checkCall(socket(family, kind, protocolRaw), 'socket', 'raw socket');
  const device = allocateBlock(16);
  device.bytes.set(new TextEncoder().encode(options.interfaceName).subarray(0, 15));
  const refused =
    setsockopt(
      descriptor,
      socketLevel.socket,
      socketOption.bindToDevice,
      device.address,
      options.interfaceName.length + 1,
    ) < 0 || setIntegerOption(descriptor, socketLevel.socket, socketOption.mark, options.mark) < 0;
  if (refused) {
    const error = lastErrorNumber();
    close(descriptor);
    throw new SystemCallError('setsockopt', error, options.interfaceName);
  }
  setIntegerOption(descriptor, socketLevel.socket, socketOption.broadcast, 1);
  setIntegerOption(descriptor, socketLevel.socket, socketOption.sendBufferForce, 4 << 20);
  return descriptor;
}

/** -1 where the computer has no IPv6. */
function openRaw6(options: BypassLinkOptions): number {
  try {
    return openRaw(socketFamily.inet6, options);
  } catch (error) {
    if (error instanceof SystemCallError && error.number === errorNumber.EAFNOSUPPORT) return -1;
    throw error;
  }
}

function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}
