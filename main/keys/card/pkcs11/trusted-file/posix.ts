// Files that only root can have written, by owner and mode of the file and of every folder above it.
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs';
import { dirname, normalize } from 'node:path';
import { getSystemErrorMessage } from 'node:util';

const writableByOthers = 0o022;

/** Only the owner of what lies in such a folder may remove or rename it: what root put there stays root's. */
const sticky = 0o1000;

/** undefined: it can be trusted; else why not, as the end of a sentence. */
export function distrust(path: string, mayBeSticky: boolean): string | undefined {
  if (!path.startsWith('/') || normalize(path) !== path) return 'is no plain absolute path';
  try {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const status = lstatSync(folder);
      if (!status.isDirectory()) return `lies below ${folder}, which is no folder, or a link`;
      const isSticky = mayBeSticky && status.uid === 0 && (status.mode & sticky) !== 0;
      const problem = isSticky ? undefined : ownership(status);
      if (problem !== undefined) return `lies below ${folder}, which ${problem}`;
      if (folder === '/') break;
    }
    // Not to follow a link, and not to wait for whoever writes to a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = fstatSync(file);
      return status.isFile() ? ownership(status) : 'is no regular file';
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') return 'is a link; name the file that it leads to';
    return `cannot be read (${errno === undefined ? error : getSystemErrorMessage(errno)})`;
  }
}

function ownership({ uid, mode }: Stats): string | undefined {
  if (uid !== 0) return 'does not belong to root';
  return (mode & writableByOthers) === 0 ? undefined : 'others than root may write';
}
