// Keys in the packaged service, under its unit's few rights: vaults in its own folder, in a home and on a medium that only
// their user may enter, a smart card, the user's keychain; and what helps to find out what is wrong.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectToReader, InsertedCard, readerName } from '../fakes/card/pcscd.ts';
import { defaultPin, VirtualCard } from '../fakes/card/virtual-card.ts';
import { type DebianComputer, eventually, missingForRoot } from './debian-root.ts';
import { Laptop } from './laptop.ts';
import { makePackages, missingForPackages, type Packaged } from './packaged.ts';

const skip = missingForPackages() ?? missingForRoot() ?? false;
const passphrase = 'a passphrase that only this test knows';
const secret = 'a secret that only this test knows';

interface Vault {
  readonly name: string;
  readonly path?: string;
  readonly present: boolean;
  readonly compartments: readonly { readonly open: boolean }[];
}

describe('keys in the packaged service', { skip, timeout: 8 * 60_000 }, () => {
  const directory = skip === false ? mkdtempSync(join(tmpdir(), 'sealnic-medium-')) : '';
  const medium = join(directory, 'stick.img');
  let packaged: Packaged;
  let laptop: Laptop;
  let computer: DebianComputer;
  let device = '';
  let inserted: InsertedCard | undefined;

  before(async () => {
    packaged = makePackages();
    laptop = await Laptop.boot(dirname(packaged.file));
    computer = laptop.computer;
    await laptop.install(basename(packaged.file));
  });

  after(async () => {
    inserted?.remove();
    await laptop?.off();
    packaged?.[Symbol.dispose]();
    if (device !== '') execFileSync('losetup', ['--detach', device]);
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  });

  test("a vault in the service's own folder", () => {
    useVault('Own');
    assert.match(vault('Own').path!, /^\/var\/lib\/sealnic\//);
  });

  test('a vault in a home that only its user may enter', () => {
    computer.must('install', '-d', '-m', '700', '-o', 'alice', '/home/alice', '/home/alice/keys');
    useVault('Home', '/home/alice/keys/sealnic.vault');
    assert.match(computer.must('ls', '/home/alice/keys'), /sealnic\.vault/);
  });

  for (const place of ['/media/alice', '/run/media/alice']) {
    test(`a vault on a medium that is mounted in ${place} while the service runs`, async () => {
      const name = `Stick${place.length}`;
      mount(place);
      useVault(name, `${place}/STICK/sealnic.vault`, '--removable');
      computer.must('umount', `${place}/STICK`);
      await eventually('notice that the medium is gone', () =>
        vault(name).present || vault(name).compartments.some(({ open }) => open) ? undefined : true,
      );
      computer.must('mount', device, `${place}/STICK`);
      await eventually('notice that the medium is back', () => (vault(name).present ? true : undefined));
      open(name);
      computer.must('sealnic', 'vault', 'forget', name, '--erase');
      computer.must('umount', `${place}/STICK`);
    });
  }

  test('keys lie in locked memory', () => {
    const pid = computer.must('systemctl', 'show', '-P', 'MainPID', 'sealnic').trim();
    const [, locked] = /^VmLck:\s+(\d+) kB$/m.exec(computer.must('cat', `/proc/${pid}/status`))!;
    assert.ok(Number(locked) > 0);
    assert.equal(computer.must('systemctl', 'show', '-P', 'LimitMEMLOCK', 'sealnic').trim(), 'infinity');
  });

  test('a smart card is seen, set up, and signs', async () => {
    const readers = await eventually('reader', () => {
      const { state, readers } = cards();
      return state === 'ready' ? readers : undefined;
    });
    assert.ok(readers.includes(readerName), readers.join());
    const socket = await eventually('virtual reader', () => connectToReader(computer.pid));
    inserted = new InsertedCard(socket, new VirtualCard());
    await eventually('card', async () =>
      JSON.parse(await computer.mustWith('', 'sealnic', '--json', 'card', 'status')).cards.length === 1
        ? true
        : undefined,
    );
    const setup = ['card', 'setup', '--subject', 'CN=alice', '--default-management-key', '--secret-stdin'];
    await computer.mustWith(`${defaultPin}\n`, 'sealnic', ...setup);
    const signed = await computer.mustWith(`${defaultPin}\n`, 'sealnic', 'card', 'test', '--secret-stdin');
    assert.match(signed, /CN=alice: the card signed/);
  });

  test("a user's vault is opened by her keychain", async () => {
    const keyring = 'printf password | gnome-keyring-daemon --foreground --unlock --components=secrets';
    computer.start(...laptop.as('alice', 'sh', '-c', keyring));
    const ask = ['busctl', '--user', 'status', 'org.freedesktop.secrets'];
    await eventually('keyring', () => (laptop.runAs('alice', ...ask).exitCode === 0 ? true : undefined));
    const asAlice = (...words: string[]) => {
      const { exitCode, output } = laptop.runAs('alice', 'sealnic', ...words);
      assert.equal(exitCode, 0, output);
      return output;
    };
    asAlice('vault', 'create', 'Alice', '--protector', 'keychain');
    asAlice('vault', 'close', 'Alice');
    assert.match(asAlice('vault', 'open', 'Alice'), /^Open in Alice: secrets\./);
    assert.notEqual(laptop.runAs('bob', 'sealnic', 'vault', 'open', 'Alice').exitCode, 0);
  });

  test('tells its log, and makes an archive for whoever helps', () => {
    assert.match(computer.must('sealnic', 'log'), /SealNIC .* serves at/);
    const bundle = laptop.runAs('alice', 'sealnic', 'doctor', '--bundle', '/home/alice/help.zip');
    assert.equal(bundle.exitCode, 0, bundle.output);
    const archive = readFileSync(computer.path('/home/alice/help.zip'));
    assert.equal(archive.subarray(0, 2).toString(), 'PK');
    assert.equal(computer.must('stat', '-c', '%U', '/home/alice/help.zip').trim(), 'alice');
  });

  /** Makes it, puts a secret into it, locks it, and opens it again; a wrong passphrase opens nothing. */
  function useVault(name: string, path?: string, ...options: readonly string[]): void {
    const place = path === undefined ? [] : ['--path', path];
    given(passphrase, 'vault', 'create', name, '--passphrase-stdin', ...place, ...options);
    given(secret, 'keys', 'add', `of-${name}`, '--kind', 'psk', '--vault', name);
    computer.must('sealnic', 'vault', 'close', name);
    const wrong = ['sealnic', 'vault', 'open', name, '--passphrase-stdin'];
    assert.notEqual(computer.runWith('wrong\n', ...wrong).exitCode, 0);
    assert.equal(vault(name).compartments[0]!.open, false);
    open(name);
    assert.match(computer.must('sealnic', 'vault', 'verify', name), /open; 1 entries/);
    if (path !== undefined) assert.equal(vault(name).path, path);
  }

  function open(name: string): void {
    given(passphrase, 'vault', 'open', name, '--passphrase-stdin');
    assert.equal(vault(name).compartments[0]!.open, true);
  }

  function given(input: string, ...words: readonly string[]): void {
    const { exitCode, output } = computer.runWith(`${input}\n`, 'sealnic', ...words);
    assert.equal(exitCode, 0, `${words.join(' ')}: ${output}`);
  }

  function vault(name: string): Vault {
    const { vaults } = JSON.parse(computer.must('sealnic', '--json', 'vault', 'list'));
    return vaults.find((each: Vault) => each.name === name);
  }

  function cards(): { state: string; readers: string[] } {
    return JSON.parse(computer.must('sealnic', '--json', 'card', 'status'));
  }

  /** As the desktop mounts a stick for the user: what is on it belongs to her alone. */
  function mount(place: string): void {
    const owner = laptop.userNumber('alice');
    if (device === '') {
      writeFileSync(medium, '');
      truncateSync(medium, 32 * 1024 * 1024);
      execFileSync('mke2fs', ['-q', '-t', 'ext4', '-E', `root_owner=${owner}:${owner}`, medium]);
      device = execFileSync('losetup', ['--find', '--show', medium], { encoding: 'utf8' }).trim();
      const [major, minor] = execFileSync('stat', ['-c', '%Hr %Lr', device], { encoding: 'utf8' }).split(' ');
      computer.must('mknod', device, 'b', major!, minor!.trim());
    }
    computer.must('install', '-d', '-m', '700', '-o', 'alice', place, `${place}/STICK`);
    computer.must('mount', device, `${place}/STICK`);
    computer.must('chmod', '700', `${place}/STICK`);
  }
});
