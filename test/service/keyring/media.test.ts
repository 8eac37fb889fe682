// Vaults on media that come and go: real file systems on loop devices, mounted and unmounted under the service's eyes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mediumOf, readMedia } from '../../../main/service/keyring/media.ts';
import { failsWith, KeyringWorld, officeProfile, root } from './world.ts';

const skip = canMount() ? false : 'needs root, loop devices, mkfs.vfat and mkfs.ext4';
/** Not every kernel has FAT: the others stand in for it, and the write order is tested without any (crash.test.ts). */
const hasFat = /\bvfat$/m.test(readFileSync('/proc/filesystems', 'utf8'));
const stickKind = hasFat ? 'vfat' : 'ext4';

/** A stick: an image with a file system, mounted at `mountPoint` while it is in. */
class Stick implements Disposable {
  readonly mountPoint: string;
  readonly #image: string | undefined;
  readonly #options: readonly string[];
  #mounted = false;

  constructor(directory: string, name: string, kind: 'vfat' | 'ext4' | 'tmpfs', kibibytes = 4096) {
    this.mountPoint = join(directory, name);
    mkdirSync(this.mountPoint);
    this.#image = kind === 'tmpfs' ? undefined : join(directory, `${name}.image`);
    this.#options =
      kind === 'tmpfs' ? ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'none'] : ['-o', 'loop', this.#image!];
    if (this.#image === undefined) return;
    writeFileSync(this.#image, '');
    truncateSync(this.#image, kibibytes * 1024);
    const options = kind === 'ext4' ? ['-q', '-F', '-m', '0'] : [];
    execFileSync(`mkfs.${kind}`, [...options, this.#image], { stdio: 'ignore' });
  }

  get vault(): string {
    return join(this.mountPoint, 'sealnic.vault');
  }
  plug(...more: string[]): void {
    execFileSync('mount', [...more, ...this.#options, this.mountPoint]);
    this.#mounted = true;
  }
  pull(): void {
    execFileSync('umount', ['-l', this.mountPoint]);
    this.#mounted = false;
  }
  [Symbol.dispose](): void {
    if (this.#mounted) this.pull();
  }
}

for (const kind of [stickKind, 'tmpfs'] as const) {
  test(`${kind}: taken out, everything is wiped and named; in again, it opens again`, { skip }, async () => {
    using world = new KeyringWorld();
    using stick = new Stick(world.directory, 'stick one', kind);
    stick.plug();
    await world.createVault('Stick', { path: stick.vault, removable: true });
    await world.add('Stick', 'office', 'on the stick');
    await world.keyring.look();
    assert.equal(world.psk('office'), 'on the stick');
    if (kind === 'tmpfs') return;
    const before = performance.now();
    stick.pull();
    world.keyring.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.keyring.onChange(resolve);
    await promise;
    const took = performance.now() - before;
    assert.ok(took < 1000, `${took} ms from unmounting to wiping`);
    assert.equal(world.psk('office'), undefined);
    assert.equal(world.memory.liveCount, 0);
    assert.deepEqual(world.keyring.lacking(officeProfile, 0), { code: 'medium-removed', vault: 'Stick' });
    await assert.rejects(
      world.open('Stick', 'correct horse'),
      failsWith('vault-problem', { problem: 'missing' }),
    );
    stick.plug();
    await world.keyring.look();
    assert.equal(world.keyring.lacking(officeProfile, 0)?.code, 'vault-locked');
    await world.open('Stick', 'correct horse');
    assert.equal(world.psk('office'), 'on the stick');
  });
}

test('changed while it was in: the new secret serves, and it stays open', { skip }, async () => {
  using world = new KeyringWorld();
  using other = new KeyringWorld();
  using stick = new Stick(world.directory, 'stick', stickKind);
  stick.plug();
  await world.createVault('Stick', { path: stick.vault, removable: true });
  await world.add('Stick', 'office', 'old');
  await other.handlers['vault.enrol']({ path: stick.vault, removable: true }, root, {});
  await other.open('Stick', 'correct horse');
  await other.add('Stick', 'office', 'new');
  await world.keyring.look();
  assert.equal(world.psk('office'), 'new');
  // And the other way round: neither loses what the other wrote.
  await world.add('Stick', 'home', 'x');
  await other.keyring.look();
  assert.equal(other.psk('home'), 'x');
  // New keys elsewhere lock it here until an administrator has looked.
  await other.handlers['vault.rotate']({ vault: 'Stick', compartment: 'secrets' }, root, {});
  await world.keyring.look();
  assert.equal(world.psk('office'), undefined);
  await assert.rejects(
    world.open('Stick', 'correct horse'),
    failsWith('vault-problem', { problem: 'signer-changed' }),
  );
});

test('read-only, full, half-written, cut off, older: an error each, and nothing is lost', {
  skip,
}, async () => {
  using world = new KeyringWorld();
  using stick = new Stick(world.directory, 'stick', stickKind, 1024);
  stick.plug();
  await world.createVault('Stick', { path: stick.vault, removable: true });
  await world.add('Stick', 'office', 'kept');
  const good = readFileSync(stick.vault);
  const fill = join(stick.mountPoint, 'fill');
  // Until not one block is left; the system gives what it had set aside only step by step.
  execFileSync(
    'sh',
    ['-c', 'until ! dd if=/dev/zero bs=512 count=1 status=none; do :; done >> "$0"; sync', fill],
    {
      stdio: 'ignore',
    },
  );
  const large = 'x'.repeat(60_000);
  await assert.rejects(world.add('Stick', 'more', large), failsWith('vault-problem', { problem: 'full' }));
  assert.equal(world.psk('office'), 'kept');
  assert.equal(world.psk('more'), undefined);
  execFileSync('rm', [fill]);
  await world.add('Stick', 'more', large);
  const later = readFileSync(stick.vault);

  execFileSync('mount', ['-o', 'remount,ro', stick.mountPoint]);
  await assert.rejects(
    world.add('Stick', 'third', 'x'),
    failsWith('vault-problem', { problem: 'read-only' }),
  );
  assert.equal(world.psk('office'), 'kept');
  execFileSync('mount', ['-o', 'remount,rw', stick.mountPoint]);

  truncateSync(stick.vault, 9000);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'damaged');
  writeFileSync(stick.vault, good);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'rolled-back');
  writeFileSync(stick.vault, later);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem, undefined);
  await world.open('Stick', 'correct horse');
  assert.equal(world.psk('more'), large);
});

test('two sticks with one vault: neither is opened; one that is open stays so', { skip }, async () => {
  using world = new KeyringWorld();
  using stick = new Stick(world.directory, 'one', stickKind);
  using copy = new Stick(world.directory, 'two', 'ext4');
  stick.plug();
  await world.createVault('Stick', { path: stick.vault, removable: true });
  await world.add('Stick', 'office', 'x');
  await world.keyring.look();
  copy.plug();
  copyFileSync(stick.vault, copy.vault);
  copy.pull();
  await world.keyring.look();
  copy.plug();
  await world.keyring.look();
  assert.equal(world.psk('office'), 'x');
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'duplicate');
  await world.restart();
  await assert.rejects(
    world.open('Stick', 'correct horse'),
    failsWith('vault-problem', { problem: 'duplicate' }),
  );
  copy.pull();
  await world.keyring.look();
  await world.open('Stick', 'correct horse');
  assert.equal(world.psk('office'), 'x');
});

test('one stick that is mounted in two places is one', { skip }, async () => {
  using world = new KeyringWorld();
  using stick = new Stick(world.directory, 'one', 'ext4');
  stick.plug();
  const again = join(world.directory, 'again');
  mkdirSync(again);
  await world.createVault('Stick', { path: stick.vault, removable: true });
  execFileSync('mount', ['--bind', stick.mountPoint, again]);
  try {
    await world.restart();
    await world.open('Stick', 'correct horse');
    assert.equal(world.keyring.sessions[0]!.problem, undefined);
  } finally {
    execFileSync('umount', ['-l', again]);
  }
});

test('names of mount points are read as they are written', { skip }, () => {
  using world = new KeyringWorld();
  using stick = new Stick(world.directory, 'with space', 'tmpfs');
  stick.plug();
  const found = mediumOf(readMedia(), stick.vault);
  assert.equal(found?.medium.mountPoint, stick.mountPoint);
  assert.equal(found?.file, 'sealnic.vault');
});

function canMount(): boolean {
  if (process.geteuid?.() !== 0) return false;
  try {
    execFileSync('sh', ['-c', 'command -v mkfs.vfat && command -v mkfs.ext4 && losetup -f'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
