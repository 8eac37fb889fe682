// Which of its addresses the system would use to reach another one: asked of a socket that is connected and closed.
import { checkCall, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import { close } from '../../../native/libc-io.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import {
  connect,
  getsockname,
  readSocketAddress,
  setIntegerOption,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
  writeSocketAddress,
} from '../../../native/libc-socket.ts';
import { socketAddressLength } from '../../../native/socket-address.ts';
import { protocolNumber } from '../../engine/packet/protocol.ts';

/** 4 or 16 bytes. Nothing is sent. Throws SystemCallError: ENETUNREACH where no route leads there. */
export function addressTowards(remote: Uint8Array, mark: number): Uint8Array {
  const descriptor = openDatagramSocket(remote.length === 4 ? 4 : 6, mark);
  try {
    const name = allocateBlock(32);
    const anyPort = 9;
    const length = writeSocketAddress(name.view, 0, remote, anyPort);
    checkCall(connect(descriptor, name.address, length), 'connect', 'looking for a route');
    return ownSocketName(descriptor).address;
  } finally {
    close(descriptor);
  }
}

/** A UDP socket, non-blocking, with that mark (0: none). */
export function openDatagramSocket(family: 4 | 6, mark: number): number {
  return openMarkedSocket(family, mark, socketType.datagram, 0, 'UDP');
}

/** A raw socket for ESP (IP protocol 50), non-blocking, with that mark (0: none). */
export function openEspSocket(family: 4 | 6, mark: number): number {
  return openMarkedSocket(family, mark, socketType.raw, protocolNumber.esp, 'ESP');
}

function openMarkedSocket(family: 4 | 6, mark: number, type: number, protocol: number, what: string): number {
  const kind = type | socketType.nonBlocking | socketType.closeOnExec;
  const descriptor = checkCall(
    socket(family === 4 ? socketFamily.inet : socketFamily.inet6, kind, protocol),
    'socket',
    `${what} over IPv${family}`,
  );
  if (mark !== 0 && setIntegerOption(descriptor, socketLevel.socket, socketOption.mark, mark) < 0) {
    const error = lastErrorNumber();
    close(descriptor);
    throw new SystemCallError('setsockopt', error, 'SO_MARK');
  }
  return descriptor;
}

export function ownSocketName(descriptor: number): { address: Uint8Array; port: number } {
  const name = allocateBlock(32);
  const length = allocateBlock(8);
  length.view.setUint32(0, socketAddressLength(6), true);
  checkCall(getsockname(descriptor, name.address, length.address), 'getsockname');
  return readSocketAddress(name.view, 0);
}
