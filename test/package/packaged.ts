// Packages made for a test, in a folder of their own, by the command that people use.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Packaged extends Disposable {
  /** Open to other users. */
  readonly directory: string;
  /** The unpacked program. */
  readonly unpacked: string;
  /** Its program with a window. */
  readonly program: string;
}

/** For this machine's platform; `packageArguments` as for `npm run package`. */
export function makePackages(packageArguments: readonly string[]): Packaged {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-package-'));
  chmodSync(directory, 0o755);
  const main = join(import.meta.dirname, '..', '..', 'build', 'package', 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...packageArguments], {
    encoding: 'utf8',
    env: { ...process.env, SEALNIC_PACKAGE_OUTPUT: directory },
  });
  if (status !== 0) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`npm run package ended with ${status}:\n${stdout}${stderr}`);
  }
  const unpacked = join(directory, `linux-${process.arch}`, 'linux-unpacked');
  return {
    directory,
    unpacked,
    program: join(unpacked, 'sealnic-desktop'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What is missing on this machine to make one without a download, or undefined. */
export function missingForPackages(): string | undefined {
  if (process.platform !== 'linux') return 'the packages of this platform are not tested yet';
  if (process.env.ELECTRON_OVERRIDE_DIST_PATH === undefined) {
    return 'ELECTRON_OVERRIDE_DIST_PATH names no Electron that is on disk';
  }
  return undefined;
}
