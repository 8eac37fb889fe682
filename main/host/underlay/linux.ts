// Sockets below the tunnel on Linux, UDP and raw ESP: many datagrams cross in one call (sendmmsg, recvmmsg), with UDP
// also in runs (UDP_SEGMENT, UDP_GRO).
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
import type { Endpoint } from '../../engine/packet/address.ts';
import { addressTowards, openDatagramSocket, openEspSocket, ownSocketName } from '../link/source-linux.ts';
import type { OpenUnderlay, Underlay, UnderlayOptions } from './contract.ts';
import { DatagramReceiver } from './datagram-receiver-linux.ts';
import { DatagramSender } from './datagram-sender-linux.ts';
import { PeerTable } from './peer-table.ts';

/**
 * Opens a socket of one family on all addresses, for UDP or for ESP alone. Throws SystemCallError: EADDRINUSE, EACCES
 * (port below 1024), EPERM (the mark needs CAP_NET_ADMIN, a raw socket CAP_NET_RAW), EAFNOSUPPORT (no IPv6 here).
 */
export const openUnderlay: OpenUnderlay = (options, memory) => {
  const { family, mark } = options;
  const isNative = options.encapsulation === 'native';
  const descriptor = isNative ? openEspSocket(family, mark) : openDatagramSocket(family, mark);
  try {
    configure(descriptor, family);
    const segmented = !isNative && configureUdp(descriptor, options);
    const localPort = isNative ? 0 : bindTo(descriptor, options);
    const peers = new PeerTable(family, writeSocketAddress);
    // A raw IPv4 socket is given the IP header as well, one of IPv6 is not (RFC 3542 section 3).
    const carriesHeader = isNative && family === 4;
    const receiver = new DatagramReceiver({ descriptor, family, localPort, carriesHeader, memory, peers });
    const sender = new DatagramSender(descriptor, family, segmented, memory, peers);
    const nameOf = (remote: Endpoint): Endpoint => (isNative ? { ...remote, port: 0 } : remote);

    const underlay: Underlay = {
      waitable: descriptor,
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
      sendTo: (bytes, remote, local) => sender.sendTo(bytes, nameOf(remote), local),
      setPeer: (peer, remote) => peers.set(peer, remote && nameOf(remote)),
      localAddressTowards: ({ address }) => ({
        address: { family: address.family, bytes: addressTowards(address.bytes, mark) },
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

function configure(descriptor: number, family: 4 | 6): void {
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
  if (family === 4) {
    set(socketLevel.ip, ipOption.packetInformation, 1);
    set(socketLevel.ip, ipOption.mtuDiscover, neverDontFragment);
  } else {
    set(socketLevel.ipv6, ipv6Option.receivePacketInformation, 1);
    set(socketLevel.ipv6, ipv6Option.mtuDiscover, neverDontFragment);
  }
}

/** Returns whether the system segments runs of datagrams. */
function configureUdp(descriptor: number, options: UnderlayOptions): boolean {
  if (options.family === 6) {
    checkCall(setIntegerOption(descriptor, socketLevel.ipv6, ipv6Option.onlyIpv6, 1), 'setsockopt', 'V6ONLY');
  }
  if (!options.offload) return false;
  setIntegerOption(descriptor, socketLevel.udp, udpOption.receiveCoalesced, 1);
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
