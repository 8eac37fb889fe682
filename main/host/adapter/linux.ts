// The virtual adapter on Linux: a TUN device with a virtio-net header ahead of each packet, so that TCP and UDP
// super-packets and packets with partial checksums cross in one system call.
import { writeFileSync } from 'node:fs';
import { checkCall, errorNumber, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import { close, ioctl, open, openFlag, read, write } from '../../../native/libc-io.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import { interfaceIndex, schedYield } from '../../../native/libc-process.ts';
import { packetHeadroom, segmentation } from '../../engine/packet/batch.ts';
import { setLinkMtu, setLinkQueueLength, setLinkUp } from '../link/linux.ts';
import type { Adapter, AdapterOptions, OpenAdapter } from './contract.ts';

/**
 * Makes the interface, sets its MTU and brings it up; no addresses, no routes. It vanishes when the adapter is closed
 * or its process ends. Throws SystemCallError: EPERM or EACCES without CAP_NET_ADMIN, ENOENT without /dev/net/tun,
 * EBUSY where another process holds an interface of that name.
 */
export const openAdapter: OpenAdapter = (options, memory) => {
  const { descriptor, superPackets } = openTun(options);
  const { bytes, view, address } = memory;
  let refused = 0;
  let singlesUntilYield = singlesAtOnce;

  const adapter: Adapter = {
    name: options.name,
    interfaceIndex: interfaceIndex(options.name),
    waitable: descriptor,
    superPackets,
    get refused() {
      return refused;
    },

    read(batch, region) {
      const limit = Math.min(batch.capacity, region.slotCount);
      const room = region.slotSize - packetHeadroom + headerSize;
      let count = 0;
      while (count < limit) {
        const offset = region.start + count * region.slotSize + packetHeadroom;
        const header = offset - headerSize;
        const length = read(descriptor, address + header, room);
        if (length <= headerSize) {
          if (length >= 0) break;
          const error = lastErrorNumber();
          if (error === errorNumber.EAGAIN || error === errorNumber.EINTR) break;
          throw new SystemCallError('read', error, options.name);
        }
        batch.offset[count] = offset;
        batch.length[count] = length - headerSize;
        batch.checksum[count] = bytes[header]!;
        batch.segmentType[count] = bytes[header + 1]! & ~congestionFlag;
        batch.segmentSize[count] = view.getUint16(header + 4, true);
        batch.checksumStart[count] = view.getUint16(header + 6, true);
        batch.checksumOffset[count] = view.getUint16(header + 8, true);
        count += 1;
      }
      batch.count = count;
    },

    write(batch, from) {
      for (let index = from; index < batch.count; index += 1) {
        const offset = batch.offset[index]!;
        const header = offset - headerSize;
        const type = batch.segmentType[index]!;
        const checksumStart = batch.checksumStart[index]!;
        bytes[header] = batch.checksum[index]!;
        bytes[header + 1] = type;
        view.setUint16(
          header + 2,
          type === segmentation.none ? 0 : headersLength(offset, type, checksumStart),
          true,
        );
        view.setUint16(header + 4, type === segmentation.none ? 0 : batch.segmentSize[index]!, true);
        view.setUint16(header + 6, checksumStart, true);
        view.setUint16(header + 8, batch.checksumOffset[index]!, true);
        if (write(descriptor, address + header, headerSize + batch.length[index]!) < 0) {
          const error = lastErrorNumber();
          if (error === errorNumber.EAGAIN || error === errorNumber.ENOBUFS) return index - from;
          if (error === badDescriptorState) throw new SystemCallError('write', error, options.name);
          refused += 1;
        }
        if (type === segmentation.none && --singlesUntilYield === 0) {
          singlesUntilYield = singlesAtOnce;
          schedYield();
        }
      }
      return batch.count - from;
    },

    close() {
      close(descriptor);
    },
  };
  return adapter;

  /** Headers of a super-packet, from the IP header to the payload: a hint for the system. */
  function headersLength(offset: number, type: number, checksumStart: number): number {
    const udpHeader = 8;
    if (type === segmentation.udp) return checksumStart + udpHeader;
    return checksumStart + (bytes[offset + checksumStart + 12]! >> 4) * 4;
  }
};

/**
 * struct virtio_net_hdr, 10 bytes: flags, segmentation type, length of headers (16 bits), segment size, checksum start,
 * checksum offset (each 16 bits, little-endian).
 */
const headerSize = 10;
/** VIRTIO_NET_HDR_GSO_ECN. */
const congestionFlag = 0x80;
/**
 * The system's 500 are 5 ms of single datagrams at 1 Gb/s, and it drops what comes while the reader is off the processor
 * for longer.
 */
const queuedPackets = 2048;
/**
 * So many packets that are no super-packets go in before their receivers get a turn on the processor: a socket of the
 * system's usual size holds about 90 datagrams, fewer than one batch may have for it.
 */
const singlesAtOnce = 32;
/** EBADFD: the interface was taken away. */
const badDescriptorState = 77;

const tunRequest = {
  setInterface: 0x400454ca,
  setOffload: 0x400454d0,
  setHeaderSize: 0x400454d8,
  setLittleEndian: 0x400454dc,
} as const;
const interfaceFlag = { tun: 0x1, noProtocolInformation: 0x1000, virtioHeader: 0x4000 } as const;
const offload = { checksum: 0x01, tcp4: 0x02, tcp6: 0x04, udp4: 0x20, udp6: 0x40 } as const;

function openTun(options: AdapterOptions): { descriptor: number; superPackets: boolean } {
  const path = '/dev/net/tun';
  const flags = openFlag.readWrite | openFlag.nonBlocking | openFlag.closeOnExec;
  const descriptor = checkCall(open(path, flags, 0), 'open', path);
  try {
    const request = allocateBlock(40);
    request.bytes.set(new TextEncoder().encode(options.name).subarray(0, 15));
    request.view.setUint16(
      16,
      interfaceFlag.tun | interfaceFlag.noProtocolInformation | interfaceFlag.virtioHeader,
      true,
    );
    checkCall(ioctl(descriptor, tunRequest.setInterface, request.address), 'TUNSETIFF', options.name);
    const value = allocateBlock(8);
    value.view.setInt32(0, headerSize, true);
    checkCall(ioctl(descriptor, tunRequest.setHeaderSize, value.address), 'TUNSETVNETHDRSZ', options.name);
    value.view.setInt32(0, 1, true);
    checkCall(ioctl(descriptor, tunRequest.setLittleEndian, value.address), 'TUNSETVNETLE', options.name);
    const superPackets = enableOffloads(descriptor);
    leaveLinkUnnumbered(options.name);
    setLinkMtu(options.name, options.mtu);
    setLinkQueueLength(options.name, queuedPackets);
    setLinkUp(options.name);
    return { descriptor, superPackets };
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

/** UDP segmentation came with Linux 6.2; TCP's is as old as the device. */
function enableOffloads(descriptor: number): boolean {
  const tcp = offload.checksum | offload.tcp4 | offload.tcp6;
  return [tcp | offload.udp4 | offload.udp6, tcp].some(
    (wanted) => ioctl(descriptor, tunRequest.setOffload, wanted) === 0,
  );
}

/** No link-local address of the system's own, so that it sends no router solicitations into the tunnel. */
function leaveLinkUnnumbered(name: string): void {
  const none = '1';
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/addr_gen_mode`, none);
  } catch {
    // No IPv6 here, or /proc/sys is read-only: the filter discards what the system would send.
  }
}
