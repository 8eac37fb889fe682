// Files that nobody but the service's user may read: checked at each reading, written as a whole.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  type Stats,
} from 'node:fs';
import { CredentialError, type CredentialMessage } from './credential-error.ts';
import { replaceFile } from './replace-file.ts';

/** Gives the memory that a file is read into, zero-filled. */
export type Allocate = (length: number) => Uint8Array;

/**
 * Makes the directory, 0700, where it is missing; refuses one that is no directory of the service's own user or that
 * others can enter. Throws CredentialError.
 */
export function guardDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const status = lstatSync(path);
  if (!status.isDirectory()) throw unsafe({ code: 'directory-not-regular', path: path });
  checkOwner(path, status);
}

/**
 * The file's bytes, straight into the memory that `allocate` gives; undefined where there is no such file. A link, a
 * file with a second name, one of another user, or one that others can read or write is refused.
 * Throws CredentialError.
 */
export function readGuarded(
  path: string,
  maximumBytes: number,
  allocate: Allocate,
): { bytes: Uint8Array; modifiedAtMilliseconds: number } | undefined {
  const file = open(path);
  if (file === undefined) return undefined;
  try {
    const status = fstatSync(file);
    checkFile(path, status);
    if (status.size > maximumBytes) {
      throw new CredentialError('invalid', { code: 'file-too-long', path, limit: maximumBytes });
    }
    const bytes = allocate(status.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(file, bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    if (length < status.size) throw new CredentialError('unreadable', { code: 'file-changed', path });
    return { bytes, modifiedAtMilliseconds: status.mtimeMs };
  } finally {
    closeSync(file);
  }
}

/** Replaces the file, 0600. Throws the system's error. */
export function writeGuarded(path: string, bytes: Uint8Array): void {
  replaceFile(path, bytes, 0o600);
}

function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw unsafe({ code: 'file-not-regular', path });
    throw new CredentialError('unreadable', { code: 'path-unreadable', path, reason: `${code}` });
  }
}

function checkFile(path: string, status: Stats): void {
  if (!status.isFile()) throw unsafe({ code: 'file-not-regular', path });
  if (status.nlink > 1) throw unsafe({ code: 'file-has-second-name', path });
  checkOwner(path, status);
}

function checkOwner(path: string, status: Stats): void {
  const user = process.geteuid?.() ?? 0;
  if (status.uid !== user && status.uid !== 0)
    throw unsafe({ code: 'file-of-another', path, uid: status.uid });
  if ((status.mode & 0o077) !== 0) {
    const mode = (status.mode & 0o777).toString(8);
    throw unsafe({ code: 'file-open-to-others', path, mode });
  }
}

function unsafe(detail: CredentialMessage): CredentialError {
  return new CredentialError('unsafe', detail);
}
