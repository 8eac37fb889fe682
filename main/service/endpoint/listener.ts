// The Unix socket of the control endpoint: one service a path, whatever an earlier one left behind.
import { chmodSync, closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { tryLockFile } from '../../../native/file-lock.ts';

/** Another live service has this path. */
export class ControlPathInUse extends Error {
  override readonly name = 'ControlPathInUse';
  readonly path: string;

  constructor(path: string) {
    super(`another service listens on ${path}`);
    this.path = path;
  }
}

export interface Listener {
  /** Stops listening and removes the socket. */
  close(): Promise<void>;
}

/**
 * Listens. Everybody may connect (mode 0666): what they may do follows from who they are. The lock beside the socket
 * tells a live service from a stale socket; it ends with the process. Throws ControlPathInUse or the system's error.
 */
export async function listenOnPath(path: string, accept: (socket: Socket) => void): Promise<Listener> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const lock = openSync(`${path}.lock`, 'a', 0o600);
  try {
    if (!tryLockFile(lock)) throw new ControlPathInUse(path);
    rmSync(path, { force: true });
    const server = createServer({ allowHalfOpen: false }, accept);
    await listen(server, path);
    return {
      close: () =>
        new Promise((resolve) => {
          server.close(() => {
            rmSync(path, { force: true });
            closeSync(lock);
            resolve();
          });
        }),
    };
  } catch (error) {
    closeSync(lock);
    throw error;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      chmodSync(path, 0o666);
      resolve();
    });
  });
}
