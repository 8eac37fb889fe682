// Which files may be loaded as PKCS#11 modules, and which may name them, on the platform that this runs on.
import { distrust as posix } from './posix.ts';

/**
 * undefined: only root can have written this file; else why it cannot be trusted, as the end of a sentence.
 * `mayBeSticky`: folders like /tmp, where everybody may write but not touch what is root's, do no harm above it.
 */
export function distrustFile(path: string, mayBeSticky = false): string | undefined {
  return process.platform === 'win32' ? 'cannot be checked on Windows yet' : posix(path, mayBeSticky);
}
