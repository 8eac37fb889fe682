// Peer credentials on Linux.
import { readFileSync } from 'node:fs';
import { peerCredentials } from '../../../../native/peer-credentials.ts';
import type { Peer } from '../rights.ts';

export function peerOf(descriptor: number): Peer {
  const credentials = peerCredentials(descriptor);
  return { ...credentials, startTime: startTimeOf(credentials.pid) };
}

/** Field 22 of /proc/PID/stat, clock ticks since boot; undefined where the process is gone or not visible. */
function startTimeOf(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, so count from behind it: it is field 2.
    return status
      .slice(status.lastIndexOf(')') + 2)
      .split(' ')
      .at(22 - 3);
  } catch {
    return undefined;
  }
}
