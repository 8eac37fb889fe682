// What is asked of a network link by ioctl: quick, and without a process of its own.
import { checkCall, SystemCallError } from '../../../native/libc.ts';
import { close, ioctl } from '../../../native/libc-io.ts';
import { allocateBlock, type NativeBlock } from '../../../native/libc-memory.ts';
import { socket, socketFamily, socketType } from '../../../native/libc-socket.ts';

/** Sets a link's MTU, bytes. Throws SystemCallError: ENODEV, EPERM, EINVAL. */
export function setLinkMtu(name: string, mtu: number): void {
  withRequest(name, (request, call) => {
    request.view.setInt32(dataOffset, mtu, true);
    call(linkRequest.setMtu, 'SIOCSIFMTU');
  });
}

/**
 * Sets how many packets may wait to be sent by a link. False where this is not allowed: in a user namespace the system
 * wants rights that count outside of it. Throws SystemCallError: ENODEV, ERANGE.
 */
export function setLinkQueueLength(name: string, packets: number): boolean {
  try {
    withRequest(name, (request, call) => {
      request.view.setInt32(dataOffset, packets, true);
      call(linkRequest.setQueueLength, 'SIOCSIFTXQLEN');
    });
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EPERM') return false;
    throw error;
  }
}

/** A link's MTU, bytes. Throws SystemCallError: ENODEV. */
export function linkMtu(name: string): number {
  return withRequest(name, (request, call) => {
    call(linkRequest.getMtu, 'SIOCGIFMTU');
    return request.view.getInt32(dataOffset, true);
  });
}

/** Brings a link up. Throws SystemCallError: ENODEV, EPERM. */
export function setLinkUp(name: string): void {
  withRequest(name, (request, call) => {
    call(linkRequest.getFlags, 'SIOCGIFFLAGS');
    request.view.setInt16(dataOffset, request.view.getInt16(dataOffset, true) | up, true);
    call(linkRequest.setFlags, 'SIOCSIFFLAGS');
  });
}

/** Whether the link is up and its other end is there: not, where the cable is unplugged. Throws SystemCallError: ENODEV. */
export function linkRuns(name: string): boolean {
  return withRequest(name, (request, call) => {
    call(linkRequest.getFlags, 'SIOCGIFFLAGS');
    return (request.view.getInt16(dataOffset, true) & running) !== 0;
  });
}

/** Bytes of link header that a packet socket sees ahead of the IP header: 14 on Ethernet, 0 on point-to-point links. */
export function linkHeaderLength(name: string): number {
  const hardwareType = withRequest(name, (request, call) => {
    call(linkRequest.getHardwareAddress, 'SIOCGIFHWADDR');
    return request.view.getUint16(dataOffset, true);
  });
  return hardwareType === ethernet || hardwareType === loopback ? 14 : 0;
}

const linkRequest = {
  getFlags: 0x8913,
  setFlags: 0x8914,
  getMtu: 0x8921,
  setMtu: 0x8922,
  setQueueLength: 0x8943,
  getHardwareAddress: 0x8927,
} as const;
/** struct ifreq: the name in 16 bytes, then what the request is about. */
const dataOffset = 16;
const up = 1;
/** IFF_RUNNING. */
const running = 0x40;
/** ARPHRD_ETHER and ARPHRD_LOOPBACK. */
const ethernet = 1;
const loopback = 772;

function withRequest<Result>(
  name: string,
  use: (request: NativeBlock, call: (code: number, label: string) => void) => Result,
): Result {
  const descriptor = checkCall(
    socket(socketFamily.inet, socketType.datagram | socketType.closeOnExec, 0),
    'socket',
  );
  const request = allocateBlock(40);
  request.bytes.set(new TextEncoder().encode(name).subarray(0, 15));
  try {
    return use(request, (code, label) => {
      checkCall(ioctl(descriptor, code, request.address), label, name);
    });
  } finally {
    close(descriptor);
  }
}
