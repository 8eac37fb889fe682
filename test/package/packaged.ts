// Packages made for tests by the command that people use.
import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sharedFolder } from './shared-folder.ts';

export interface Packaged extends Disposable {
  /** The .deb. */
  readonly file: string;
  /** The unpacked program; open to other users. */
  readonly unpacked: string;
  /** Its program with a window. */
  readonly program: string;
}

/** For this machine's platform, once a run; `version`: another than that of package.json. */
export function makePackages(version?: string): Packaged {
  const folder = sharedFolder(`packages-${version ?? 'own'}`, (path) => build(path, version));
  chmodSync(dirname(folder.path), 0o755);
  const output = join(folder.path, `linux-${process.arch}`);
  const [file] = globSync(join(output, '*.deb'));
  if (file === undefined) throw new Error(`there is no .deb in ${output}`);
  const unpacked = join(output, 'linux-unpacked');
  return {
    file,
    unpacked,
    program: join(unpacked, 'sealnic-desktop'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
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

function build(directory: string, version: string | undefined): void {
  mkdirSync(directory, { mode: 0o755 });
  const main = join(import.meta.dirname, '..', '..', 'build', 'package', 'main.ts');
  const words = ['--linux', 'deb', '--uncompressed'];
  if (version !== undefined) words.push('--package-version', version);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    encoding: 'utf8',
    env: { ...process.env, SEALNIC_PACKAGE_OUTPUT: directory },
  });
  if (status !== 0) throw new Error(`npm run package ended with ${status}:\n${stdout}${stderr}`);
}
