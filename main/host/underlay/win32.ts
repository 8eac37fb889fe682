// Sockets below the tunnel on Windows. Nothing there marks what is ours, as on Linux: each socket is bound to the real link
// that leads to the gateway, so that what it sends does not go into the tunnel.

import { WindowsCallError } from '../../../native/kernel32.ts';
import {
  bindToPort,
  closeSocket,
  ignoreResets,
  ipOption,
  ipv6Option,
  lastSocketError,
  openSocket,
  setIntegerOption,
  socketLevel,
  socketOption,
  socketType,
  udpOption,
  writeSocketAddress,
} from '../../../native/winsock.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import { protocolNumber } from '../../engine/packet/protocol.ts';
import type { Way } from '../link/choose-way.ts';
import { wayTowards } from '../link/way-win32.ts';
import type { OpenBypassLink, OpenUnderlay, Underlay, UnderlayOptions } from './contract.ts';
import { WindowsReceiver } from './datagram-receiver-win32.ts';
import { WindowsSender } from './datagram-sender-win32.ts';
import { PeerTable } from './peer-table.ts';

/** Bytes: enough for some milliseconds of traffic at several Gb/s while the thread is busy. */
const bufferSize = 8 << 20;
const longestCoalesced = 65_507;

/**
 * Opens a UDP socket of one family on all addresses. Throws WindowsCallError: 10048 where the port is taken, 10047 where
 * there is no IPv6; and an Error for ESP without UDP, which Windows hands to no program.
 */
export const openUnderlay: OpenUnderlay = (options, memory) => {
  if (options.encapsulation === 'native') throw new Error('Windows lets no program send or receive ESP');
  const { family, adapterName } = options;
  const opened = openSocket(family, socketType.datagram, protocolNumber.udp);
  const { socket } = opened;
  try {
    const segmented = configure(socket, options);
    const localPort = bindToPort(socket, family, options.port);
    const peers = new PeerTable(family, writeSocketAddress);
    const receiver = new WindowsReceiver({ socket: opened, family, localPort, memory, peers });
    const sender = new WindowsSender(socket, family, segmented, memory, peers);
    const link = new BoundLink(socket, family, adapterName);

    const underlay: Underlay = {
      waitable: opened.event,
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
      sendTo(bytes, remote) {
        link.follow(remote);
        sender.sendTo(bytes, remote);
      },
      setPeer(peer, remote) {
        if (remote?.address.family === family) link.follow(remote);
        peers.set(peer, remote);
      },
      localAddressTowards(remote) {
        const { source } = link.wayTowards(remote);
        return { address: { family, bytes: source }, port: 0 };
      },
      close: () => closeSocket(opened),
    };
    return underlay;
  } catch (error) {
    closeSocket(opened);
    throw error;
  }
};

/** Whole packets of other programs can be neither sent nor taken: Windows refuses TCP on raw sockets. */
export const openBypassLink: OpenBypassLink = () => {
  throw new Error('on Windows a BYPASS row inside what a PROTECT row covers cannot be carried out');
};

/** The link by which the socket sends; it changes with the computer's routes. */
class BoundLink {
  readonly #socket: number;
  readonly #family: 4 | 6;
  readonly #adapterName: string | undefined;
  #interfaceIndex = 0;

  constructor(socket: number, family: 4 | 6, adapterName: string | undefined) {
    this.#socket = socket;
    this.#family = family;
    this.#adapterName = adapterName;
  }

  /** Throws an Error where no real link leads there. */
  wayTowards({ address }: Endpoint): Way {
    const way = wayTowards(address.bytes, this.#adapterName);
    if (way === undefined) throw new Error('There is no route.');
    return way;
  }

  /** What is sent from now on leaves by the link that leads to that remote. Without one everything stays as it is. */
  follow(remote: Endpoint): void {
    const way = wayTowards(remote.address.bytes, this.#adapterName);
    if (way === undefined || way.interfaceIndex === this.#interfaceIndex) return;
    const { level, name, value } = unicastInterface(this.#family, way.interfaceIndex);
    if (!setIntegerOption(this.#socket, level, name, value))
      throw new WindowsCallError('setsockopt', lastSocketError(), 'UNICAST_IF');
    this.#interfaceIndex = way.interfaceIndex;
  }
}

/** IP_UNICAST_IF takes the index in network byte order, IPV6_UNICAST_IF in the computer's own. */
function unicastInterface(family: 4 | 6, index: number) {
  if (family === 6) return { level: socketLevel.ipv6, name: ipv6Option.unicastInterface, value: index };
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32BE(index);
  return { level: socketLevel.ip, name: ipOption.unicastInterface, value: swapped.readInt32LE() };
}

/** Returns whether the system segments runs of datagrams. */
function configure(socket: number, { family, offload }: UnderlayOptions): boolean {
  setIntegerOption(socket, socketLevel.socket, socketOption.receiveBuffer, bufferSize);
  setIntegerOption(socket, socketLevel.socket, socketOption.sendBuffer, bufferSize);
  if (family === 4) setIntegerOption(socket, socketLevel.ip, ipOption.packetInformation, 1);
  else {
    setIntegerOption(socket, socketLevel.ipv6, ipv6Option.packetInformation, 1);
    setIntegerOption(socket, socketLevel.ipv6, ipv6Option.onlyIpv6, 1);
  }
  ignoreResets(socket);
  if (!offload) return false;
  setIntegerOption(socket, socketLevel.udp, udpOption.largestCoalesced, longestCoalesced);
  // 0: as the message of each call says.
  return setIntegerOption(socket, socketLevel.udp, udpOption.segment, 0);
}
