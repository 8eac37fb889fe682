// Which files may be loaded as PKCS#11 modules, on the platform that this runs on.
import { distrust as posix } from './posix.ts';

/** undefined: only root can have written this file; else why it cannot be trusted, as the end of a sentence. */
export function distrustFile(path: string): string | undefined {
  return process.platform === 'win32' ? 'cannot be checked on Windows yet' : posix(path);
}
