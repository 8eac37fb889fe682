// Who is at the other end of a Unix socket (Linux): SO_PEERCRED and SO_PEERGROUPS, as they were when it connected.
import { checkCall } from './libc.ts';
import { allocateBlock } from './libc-memory.ts';
import { getsockopt, socketLevel } from './libc-socket.ts';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

const peerCredentialsOption = 17;
const peerGroupsOption = 59;
/** NGROUPS_MAX of Linux. */
const mostGroups = 65536;
const option = allocateBlock(mostGroups * 4);
const optionLength = allocateBlock(4);

/** Throws SystemCallError, for instance where the descriptor is no Unix socket. */
export function peerCredentials(descriptor: number): PeerCredentials {
  readOption(descriptor, peerCredentialsOption, 12);
  const pid = option.view.getInt32(0, true);
  const uid = option.view.getUint32(4, true);
  const gid = option.view.getUint32(8, true);
  const groupBytes = readOption(descriptor, peerGroupsOption, mostGroups * 4);
  const groups: number[] = [];
  for (let offset = 0; offset < groupBytes; offset += 4) groups.push(option.view.getUint32(offset, true));
  return { pid, uid, gid, groups };
}

function readOption(descriptor: number, name: number, size: number): number {
  optionLength.view.setUint32(0, size, true);
  checkCall(
    getsockopt(descriptor, socketLevel.socket, name, option.address, optionLength.address),
    'getsockopt',
  );
  return optionLength.view.getUint32(0, true);
}
