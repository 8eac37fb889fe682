// The vault's bytes on a medium: read as a whole, written in pieces that are made durable one after the other. What the
// service opens is a regular file under the name that was asked for, and nothing else.
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, realpath, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { maximumVaultBytes } from './slots.ts';
import { VaultError } from './vault-error.ts';

/** Where a vault is written to; a test records what is asked of it. */
export interface VaultStorage {
  /** The whole file. Throws VaultError. */
  read(): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** What was written so far outlives a power cut. */
  sync(): Promise<void>;
}

/** Opens for as long as `use` runs. Throws VaultError. */
export async function withVaultFile<Result>(
  path: string,
  access: 'read' | 'write',
  use: (storage: VaultStorage) => Promise<Result>,
): Promise<Result> {
  const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  await checkPlace(path);
  const flags = (access === 'read' ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;
  return withHandle(path, flags, async (handle) => {
    await checkHandle(path, handle);
    return use(storageOf(path, handle));
  });
}

/** Makes a new file, 0600; where `use` fails it is taken away again. Throws VaultError exists. */
export async function createVaultFile<Result>(
  path: string,
  use: (storage: VaultStorage) => Promise<Result>,
): Promise<Result> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  await checkDirectory(path);
  let made = false;
  try {
    const result = await withHandle(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, async (handle) => {
      made = true;
      return use(storageOf(path, handle));
    });
    await syncDirectory(dirname(path));
    return result;
  } catch (error) {
    if (made) await unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Takes the file away, and makes that durable. Throws VaultError. */
export async function removeVaultFile(path: string): Promise<void> {
  try {
    await checkPlace(path);
    await unlink(path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw systemProblem(path, error);
  }
}

function storageOf(path: string, handle: FileHandle): VaultStorage {
  return {
    async read() {
      const { size } = await handle.stat();
      if (size > maximumVaultBytes) throw tooLarge(path);
      const bytes = new Uint8Array(size);
      let length = 0;
      while (length < size) {
        const { bytesRead } = await guarded(path, () => handle.read(bytes, length, size - length, length));
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    },
    async write(offset, bytes) {
      let written = 0;
      while (written < bytes.length) {
        const position = offset + written;
        const { bytesWritten } = await guarded(path, () =>
          handle.write(bytes, written, bytes.length - written, position),
        );
        written += bytesWritten;
      }
    },
    sync: () => guarded(path, () => handle.sync()),
  };
}

async function withHandle<Result>(
  path: string,
  flags: number,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const handle = await guarded(path, () => open(path, flags, 0o600));
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Before it is opened, since opening a device may already do something; checked again on what was opened. */
async function checkPlace(path: string): Promise<void> {
  await checkDirectory(path);
  const status = await guarded(path, () => lstat(path));
  if (status.isSymbolicLink()) throw new VaultError('unsafe', `${path} is a link.`);
  if (!status.isFile()) throw new VaultError('unsafe', `${path} is no regular file.`);
}

async function checkDirectory(path: string): Promise<void> {
  const directory = dirname(path);
  const real = await guarded(path, () => realpath(directory));
  if (join(real, basename(path)) === path) return;
  throw new VaultError('unsafe', `${path} leads through a link; its real directory is ${real}.`);
}

async function checkHandle(path: string, handle: FileHandle): Promise<void> {
  const status = await handle.stat();
  if (!status.isFile()) throw new VaultError('unsafe', `${path} is no regular file.`);
  if (status.nlink > 1) throw new VaultError('unsafe', `${path} has a second name (hard link).`);
  if (status.size > maximumVaultBytes) throw tooLarge(path);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function guarded<Result>(path: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw systemProblem(path, error);
  }
}

function systemProblem(path: string, error: unknown): Error {
  if (error instanceof VaultError) return error;
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENODEV':
    case 'ENXIO':
      return new VaultError('missing', `${path} is not there.`);
    case 'EEXIST':
      return new VaultError('exists', `${path} exists already.`);
    case 'ELOOP':
      return new VaultError('unsafe', `${path} is a link.`);
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new VaultError(
        'read-only',
        `${path} cannot be written: its medium is read-only or refuses (${code}).`,
      );
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new VaultError('full', `${path} cannot be written: its medium is full. Nothing was changed.`);
    default:
      return new VaultError('unreadable', `${path} cannot be used (${code ?? String(error)}).`);
  }
}

function tooLarge(path: string): VaultError {
  return new VaultError('too-large', `${path} is larger than 16 MiB.`);
}
