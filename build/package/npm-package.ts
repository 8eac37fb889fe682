// A package of the npm registry by pinned version and hash, for platforms other than this one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './product.ts';

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As in a lock file: "sha512-" and base64. */
  readonly integrity: string;
}

const cache = join(projectRoot, 'dist', 'package', 'cache');

/** The folder with its files; fetched by npm once, no script of it is run. Throws where it cannot be had or differs. */
export function packageFolder({ name, version, integrity }: PinnedPackage): string {
  const digest = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64')
    .toString('hex')
    .slice(0, 16);
  const folder = join(cache, `${name.replaceAll('/', '+')}-${version}-${digest}`);
  if (existsSync(folder)) return join(folder, 'package');
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    const archive = join(making, fetchArchive(`${name}@${version}`, making));
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== integrity)
      throw new Error(`${name}@${version} is not the pinned one: its hash is ${found}`);
    run('tar', ['-xzf', archive, '-C', making]);
    rmSync(archive);
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return join(folder, 'package');
}

/** What the project's lock file says of a package that it names for another platform. */
export function lockedPackage(name: string): PinnedPackage {
  const { packages } = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'));
  const entry = packages[`node_modules/${name}`];
  if (typeof entry?.integrity !== 'string') throw new Error(`package-lock.json does not name ${name}`);
  return { name, version: entry.version, integrity: entry.integrity };
}

function fetchArchive(specification: string, folder: string): string {
  const onWindows = process.platform === 'win32';
  const output = run(
    onWindows ? 'npm.cmd' : 'npm',
    ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder, specification],
    onWindows,
  );
  const [{ filename }] = JSON.parse(output);
  return filename;
}

function run(program: string, programArguments: readonly string[], shell = false): string {
  const { status, stdout, stderr, error } = spawnSync(program, programArguments, { encoding: 'utf8', shell });
  if (status === 0) return stdout;
  const why = error?.message ?? (stderr.trim().split('\n').at(0) || `code ${status}`);
  throw new Error(`${program} ${programArguments[0]} ${programArguments.at(-1)}: ${why}`);
}
