// The .deb from a read-only medium on a plain Debian: installed, used from the tray by the user at the machine, upgraded
// with the connection's promise kept, and purged without a trace. Then the .rpm by rpm itself.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { laptopProfile, officeAddress, secretName } from '../../build/demo/profiles.ts';
import { product } from '../../build/package/product.ts';
import { makeRpmPackage } from '../../build/package/rpm.ts';
import type { Architecture } from '../../build/package/target.ts';
import { TrayHost } from '../e2e/status-notifier.ts';
import { type DebianComputer, eventually, makeImage, missingForRoot } from './debian-root.ts';
import { Laptop } from './laptop.ts';
import { Office } from './office.ts';
import { makePackages, missingForPackages, type Packaged } from './packaged.ts';

const limitMilliseconds = 60_000;
const secret = 'for this test only';
const nextVersion = '99.1.0';
/** Of each file: its name, mode, owner, and SHA-256. */
const rpmLine = '[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEDIGESTS}\\n]';
const skip = missingForPackages() ?? missingForRoot() ?? false;

describe('the .deb on a plain Debian', { skip, timeout: 8 * 60_000 }, () => {
  const directory = skip === false ? mkdtempSync(join(tmpdir(), 'sealnic-debian-')) : '';
  const packages: Packaged[] = [];
  let rpm = '';
  let laptop: Laptop;
  let computer: DebianComputer;
  let office: Office | undefined;
  let host: TrayHost | undefined;
  let untouched: ReturnType<typeof stateOf>;

  before(async () => {
    laptop = await Laptop.boot(makeMedium());
    computer = laptop.computer;
    // Of another program: dpkg takes the folder away where ours was the only one.
    computer.must('mkdir', '/opt/other');
    office = await Office.start(computer.pid, secret);
    untouched = stateOf(computer);
  });

  after(async () => {
    host?.close();
    await office?.close();
    await laptop?.off();
    for (const each of packages) each[Symbol.dispose]();
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  });

  test('installs from a read-only medium; the service runs with few rights', {
    timeout: 90_000,
  }, async () => {
    assert.notEqual(computer.run('sh', '-c', 'command -v node').exitCode, 0);
    assert.notEqual(computer.run('touch', '/media/cdrom/written').exitCode, 0);
    await laptop.install(basename(packages[0]!.file));
    running();
    const pid = computer.must('systemctl', 'show', '-P', 'MainPID', 'sealnic').trim();
    const status = computer.must('cat', `/proc/${pid}/status`);
    // CAP_DAC_OVERRIDE, KILL, SETGID, SETUID, NET_BIND_SERVICE, NET_ADMIN, NET_RAW.
    const wanted = [1, 5, 6, 7, 10, 12, 13].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
    for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
      const [, bits] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)!;
      assert.equal(BigInt(`0x${bits}`), wanted, set);
    }
    assert.match(status, /^NoNewPrivs:\s*1$/m);
    assert.match(status, /^Seccomp:\s*2$/m);
    // Its own view of the system.
    const within = (...words: string[]) => computer.run('nsenter', '-m', '-t', pid, '--', ...words);
    assert.notEqual(within('touch', '/usr/written').exitCode, 0);
    assert.match(computer.must('stat', '-c', '%A %U', '/opt/SealNIC/chrome-sandbox'), /^-rwsr-xr-x root/);
    const findings = JSON.parse(computer.must('sealnic', '--json', 'doctor'));
    assert.deepEqual(
      findings.findings.filter(({ severity }: { severity: string }) => severity !== 'good'),
      [],
    );
  });

  test('the user at the machine may connect right away, another may not', { timeout: 90_000 }, () => {
    setUp();
    pings();
    assert.equal(laptop.runAs('bob', 'sealnic', 'up', 'office').exitCode, 4);
    assert.equal(laptop.runAs('alice', 'sealnic', 'retry', 'office').exitCode === 4, false);
  });

  test('the app runs as the user, with its sandbox, and connects from the tray', {
    timeout: 90_000,
  }, async () => {
    const bus = computer.path(`/run/user/${laptop.userNumber('alice')}/bus`);
    host = await eventually('session bus', () => TrayHost.start(`unix:path=${bus}`).catch(() => undefined));
    const app = computer.start(...laptop.as('alice', 'sealnic-desktop'));
    let said = '';
    app.stderr?.on('data', (part) => {
      said += part;
    });
    try {
      await host.item(limitMilliseconds);
      await host.menuWith('Connect office', limitMilliseconds);
      await host.click('Connect office');
      await host.menuWith('office: connected', limitMilliseconds);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${said}`, { cause: error });
    }
    assert.match(pings(), / 0% packet loss/);
    const renderers = await eventually('page of the window', () => {
      const found = computer.run('pgrep', '-f', '--', '--type=renderer').output.trim();
      return found === '' ? undefined : found.split('\n');
    });
    const first = computer.must('readlink', '/proc/1/ns/pid');
    for (const pid of renderers) {
      assert.match(computer.must('cat', `/proc/${pid}/status`), /^Seccomp:\s*2$/m);
      assert.notEqual(computer.must('readlink', `/proc/${pid}/ns/pid`), first);
      assert.doesNotMatch(computer.must('cat', `/proc/${pid}/cmdline`), /no-sandbox/);
    }
  });

  test('an upgrade keeps the connection, and lets nothing out meanwhile', { timeout: 90_000 }, async () => {
    const readableBefore = office!.readable();
    // Those of before the first connection: whatever could be read was counted.
    assert.ok(readableBefore > 0);
    const traffic = computer.start('ping', '-q', '-i', '0.02', officeAddress);
    await laptop.install(basename(packages[1]!.file));
    running();
    assert.equal(JSON.parse(computer.must('sealnic', '--json', 'status')).version, nextVersion);
    assert.equal(computer.must('sealnic', '--version').trim(), nextVersion);
    computer.must('grep', '-aqF', `"version": "${nextVersion}"`, '/opt/SealNIC/resources/app.asar');
    await connected();
    assert.match(pings(), / 0% packet loss/);
    traffic.kill('SIGINT');
    assert.equal(office!.readable(), readableBefore);
    await host!.menuWith('office: connected', limitMilliseconds);
  });

  test('removing it frees the computer first; purging leaves nothing behind', {
    timeout: 90_000,
  }, async () => {
    await host!.click('Quit (connections stay as they are)');
    computer.must('apt-get', 'remove', '-y', 'sealnic');
    assert.deepEqual(stateOf(computer).network, untouched.network);
    assert.match(computer.must('ls', '/etc/sealnic/profiles'), /office\.toml/);
    computer.must('apt-get', 'purge', '-y', 'sealnic');
    computer.must('rm', '/root/office.toml');
    const { files, ...rest } = stateOf(computer);
    const { files: before, ...restBefore } = untouched;
    assert.deepEqual(
      files.filter((line) => !before.includes(line)),
      [],
    );
    assert.deepEqual(
      before.filter((line) => !files.includes(line)),
      [],
    );
    assert.deepEqual(rest, restBefore);
  });

  test('the .rpm holds the same files, starts the service, and frees the computer before it goes', {
    timeout: 90_000,
  }, async () => {
    const file = `/media/cdrom/${basename(rpm)}`;
    const packed = computer.must('rpm', '-qp', '--queryformat', rpmLine, file).trim().split('\n').sort();
    const folder = packages[0]!.unpacked;
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
    for (const [mode, name] of [
      ['-rwsr-xr-x', 'chrome-sandbox'],
      ['-rwxr-xr-x', 'sealnic-desktop'],
      ['-rwxr-xr-x', 'resources/service/node'],
      ['-rw-r--r--', 'resources/app.asar'],
    ] as const) {
      assert.ok(packed.includes(`/opt/SealNIC/${name} ${mode} root:root ${hash(name)}`), name);
    }
    const inDeb = computer.must('dpkg-deb', '-c', `/media/cdrom/${basename(packages[0]!.file)}`);
    const files = [...inDeb.matchAll(/ \.(\/\S*[^/\s])(?: -> \S+)?$/gm)].map(([, name]) => name);
    assert.deepEqual(
      packed.filter((line) => !/ d[rwx-]{9} /.test(line)).map((line) => line.split(' ')[0]),
      files.sort(),
    );
    // Its dependencies have the names of another distribution.
    computer.must('rpm', '-i', '--nodeps', file);
    await laptop.serves();
    running();
    setUp();
    computer.must('sealnic', 'up', 'office');
    assert.match(pings(), / 0% packet loss/);
    computer.must('rpm', '-e', '--nodeps', 'sealnic');
    assert.deepEqual(stateOf(computer).network, untouched.network);
    assert.notEqual(computer.run('ls', '/opt/SealNIC').exitCode, 0);
  });

  function setUp(): void {
    assert.equal(computer.runWith(laptopProfile, 'tee', '/root/office.toml').exitCode, 0);
    computer.must('sealnic', 'profiles', 'import', '/root/office.toml');
    const put = ['sealnic', 'secrets', 'put', secretName, '--kind', 'psk'];
    assert.equal(computer.runWith(secret, ...put).exitCode, 0);
  }

  /** Gives the image: with a package of this version, one of a later version, and the same as .rpm. */
  function makeMedium(): string {
    for (const version of [undefined, nextVersion]) packages.push(makePackages(version));
    const architecture = process.arch as Architecture;
    const { version } = product;
    const { unpacked } = packages[0]!;
    rpm = makeRpmPackage({ architecture, version, unpacked, output: directory, compression: 'none' });
    const image = join(directory, 'medium.img');
    makeImage(image, [...packages.map(({ file }) => file), rpm]);
    return image;
  }

  function running(): void {
    assert.equal(computer.must('systemctl', 'is-active', 'sealnic').trim(), 'active');
    assert.equal(computer.must('systemctl', 'is-enabled', 'sealnic').trim(), 'enabled');
  }

  async function connected(): Promise<void> {
    await eventually('connection', () => {
      const { connections } = JSON.parse(computer.must('sealnic', '--json', 'status'));
      return connections.some(({ state }: { state: string }) => state === 'connected') ? true : undefined;
    });
  }

  function pings(): string {
    return computer.run('ping', '-q', '-c', '5', '-i', '0.2', officeAddress).output;
  }
});

/** What a person would compare before and after. */
function stateOf(computer: DebianComputer) {
  const ignored = [
    '/proc',
    '/sys',
    '/dev',
    '/media',
    '/tmp',
    '/home',
    '/var/log',
    '/var/cache',
    '/var/lib/apt',
  ];
  const transient = [
    '/var/lib/dpkg',
    '/var/lib/systemd',
    '/run/systemd',
    '/run/user',
    '/run/log',
    '/run/pcscd',
    '/run/udev',
  ];
  const pruned = [...ignored, ...transient].flatMap((path) => ['-path', path, '-o']).slice(0, -1);
  const find = ['find', '/', '(', ...pruned, ')', '-prune', '-o', '-printf', '%y %m %u:%g %p -> %l\\n'];
  const network = [
    computer.must('nft', 'list', 'ruleset'),
    computer.must('ip', 'rule'),
    computer.must('ip', '-6', 'rule'),
    computer.must('ip', 'route', 'show', 'table', 'all'),
    computer.must('ip', '-brief', 'link'),
    computer.run('cat', '/etc/resolv.conf').output,
  ];
  return {
    files: computer
      .must(...find)
      .trim()
      .split('\n')
      .sort(),
    network,
    users: computer.must('cat', '/etc/passwd', '/etc/group'),
    units: computer.must('systemctl', 'list-unit-files', '--no-pager'),
    processes: computer.run('pgrep', '-af', 'sealnic|SealNIC').output,
  };
}
