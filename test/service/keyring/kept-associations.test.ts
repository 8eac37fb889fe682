// IKE SAs in a vault: each comes out once, for its owner, its profile and its card, and not where the vault cannot be
// written.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeptAssociations } from '../../../main/service/keyring/kept-associations.ts';
import type { Profile } from '../../../main/service/profile/contract.ts';
import { alice, bob, KeyringWorld, officeProfile } from './world.ts';

const kept: Profile = {
  ...officeProfile,
  ike: { ...officeProfile.ike, keepIn: { vault: 'Travel', compartment: 'secrets' } },
};

function secret(world: KeyringWorld, text: string): Uint8Array {
  const bytes = world.memory.allocate(text.length);
  bytes.set(Buffer.from(text));
  return bytes;
}

async function taken(world: KeyringWorld, profile = kept, owner = alice.uid, keyring = world.keyring.kept) {
  const association = await keyring.take(profile, owner);
  if (association === undefined) return undefined;
  const text = Buffer.from(association.stored).toString();
  world.memory.free(association.stored);
  return text;
}

test('comes out once, in this process or the next', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  assert.equal(world.keyring.kept.canPut(kept, alice.uid), true);
  await world.keyring.kept.put(kept, alice.uid, secret(world, 'an IKE SA'), undefined);
  await world.restart();
  assert.deepEqual(world.keyring.lacking(kept, alice.uid), {
    code: 'vault-locked',
    vault: 'Travel',
    compartment: 'secrets',
  });
  await world.open('Travel', 'correct horse', alice);
  assert.equal(world.keyring.lacking(kept, alice.uid), undefined);
  const file = () => readFileSync(world.keyring.sessions[0]!.path!);
  const before = file();
  assert.equal(await taken(world), 'an IKE SA');
  assert.notDeepEqual(file(), before, 'it is out of the file');
  assert.equal(await taken(world), undefined);
  await world.restart();
  await world.open('Travel', 'correct horse', alice);
  assert.equal(await taken(world), undefined);
});

test('an older copy of the file brings nothing back', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  await world.keyring.kept.put(kept, alice.uid, secret(world, 'an IKE SA'), undefined);
  const path = world.keyring.sessions[0]!.path!;
  const before = readFileSync(path);
  assert.equal(await taken(world), 'an IKE SA');
  writeFileSync(path, before);
  await world.restart();
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'rolled-back');
  assert.equal(await taken(world), undefined);
});

test('not for another user, another profile, or without its card; and it is gone then', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  const { kept: keyring } = world.keyring;
  const put = (card?: string) => keyring.put(kept, alice.uid, secret(world, 'an IKE SA'), card);
  await put();
  assert.equal(keyring.canPut(kept, bob.uid), false);
  assert.equal(await taken(world, kept, bob.uid), undefined);
  assert.equal(await taken(world, { ...kept, start: 'on-demand' }), undefined);
  assert.equal(await taken(world), undefined);
  await put('piv:01');
  assert.equal(await taken(world), undefined, 'the card is not in');
  assert.equal(await taken(world), undefined);
  await put('piv:01');
  const sessions = () => world.keyring.sessions;
  const withCard = new KeptAssociations({ memory: world.memory, sessions, isCardIn: () => true });
  assert.equal(await taken(world, kept, alice.uid, withCard), 'an IKE SA');
});

test('a vault that is not there or locked takes none', async () => {
  using world = new KeyringWorld();
  assert.deepEqual(world.keyring.lacking(kept, alice.uid), { code: 'medium-removed', vault: 'Travel' });
  assert.equal(world.keyring.kept.canPut(kept, alice.uid), false);
  assert.equal(await taken(world), undefined);
  assert.equal(world.keyring.kept.canPut(officeProfile, alice.uid), false, 'the profile does not ask for it');
});

test('not used where it cannot be taken out of the file', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel', { caller: alice });
  await world.keyring.kept.put(kept, alice.uid, secret(world, 'an IKE SA'), undefined);
  const path = world.keyring.sessions[0]!.path!;
  const bytes = readFileSync(path);
  rmSync(path);
  mkdirSync(path);
  await assert.rejects(taken(world));
  rmSync(path, { recursive: true });
  writeFileSync(path, bytes, { mode: 0o600 });
  chmodSync(join(path), 0o600);
  const { liveCount } = world.memory;
  assert.ok(liveCount < 20, `${liveCount}`);
});
