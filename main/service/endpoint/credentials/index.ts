// Who is at the other end of an accepted control connection, by the platform's own means.
import type { Socket } from 'node:net';
import type { Peer } from '../rights.ts';

const platform = process.platform === 'linux' ? await import('./linux.ts') : undefined;

/** Throws where the system cannot tell; such a connection is refused. */
export function peerOfSocket(socket: Socket): Peer {
  if (platform === undefined) throw new Error('peer credentials are not implemented for this system');
  const handle = (socket as unknown as { _handle?: { fd?: number } | null })._handle;
  if (handle?.fd === undefined || handle.fd < 0) throw new Error('the connection is already closed');
  return platform.peerOf(handle.fd);
}
