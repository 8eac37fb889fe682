// A marked TCP socket that is bound to a link: node:net cannot make one, but takes it over.
import { Socket } from 'node:net';
import { checkCall, lastErrorNumber, SystemCallError } from '../../../native/libc.ts';
import { close } from '../../../native/libc-io.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import {
  connect,
  setIntegerOption,
  setsockopt,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
  writeSocketAddress,
} from '../../../native/libc-socket.ts';
import type { OpenStream } from './contract.ts';

/** Throws SystemCallError: ENETUNREACH, ENODEV, EPERM. */
export const openStream: OpenStream = ({ address, port }, { interfaceName, mark }) => {
  const family = address.family === 4 ? socketFamily.inet : socketFamily.inet6;
  const kind = socketType.stream | socketType.nonBlocking | socketType.closeOnExec;
  const descriptor = checkCall(socket(family, kind, 0), 'socket', 'TCP');
  try {
    const { socket: level } = socketLevel;
    checkCall(setIntegerOption(descriptor, level, socketOption.mark, mark), 'setsockopt', 'SO_MARK');
    const name = allocateBlock(16);
    name.bytes.set(new TextEncoder().encode(interfaceName).subarray(0, 15));
    checkCall(
      setsockopt(descriptor, level, socketOption.bindToDevice, name.address, 16),
      'setsockopt',
      interfaceName,
    );
    const remote = allocateBlock(32);
    const length = writeSocketAddress(remote.view, 0, address.bytes, port);
    if (connect(descriptor, remote.address, length) < 0 && lastErrorNumber() !== inProgress) {
      throw new SystemCallError('connect', lastErrorNumber(), 'beside the tunnel');
    }
  } catch (error) {
    close(descriptor);
    throw error;
  }
  return new Socket({ fd: descriptor, readable: true, writable: true });
};

/** EINPROGRESS: the answer comes when the socket can be written to. */
const inProgress = 115;
