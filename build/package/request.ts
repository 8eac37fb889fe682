// The arguments of `npm run package`: electron-builder's own names for platforms and formats.
import { formats, type Platform, type Target } from './target.ts';

export interface Request {
  readonly target: Target;
  /** "dir", or formats of the platform. */
  readonly formats: readonly string[];
}

export interface Order {
  readonly requests: readonly Request[];
  /** False: what the machine cannot build is told, and is no failure. */
  readonly named: boolean;
  readonly version: string | undefined;
  readonly compress: boolean;
}

export class UsageError extends Error {}

export const usage = `npm run package -- [--dir] [--linux [deb] [rpm] [AppImage]] [--win [nsis]] [--mac [pkg] [dmg]]
                  [--x64] [--arm64] [--package-version VERSION] [--uncompressed]

Without a platform: all formats of this one. --dir: the unpacked program only.`;

const flags: Readonly<Record<string, Platform>> = { '--linux': 'linux', '--win': 'win32', '--mac': 'darwin' };

export function parseOrder(given: readonly string[], host: Target): Order {
  const wanted = new Map<Platform, string[]>();
  const architectures = new Set<Target['architecture']>();
  let directory = false;
  let version: string | undefined;
  let compress = true;
  let current: Platform | undefined;
  for (let index = 0; index < given.length; index++) {
    const word = given[index]!;
    const platform = flags[word];
    if (platform !== undefined) {
      current = platform;
      if (!wanted.has(platform)) wanted.set(platform, []);
    } else if (word === '--x64' || word === '--arm64') architectures.add(word === '--x64' ? 'x64' : 'arm64');
    else if (word === '--dir') directory = true;
    else if (word === '--uncompressed') compress = false;
    else if (word === '--package-version') version = given[++index];
    else if (current !== undefined && isFormat(current, word)) wanted.get(current)!.push(word);
    else throw new UsageError(`"${word}" is not understood.\n${usage}`);
  }
  if (version !== undefined && !/^\d+\.\d+\.\d+([-+~.][\w.+~-]*)?$/.test(version)) {
    throw new UsageError(`"${version}" is not a version.\n${usage}`);
  }
  const named = wanted.size > 0 || directory;
  if (wanted.size === 0) wanted.set(host.platform, []);
  if (architectures.size === 0) architectures.add(host.architecture);
  const requests = [...wanted].flatMap(([platform, chosen]) =>
    [...architectures].map((architecture) => ({
      target: { platform, architecture },
      formats: directory ? ['dir'] : chosen.length > 0 ? chosen : formats[platform],
    })),
  );
  return { requests, named, version, compress };
}

function isFormat(platform: Platform, word: string): boolean {
  return (formats[platform] as readonly string[]).includes(word);
}
