// What the kernel hands a packet socket before its offloads are done, made into what is on the network: checksums that
// are still to be completed, and UDP datagrams that are sent or came as one. TCP super-packets stay whole.
import type { PacketMemory } from '../../engine/packet/batch.ts';
import {
  type ChecksumKernel,
  completeChecksum,
  createChecksumKernel,
  foldSum,
  writeHeaderChecksum,
} from '../../engine/packet/checksum.ts';

/** Fields of struct virtio_net_hdr; places count from the first byte of the link header. */
export interface Offload {
  readonly checksumNeeded: boolean;
  readonly segmentType: number;
  readonly segmentSize: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

export interface OffloadFinisher {
  /**
   * Calls back with each packet, link header included, that `length` bytes at `offset` of the memory are on the network.
   * What is handed over is valid during the call. Changes the packet in place; writes nowhere else in the memory.
   */
  finish(offset: number, length: number, offload: Offload, each: (packet: Uint8Array) => void): void;
}

/** Works on packets in `memory` that begin with a link header of so many bytes and an IP header. */
export function createOffloadFinisher(memory: PacketMemory, linkHeaderLength: number): OffloadFinisher {
  const kernel = createChecksumKernel(memory);
  const datagram = createMemory(maximumDatagram);
  const datagramKernel = createChecksumKernel(datagram);
  return {
    finish(offset, length, offload, each) {
      const { segmentType, segmentSize, checksumStart, checksumOffset } = offload;
      const version = memory.bytes[offset + linkHeaderLength]! >> 4;
      const ipHeader = version === 4 ? (memory.bytes[offset + linkHeaderLength]! & 15) * 4 : 40;
      const udp = offload.checksumNeeded ? checksumStart : linkHeaderLength + ipHeader;
      const headers = udp + udpHeader;
      const divisible = (segmentType & ~congestionFlag) === segmentUdp && segmentSize > 0 && headers < length;
      if (!divisible || headers + segmentSize > maximumDatagram) {
        if (offload.checksumNeeded && checksumStart + checksumOffset + 2 <= length) {
          completeChecksum(kernel, memory, offset, length, checksumStart, checksumOffset);
        }
        each(memory.bytes.subarray(offset, offset + length));
        return;
      }
      datagram.bytes.set(memory.bytes.subarray(offset, offset + headers));
      const firstIdentification = memory.view.getUint16(offset + linkHeaderLength + 4);
      for (let place = headers, number = 0; place < length; place += segmentSize, number += 1) {
        const payload = Math.min(segmentSize, length - place);
        datagram.bytes.set(memory.bytes.subarray(offset + place, offset + place + payload), headers);
        const total = headers + payload;
        if (version === 4) {
          datagram.view.setUint16(linkHeaderLength + 2, total - linkHeaderLength);
          datagram.view.setUint16(linkHeaderLength + 4, (firstIdentification + number) & 0xffff);
          writeHeaderChecksum(datagram, linkHeaderLength);
        } else {
          datagram.view.setUint16(linkHeaderLength + 4, total - linkHeaderLength - 40);
        }
        writeUdp(datagramKernel, datagram, linkHeaderLength, udp, udpHeader + payload);
        each(datagram.bytes.subarray(0, total));
      }
    },
  };
}

/** VIRTIO_NET_HDR_GSO_UDP_L4, and the flag that may stand beside it (VIRTIO_NET_HDR_GSO_ECN). */
const segmentUdp = 5;
const congestionFlag = 0x80;
const udpHeader = 8;
const maximumDatagram = 66_000;
const protocolUdp = 17;

/** Length and checksum (RFC 768) of the UDP header at `udp`. */
function writeUdp(
  kernel: ChecksumKernel,
  memory: PacketMemory,
  ip: number,
  udp: number,
  length: number,
): void {
  const inet = memory.bytes[ip]! >> 4 === 4;
  const addresses = inet ? kernel.sum(ip + 12, 8) : kernel.sum(ip + 8, 32);
  memory.view.setUint16(udp + 4, length);
  memory.view.setUint16(udp + 6, 0);
  const sum = foldSum(addresses + protocolUdp + length + kernel.sum(udp, length));
  memory.view.setUint16(udp + 6, ~sum & 0xffff || 0xffff);
}

function createMemory(size: number): PacketMemory {
  const buffer = new ArrayBuffer(size);
  return { buffer, bytes: new Uint8Array(buffer), view: new DataView(buffer), address: 0 };
}
