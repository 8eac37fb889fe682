// A file as it was, so that it can be put back to the byte; and the replacing of a file in one step where that is
// possible.
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FileImage } from './journal.ts';

/** What lies at the path now; a symbolic link is not followed. */
export function captureFile(path: string): FileImage {
  let status: ReturnType<typeof lstatSync>;
  try {
    status = lstatSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { type: 'absent' };
    throw error;
  }
  if (status.isSymbolicLink()) return { type: 'link', target: readlinkSync(path) };
  return {
    type: 'file',
    contentBase64: readFileSync(path).toString('base64'),
    mode: status.mode & 0o7777,
    userId: status.uid,
    groupId: status.gid,
    modifiedMilliseconds: status.mtimeMs,
  };
}

/** Puts back what was there. */
export function restoreFile(path: string, image: FileImage): void {
  switch (image.type) {
    case 'absent':
      rmSync(path, { force: true });
      return;
    case 'link': {
      const beside = temporaryName(path);
      rmSync(beside, { force: true });
      symlinkSync(image.target, beside);
      renameSync(beside, path);
      return;
    }
    case 'file': {
      const { mode, userId, groupId } = image;
      replaceFile(path, Buffer.from(image.contentBase64, 'base64'), { mode, userId, groupId });
      utimesSync(path, Date.now() / 1000, image.modifiedMilliseconds / 1000);
    }
  }
}

export interface FileOwnership {
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
}

/**
 * Writes a file beside the old one and renames it over that, so that readers see either; where the path is a mount
 * point of its own or its folder cannot be written, writes in place.
 */
export function replaceFile(path: string, content: Uint8Array, ownership: FileOwnership): void {
  const beside = temporaryName(path);
  try {
    writeWhole(beside, 'w', content, ownership);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    if (!['EBUSY', 'EXDEV', 'EROFS', 'EACCES', 'EPERM'].some((code) => hasCode(error, code))) throw error;
    writeWhole(path, 'r+', content, ownership);
    chmodSync(path, ownership.mode);
    chownSync(path, ownership.userId, ownership.groupId);
  }
}

function writeWhole(path: string, flags: 'w' | 'r+', content: Uint8Array, ownership: FileOwnership): void {
  const file = openSync(path, flags, 0o600);
  try {
    ftruncateSync(file, 0);
    for (let written = 0; written < content.length; ) written += writeSync(file, content, written);
    if (flags === 'w') {
      fchownSync(file, ownership.userId, ownership.groupId);
      fchmodSync(file, ownership.mode);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.sealnic`);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
