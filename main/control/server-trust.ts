// Whether the control socket is one that only root (or whoever is trusted) can have made. A client asks before it sends
// a secret: a socket under a directory that others can write to might be anybody's.
import { lstatSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

/** Users whose service is trusted; root always is. */
export interface Trust {
  readonly uids: readonly number[];
}

/**
 * What is wrong with the socket's ownership, or undefined when the socket and every directory above it can only be
 * changed by trusted users. (A sticky directory may be writable: others cannot replace what is not theirs in it.)
 */
export function distrustOf(path: string, trust: Trust): string | undefined {
  const trusted = new Set([0, ...trust.uids]);
  try {
    const socket = lstatSync(path);
    if (!socket.isSocket()) return `${path} is not a socket`;
    if (!trusted.has(socket.uid)) return `${path} belongs to user ${socket.uid}, not to root`;
    for (let directory = realpathSync(dirname(path)); ; directory = dirname(directory)) {
      const status = lstatSync(directory);
      if (!trusted.has(status.uid)) return `${directory} belongs to user ${status.uid}, not to root`;
      const othersWrite = (status.mode & 0o022) !== 0;
      const sticky = (status.mode & 0o1000) !== 0;
      if (othersWrite && !sticky) return `${directory} can be changed by other users`;
      if (directory === dirname(directory)) return undefined;
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
