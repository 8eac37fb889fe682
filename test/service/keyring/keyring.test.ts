// The keyring: what connections get from vaults, who may, what is asked, what happens to what is locked.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConnectionProblem } from '../../../main/service/connection/problem.ts';
import { alice, bob, failsWith, given, KeyringWorld, nothingGiven, officeProfile, root } from './world.ts';

const office = { name: 'office', owner: 0 };

test('a secret in an open vault serves connections; locked it does not, and what is missing is named', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', office.name, 'from the vault');
  assert.equal(world.psk('office'), 'from the vault');
  assert.equal(world.keyring.lacking(officeProfile, 0), undefined);
  await world.handlers['vault.close']({ vault: 'Travel' }, root, {});
  assert.equal(world.psk('office'), undefined);
  assert.deepEqual(world.keyring.lacking(officeProfile, 0), {
    code: 'vault-locked',
    vault: 'Travel',
    compartment: 'secrets',
  });
  assert.equal(world.memory.liveCount, 0);
});

test('whoever connects is asked for the passphrase, again where it was wrong, and refusing ends it', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  await world.handlers['vault.close']({ vault: 'Travel' }, root, {});
  const answers = ['wrong', 'correct horse'];
  world.answer = () => answers.shift();
  await world.keyring.ready(officeProfile, alice.uid);
  assert.deepEqual(
    world.asked.map(({ owner, vault, profile, failure }) => [owner, vault, profile, failure]),
    [
      [alice.uid, 'Travel', 'office', undefined],
      [alice.uid, 'Travel', 'office', 'wrong'],
    ],
  );
  assert.equal(world.psk('office', alice.uid), 'x');
  world.keyring.sessions[0]!.lock();
  await assert.rejects(world.keyring.ready(officeProfile, alice.uid), (error) => {
    assert.ok(error instanceof ConnectionProblem);
    assert.equal(error.failure.code, 'prompt-cancelled');
    return true;
  });
});

test('what somebody unlocked serves him and root, what root unlocked everybody', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  await world.add('Travel', 'office', 'x', alice);
  assert.equal(world.psk('office', alice.uid), 'x');
  assert.equal(world.psk('office', root.uid), 'x');
  assert.equal(world.psk('office', bob.uid), undefined);
  await assert.rejects(
    async () => world.handlers['vault.close']({ vault: 'Travel' }, bob, {}),
    failsWith('refused'),
  );
  await assert.rejects(world.open('Travel', 'correct horse', bob), failsWith('refused'));
  await assert.rejects(world.add('Travel', 'other', 'x', bob), failsWith('refused'));
  const { vaults } = await world.handlers['vault.list']({}, bob, {});
  assert.deepEqual(vaults, []);
  world.keyring.sessions[0]!.lock();
  await world.open('Travel', 'correct horse', root);
  assert.equal(world.psk('office', bob.uid), 'x');
});

test('policy is for administrators: authorities, profiles, filter rows, system protectors', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  await assert.rejects(world.add('Travel', 'p', '', alice, 'profile'), failsWith('refused'));
  await assert.rejects(world.add('Travel', 'p', '', alice, 'filter'), failsWith('refused'));
  const protector = { type: 'system' as const, label: 'here' };
  await assert.rejects(
    async () =>
      world.handlers['keys.add-protector'](
        { vault: 'Travel', compartment: 'secrets', protector },
        alice,
        nothingGiven,
      ),
    failsWith('refused'),
  );
});

test('a secret in the files is never shadowed by a vault', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'vault');
  writeFileSync(join(world.directory, 'credentials', 'psk', 'office'), 'file', { mode: 0o600 });
  assert.equal(world.psk('office'), 'file');
  await assert.rejects(world.add('Travel', 'office', 'again'), failsWith('secret-invalid'));
});

test('a system protector opens at the next start, and not on another computer', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const protector = { type: 'system' as const, label: 'here' };
  const where = { vault: 'Travel', compartment: 'secrets' };
  await world.handlers['keys.add-protector']({ ...where, protector }, root, nothingGiven);
  await world.restart();
  assert.equal(world.psk('office'), 'x', 'before any connection asks for it');
  const keys = join(world.directory, 'vaults', 'system-keys');
  const [key] = readdirSync(keys);
  assert.equal(readFileSync(join(keys, key!)).length, 32);
  truncateSync(join(keys, key!), 31);
  await world.restart();
  assert.equal(world.psk('office'), undefined);
});

test('keychain and recovery code: the client keeps the key and hands it in; a wrong one is refused', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const where = { vault: 'Travel', compartment: 'secrets' };
  const id = 'ab'.repeat(16);
  const keychain = { type: 'keychain' as const, label: 'keychain', id };
  const wrappingKey = 'k'.repeat(32);
  await world.handlers['keys.add-protector']({ ...where, protector: keychain }, root, given({ wrappingKey }));
  const recovery = { type: 'recovery' as const, label: 'recovery' };
  const recoverySecret = 'r'.repeat(20);
  await world.handlers['keys.add-protector'](
    { ...where, protector: recovery },
    root,
    given({ recoverySecret }),
  );
  const open = async (secrets: Parameters<typeof given>[0]) => {
    world.keyring.sessions[0]!.lock();
    return world.handlers['vault.open']({ vault: 'Travel' }, root, given(secrets));
  };
  assert.deepEqual(await open({ wrappingKey }), { opened: ['secrets'], missing: [] });
  assert.deepEqual(await open({ recoverySecret }), { opened: ['secrets'], missing: [] });
  for (const wrong of [{ wrappingKey: 'x'.repeat(32) }, { recoverySecret }]) {
    const secrets = 'recoverySecret' in wrong ? { recoverySecret: 'y'.repeat(20) } : wrong;
    await assert.rejects(open(secrets), failsWith('vault-problem', { problem: 'wrong-secret' }));
  }
});

test('the rule "all" is given piece by piece', async () => {
  using world = new KeyringWorld();
  const compartment = {
    name: 'both',
    kind: 'ordinary' as const,
    rule: 'all' as const,
    protectors: [
      { type: 'passphrase' as const, label: 'mine' },
      { type: 'recovery' as const, label: 'paper' },
    ],
  };
  const secrets = { passphrase: 'one', recoverySecret: 'r'.repeat(20) };
  await world.handlers['vault.create'](
    { name: 'Two', compartment, makeDefault: false },
    root,
    given(secrets),
  );
  world.keyring.sessions[0]!.lock();
  const first = await world.handlers['vault.open']({ vault: 'Two' }, root, given({ passphrase: 'one' }));
  assert.deepEqual(first, { opened: [], missing: ['paper (recovery)'] });
  const { recoverySecret } = secrets;
  const second = await world.handlers['vault.open']({ vault: 'Two' }, root, given({ recoverySecret }));
  assert.deepEqual(second, { opened: ['both'], missing: [] });
});

test('an older copy is refused until an administrator accepts it; so is one signed by somebody else', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'first');
  const { path } = world.keyring.sessions[0]!;
  const old = join(world.directory, 'old');
  copyFileSync(path!, old);
  await world.add('Travel', 'office', 'second');
  copyFileSync(old, path!);
  await world.keyring.look();
  assert.equal(world.psk('office'), undefined, 'what was open is locked');
  assert.equal(world.keyring.lacking(officeProfile, 0)?.code, 'vault-rolled-back');
  await assert.rejects(world.open('Travel', 'correct horse'), failsWith('vault-rolled-back'));
  await world.restart();
  await assert.rejects(world.open('Travel', 'correct horse'), failsWith('vault-rolled-back'));
  await world.handlers['vault.accept']({ vault: 'Travel' }, root, {});
  await world.open('Travel', 'correct horse');
  assert.equal(world.psk('office'), 'first');
  await world.add('Travel', 'office', 'third');

  copyFileSync(path!, old);
  await world.handlers['vault.rotate']({ vault: 'Travel', compartment: 'secrets' }, root, {});
  copyFileSync(old, path!);
  await world.keyring.look();
  await assert.rejects(world.open('Travel', 'correct horse'), failsWith('vault-rolled-back'));
});

test('a vault moves; forgetting with erasing takes its file away', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const before = world.keyring.sessions[0]!.path!;
  const path = join(world.directory, 'elsewhere.vault');
  await world.handlers['vault.move']({ vault: 'Travel', path, removable: false }, root, {});
  assert.equal(world.psk('office'), 'x', 'it stays open');
  assert.throws(() => readFileSync(before), /ENOENT/);
  await world.restart();
  await world.open('Travel', 'correct horse');
  assert.equal(world.psk('office'), 'x');
  await world.handlers['vault.forget']({ vault: 'Travel', erase: true }, root, {});
  assert.throws(() => readFileSync(path), /ENOENT/);
  assert.equal(world.psk('office'), undefined);
});

test('what is no regular file of its own is not opened: link, pipe, device, folder, second name, through a link', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  const { path } = world.keyring.sessions[0]!;
  const at = (name: string) => join(world.directory, name);
  symlinkSync(path!, at('link'));
  execFileSync('mkfifo', [at('pipe')]);
  mkdirSync(at('folder'));
  linkSync(path!, at('second'));
  symlinkSync(join(world.directory, 'vaults'), at('through'));
  writeFileSync(at('text'), 'no vault');
  writeFileSync(at('huge'), '');
  truncateSync(at('huge'), 16 * 1024 * 1024 + 1);
  const through = join(at('through'), path!.split('/').at(-1)!);
  for (const [name, problem] of [
    [at('link'), 'unsafe'],
    [at('pipe'), 'unsafe'],
    ['/dev/zero', 'unsafe'],
    [at('folder'), 'unsafe'],
    [at('second'), 'unsafe'],
    [through, 'unsafe'],
    [at('text'), 'not-a-vault'],
    [at('huge'), 'too-large'],
    [at('nowhere'), 'missing'],
  ] as const) {
    await assert.rejects(
      async () => world.handlers['vault.enrol']({ path: name, removable: false }, root, {}),
      failsWith('vault-problem', { problem }),
      name,
    );
  }
});

test('a change that cannot be written is taken back', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'kept');
  const { path } = world.keyring.sessions[0]!;
  const bytes = readFileSync(path!);
  truncateSync(path!, 5000);
  await assert.rejects(
    world.add('Travel', 'office', 'lost'),
    failsWith('vault-problem', { problem: 'damaged' }),
  );
  writeFileSync(path!, bytes);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem, undefined);
  await world.open('Travel', 'correct horse');
  assert.equal(world.psk('office'), 'kept');
});
