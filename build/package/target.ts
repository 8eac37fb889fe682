// The platforms that packages are made for.
import { execPath } from 'node:process';

export type Platform = 'linux' | 'win32' | 'darwin';
export type Architecture = 'x64' | 'arm64';

export interface Target {
  readonly platform: Platform;
  readonly architecture: Architecture;
}

export const formats = {
  linux: ['deb', 'rpm', 'AppImage'],
  win32: ['nsis'],
  darwin: ['pkg', 'dmg'],
} as const satisfies Record<Platform, readonly string[]>;

/** "linux-x64": as npm's packages with binaries name it. */
export function nameOf({ platform, architecture }: Target): string {
  return `${platform}-${architecture}`;
}

export function isHost({ platform, architecture }: Target): boolean {
  return platform === process.platform && architecture === process.arch;
}

/** The Node that runs this: the one that the npm package `node` brought. */
export const hostNode = execPath;
