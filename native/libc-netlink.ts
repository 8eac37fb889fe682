// A netlink route socket: tells when links, addresses or routes change. And waiting for a descriptor in the event loop.
import koffi from 'koffi';
import { checkCall } from './libc.ts';
import { close, read } from './libc-io.ts';
import { allocateBlock } from './libc-memory.ts';
import { bind, socket, socketFamily, socketType } from './libc-socket.ts';

/**
 * Calls back on the event loop at each burst of changes to links, IPv4 and IPv6 addresses and routes in the calling
 * thread's network namespace, until it is closed. Keeps the process alive.
 */
export function watchNetworkChanges(changed: () => void): { close(): void } {
  const kind = socketType.raw | socketType.nonBlocking | socketType.closeOnExec;
  const routeProtocol = 0;
  const descriptor = checkCall(socket(socketFamily.netlink, kind, routeProtocol), 'socket', 'netlink');
  // struct sockaddr_nl: family 16 bits, padding, port 32 bits, groups 32 bits.
  const name = allocateBlock(16);
  name.view.setUint16(0, socketFamily.netlink, true);
  name.view.setUint32(8, changeGroups, true);
  if (bind(descriptor, name.address, 12) < 0) {
    close(descriptor);
    checkCall(-1, 'bind', 'netlink');
  }
  const message = allocateBlock(32_768);
  const handle = koffi.node.poll(descriptor, { readable: true }, () => {
    // What changed is not read: the caller looks for itself. An overrun is a change too.
    while (read(descriptor, message.address, message.bytes.length) > 0);
    changed();
  });
  let open = true;
  return {
    close() {
      if (!open) return;
      open = false;
      handle.close();
      close(descriptor);
    },
  };
}

/** RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE. */
const changeGroups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
