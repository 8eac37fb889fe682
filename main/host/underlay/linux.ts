// UDP sockets below the tunnel on Linux: runs of datagrams cross in one call (UDP_SEGMENT, UDP_GRO), and many calls
// in one (sendmmsg, recvmmsg).
import { checkCall } from '../../../native/libc.ts';
import { close } from '../../../native/libc-io.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import {
  bind,
  getIntegerOption,
  ipOption,
  ipv6Option,
  setIntegerOption,
  socketLevel,
  socketOption,
  udpOption,
  writeSocketAddress,
} from '../../../native/libc-socket.ts';
import { addressTowards, openDatagramSocket, ownSocketName } from '../link/source-linux.ts';
import type { OpenUnderlay, Underlay, UnderlayOptions } from './contract.ts';
import { DatagramReceiver } from './datagram-receiver-linux.ts';
import { DatagramSender } from './datagram-sender-linux.ts';
import { PeerTable } from './peer-table-linux.ts';

/**
 * Opens a UDP socket of one family on all addresses. Throws SystemCallError: EADDRINUSE, EACCES (port below 1024),
 * EPERM (the mark needs CAP_NET_ADMIN), EAFNOSUPPORT (no IPv6 here).
 */
export const openUnderlay: OpenUnderlay = (options, memory) => {
  const descriptor = openDatagramSocket(options.family, options.mark);
  try {
    const segmented = configure(descriptor, options);
    const localPort = bindTo(descriptor, options);
    const peers = new PeerTable(options.family);
    const receiver = new DatagramReceiver(descriptor, options.family, localPort, memory, peers);
    const sender = new DatagramSender(descriptor, options.family, segmented, memory, peers);

    const underlay: Underlay = {
      fileDescriptor: descriptor,
      localPort,
      get sendsSegmented() {
        return sender.segmented;
      },
      get errors() {
        return sender.errors + receiver.errors;
      },
      receive: (batch, region) => receiver.receive(batch, region),
      remoteAt: (remote) => receiver.remoteAt(remote),
      localAt: (remote) => receiver.localAt(remote),
      send: (batch, from) => sender.send(batch, from),
      sendTo: (bytes, remote, local) => sender.sendTo(bytes, remote, local),
      setPeer: (peer, remote) => peers.set(peer, remote),
      localAddressTowards: ({ address }) => ({
        address: { family: address.family, bytes: addressTowards(address.bytes, options.mark) },
        port: 0,
      }),
      close() {
        close(descriptor);
      },
    };
    return underlay;
  } catch (error) {
    close(descriptor);
    throw error;
  }
};

/** Bytes: enough for some milliseconds of traffic at several Gb/s while the thread is busy. */
const bufferSize = 8 << 20;

/** Returns whether the system segments runs of datagrams. */
function configure(descriptor: number, options: UnderlayOptions): boolean {
  const set = (level: number, name: number, value: number) =>
    setIntegerOption(descriptor, level, name, value) === 0;
  for (const [forced, usual] of [
    [socketOption.receiveBufferForce, socketOption.receiveBuffer],
    [socketOption.sendBufferForce, socketOption.sendBuffer],
  ] as const) {
    if (!set(socketLevel.socket, forced, bufferSize)) set(socketLevel.socket, usual, bufferSize);
  }
  // Never "don't fragment": an IKE message with certificates may be longer than the path's MTU, and must arrive.
  const neverDontFragment = 0;
  if (options.family === 4) {
    set(socketLevel.ip, ipOption.packetInformation, 1);
    set(socketLevel.ip, ipOption.mtuDiscover, neverDontFragment);
  } else {
    checkCall(setIntegerOption(descriptor, socketLevel.ipv6, ipv6Option.onlyIpv6, 1), 'setsockopt', 'V6ONLY');
    set(socketLevel.ipv6, ipv6Option.receivePacketInformation, 1);
    set(socketLevel.ipv6, ipv6Option.mtuDiscover, neverDontFragment);
  }
  if (!options.offload) return false;
  set(socketLevel.udp, udpOption.receiveCoalesced, 1);
  try {
    getIntegerOption(descriptor, socketLevel.udp, udpOption.segment);
    return true;
  } catch {
    return false;
  }
}

function bindTo(descriptor: number, options: UnderlayOptions): number {
  const name = allocateBlock(32);
  const any = new Uint8Array(options.family === 4 ? 4 : 16);
  const length = writeSocketAddress(name.view, 0, any, options.port);
  checkCall(bind(descriptor, name.address, length), 'bind', `UDP port ${options.port}`);
  return ownSocketName(descriptor).port;
}
