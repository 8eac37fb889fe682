// Replaces a file as a whole: a reader, or a power cut, finds the old text or the new one and nothing in between.
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** `mode` in the notation of chmod. The directory must exist. Throws the system's error. */
export function replaceFile(path: string, content: string | Uint8Array, mode: number): void {
  const temporary = `${path}.new`;
  try {
    unlinkSync(temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    fchmodSync(file, mode);
    writeFileSync(file, content);
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    closeQuietly(file);
    unlinkSync(temporary);
    throw error;
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Makes a rename or removal in the directory last. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function closeQuietly(file: number): void {
  try {
    closeSync(file);
  } catch {
    // already closed; the first error is the one that counts
  }
}
