// Which media are mounted, read from the system's table of mounts, and where on them a vault may lie. The service mounts
// nothing itself.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Medium {
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** "8:1"; a stick that was pulled without being unmounted has left its mount, but not its device. */
  readonly device: string;
}

/** File systems of media; network ones and those of other users' programs (FUSE) could make the service wait for ever. */
const ofMedia = new Set([
  ...['vfat', 'exfat', 'msdos', 'ntfs', 'ntfs3', 'fuseblk', 'udf', 'iso9660', 'hfsplus', 'apfs'],
  ...['ext2', 'ext3', 'ext4', 'btrfs', 'xfs', 'f2fs', 'tmpfs'],
]);

/** Reads the table of mounts; a later mount over an earlier one hides it. */
export function readMedia(table = '/proc/self/mountinfo'): readonly Medium[] {
  const found = new Map<string, Medium>();
  for (const line of readFileSync(table, 'utf8').split('\n')) {
    const [before, after] = line.split(' - ');
    const fields = before?.split(' ') ?? [];
    const [device, mountPoint] = [fields[2], fields[4]];
    const fileSystem = after?.split(' ')[0];
    if (device === undefined || mountPoint === undefined || fileSystem === undefined) continue;
    found.set(unescaped(mountPoint), { mountPoint: unescaped(mountPoint), fileSystem, device });
  }
  return [...found.values()].filter(({ fileSystem, device }) => ofMedia.has(fileSystem) && isThere(device));
}

/** The medium that a path lies on, and the path's rest; undefined where it lies on none. */
export function mediumOf(
  media: readonly Medium[],
  path: string,
): { medium: Medium; file: string } | undefined {
  const [medium] = media
    .filter(({ mountPoint }) => path.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`))
    .sort((a, b) => b.mountPoint.length - a.mountPoint.length);
  if (medium === undefined || medium.mountPoint === '/') return undefined;
  return { medium, file: path.slice(medium.mountPoint.length + 1) };
}

export function pathOn(medium: Medium, file: string): string {
  return join(medium.mountPoint, file);
}

/** Virtual file systems (major number 0) have no device that could be pulled. */
function isThere(device: string): boolean {
  return device.startsWith('0:') || existsSync(`/sys/dev/block/${device}`);
}

/** mountinfo writes spaces, tabs, line ends and backslashes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
