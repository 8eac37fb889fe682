// A plain Debian, made from the mirror that apt is set up for, and booted with its own systemd in namespaces: a computer
// that has neither Node nor npm nor this project.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { debianDepends } from '../../build/package/product.ts';
import { type SharedFolder, sharedFolder } from './shared-folder.ts';

const patienceMilliseconds = 60_000;

/** What a desktop has beside the packages that ours depends on. */
const desktopPackages = [
  'systemd-sysv',
  'dbus',
  'dbus-user-session',
  'libpam-systemd',
  'polkitd|policykit-1',
  'pkexec|policykit-1',
  'xvfb',
  'iputils-ping',
  'mount',
  'pcscd',
  'vsmartcard-vpcd',
  'gnome-keyring',
  'rpm',
];

export interface Finished {
  readonly exitCode: number;
  readonly output: string;
}

export function missingForRoot(): string | undefined {
  if (process.getuid?.() !== 0) return 'a system of its own needs root';
  const missing = ['mmdebstrap', 'mke2fs', 'rpmbuild', 'unshare', 'ip', 'nft'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/**
 * The root's files, with what our package needs. SEALNIC_TEST_DEBIAN_ROOT: a folder in which they are kept from one run to
 * the next, for whoever works on this.
 */
export function debianRoot(): SharedFolder {
  const kept = process.env.SEALNIC_TEST_DEBIAN_ROOT;
  if (kept === undefined) return sharedFolder('debian', makeRoot);
  const list = `${kept}.packages`;
  const wanted = [...desktopPackages, ...debianDepends].join('\n');
  if (!existsSync(list) || readFileSync(list, 'utf8') !== wanted) {
    rmSync(kept, { recursive: true, force: true });
    makeRoot(kept);
    writeFileSync(list, wanted);
  }
  return { path: kept, [Symbol.dispose]: () => undefined };
}

function makeRoot(folder: string): void {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
  // A root that is thrown away need not survive a power cut, and nobody reads its manuals.
  const lean = ['force-unsafe-io', 'path-exclude=/usr/share/doc/*', 'path-exclude=/usr/share/man/*'];
  const words = [
    ...['--variant=apt', '--quiet', ...lean.map((option) => `--dpkgopt=${option}`)],
    ...[`--include=${packageNames().join(',')}`, release, folder],
  ];
  const { status, stderr } = spawnSync('mmdebstrap', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mmdebstrap ended with ${status}: ${stderr.slice(-2000)}`);
}

/** "a | b", as in a package's control file: the first that this release has. */
function packageNames(): readonly string[] {
  const wanted = [...desktopPackages, ...debianDepends].map((each) =>
    each.split('|').map((name) => name.trim()),
  );
  // In one call: apt may read all its lists for each.
  const { stdout } = spawnSync('apt-cache', ['policy', ...wanted.flat()], { encoding: 'utf8' });
  const known = new Set(
    [...stdout.matchAll(/^(\S+):\n.*\n +Candidate: (?!\(none\))/gm)].map(([, name]) => name),
  );
  return wanted.map((alternatives) => alternatives.find((name) => known.has(name)) ?? alternatives.at(-1)!);
}

/** An image with these files, to be mounted read-only. */
export function makeImage(image: string, files: readonly string[]): void {
  const folder = mkdtempSync(`${image}-`);
  // Each is large: linked where that can be.
  for (const file of files) {
    try {
      linkSync(file, join(folder, basename(file)));
    } catch {
      copyFileSync(file, join(folder, basename(file)));
    }
  }
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const megabytes = Math.ceil((bytes / 1024 ** 2) * 1.1) + 32;
  const words = ['-q', '-t', 'ext4', '-m', '0', '-O', '^has_journal', '-d', folder, image, `${megabytes}M`];
  const { status, stderr } = spawnSync('mke2fs', words, { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(`mke2fs: ${stderr}`);
}

export class DebianComputer {
  /** The first process of the computer, seen from here. */
  readonly pid: number;
  readonly #directory: string;
  readonly #outside: ChildProcess;

  /** Boots; what it changes lies in memory, `root` stays as it is. `medium`, an image or a folder, is at /media/cdrom. */
  static async boot(root: string, medium: string): Promise<DebianComputer> {
    const directory = mkdtempSync(join(tmpdir(), 'sealnic-computer-'));
    const script = join(directory, 'boot');
    writeFileSync(script, bootScript, { mode: 0o755 });
    mkdirSync(join(directory, 'work'));
    const namespaces = ['--pid', '--mount', '--cgroup', '--net', '--uts', '--ipc', '--fork', '--kill-child'];
    const words = [...namespaces, script, root, join(directory, 'work'), medium];
    const outside = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [outside.stdout, outside.stderr]) {
      stream.on('data', (part) => {
        said = `${said}${part}`.slice(-4000);
      });
    }
    try {
      const pid = await eventually('a first process', () => firstProcess(outside));
      const computer = new DebianComputer(directory, outside, pid);
      await eventually('a running system', () => {
        const { output } = computer.run('systemctl', 'is-system-running');
        return /^(running|degraded)/.test(output) ? true : undefined;
      });
      return computer;
    } catch (error) {
      outside.kill('SIGKILL');
      throw new Error(`${error instanceof Error ? error.message : error}; it said: ${said}`);
    }
  }

  private constructor(directory: string, outside: ChildProcess, pid: number) {
    this.#directory = directory;
    this.#outside = outside;
    this.pid = pid;
  }

  /** Runs a command there as root to its end. */
  run(...words: readonly string[]): Finished {
    return this.runWith('', ...words);
  }

  runWith(input: string, ...words: readonly string[]): Finished {
    const [program, ...rest] = this.#entering(words);
    const { status, stdout, stderr } = spawnSync(program!, rest, {
      encoding: 'utf8',
      input,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { exitCode: status ?? 1, output: `${stdout}${stderr}` };
  }

  /** Its output; throws where it fails. */
  must(...words: readonly string[]): string {
    const { exitCode, output } = this.run(...words);
    if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode}: ${output.slice(-2000)}`);
    return output;
  }

  /** Starts a command there; it ends with the computer at the latest. */
  start(...words: readonly string[]): ChildProcess {
    const [program, ...rest] = this.#entering(words);
    return spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** As `must`, without keeping this process from other work meanwhile. */
  async mustWith(input: string, ...words: readonly string[]): Promise<string> {
    const [program, ...rest] = this.#entering(words);
    const child = spawn(program!, rest, { stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
    child.stdin.end(input);
    const [exitCode] = await once(child, 'close');
    if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode}: ${output.slice(-2000)}`);
    return output;
  }

  /** A file there, seen from here. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  async off(): Promise<void> {
    if (this.#outside.exitCode === null && this.#outside.signalCode === null) {
      const ended = once(this.#outside, 'exit');
      process.kill(this.pid, 'SIGKILL');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #entering(words: readonly string[]): readonly string[] {
    const environment = [
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'LANG=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive',
    ];
    const namespaces = ['-m', '-u', '-i', '-n', '-p', '-C'];
    return ['nsenter', '-t', String(this.pid), ...namespaces, '--', 'env', '-i', ...environment, ...words];
  }
}

/** Asks again until there is an answer. */
export async function eventually<Value>(
  what: string,
  ask: () => Value | undefined | Promise<Value | undefined>,
): Promise<Value> {
  const deadline = performance.now() + patienceMilliseconds;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`no ${what} within ${patienceMilliseconds / 1000} s`);
    await wait(100);
  }
}

function firstProcess({ pid, exitCode }: ChildProcess): number | undefined {
  if (exitCode !== null) throw new Error('the namespaces could not be made');
  const children = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(children)) return undefined;
  const child = Number(readFileSync(children, 'utf8').trim().split(' ')[0]);
  if (!(child > 0)) return undefined;
  return readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'systemd' ? child : undefined;
}

/** Arguments: the root's files, an empty folder, an image or a folder. Mounts propagate as on a computer. */
const bootScript = `#!/bin/bash
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2"/{upper,work,merged}
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
mkdir "$2/merged/media/cdrom"
if [ -d "$3" ]; then mount --bind -o ro "$3" "$2/merged/media/cdrom"; else mount -o loop,ro "$3" "$2/merged/media/cdrom"; fi
cd "$2/merged"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir -p dev/net dev/pts dev/shm
touch dev/net/tun
mount --bind /dev/net/tun dev/net/tun
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir before
pivot_root . before
umount -l /before
rmdir /before
mount --make-rshared /
exec env -i container=sealnic PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --log-target=console --show-status=false
`;
