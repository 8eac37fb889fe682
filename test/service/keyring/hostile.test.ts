// What somebody with the vault's file, another user, or bad luck with the medium tries on the keyring.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, linkSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenCompartment } from '../../../main/keys/vault/compartment.ts';
import { withVaultFile } from '../../../main/keys/vault/storage.ts';
import { identityOf, parseVault, writeVault } from '../../../main/keys/vault/vault.ts';
import { alice, bob, failsWith, given, KeyringWorld, officeProfile, root } from './world.ts';

test('a compartment that somebody adds to the file is refused until an administrator accepts it', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const path = world.keyring.sessions[0]!.path!;
  const content = parseVault(readFileSync(path));
  const secret = world.memory.allocate(20);
  const added = await OpenCompartment.create(world.memory, identityOf(content), {
    name: 'extra',
    kind: 'ordinary',
    rule: 'any',
    protectors: [{ type: 'recovery', label: 'theirs', secret }],
  });
  await withVaultFile(path, 'write', (storage) => writeVault(storage, content, { write: [added] }));
  added.close();
  world.memory.free(secret);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'signer-changed');
  assert.equal(world.psk('office'), undefined);
  await world.handlers['vault.accept']({ vault: 'Travel' }, root, {});
  await world.open('Travel', 'correct horse');
  assert.equal(world.psk('office'), 'x');
});

test('two copies that were written apart are told from one another, though their generations are the same', async () => {
  using world = new KeyringWorld();
  using elsewhere = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const path = world.keyring.sessions[0]!.path!;
  const copy = join(elsewhere.directory, 'copy.vault');
  copyFileSync(path, copy);
  await elsewhere.handlers['vault.enrol']({ path: copy, removable: false }, root, {});
  await elsewhere.open('Travel', 'correct horse');
  await elsewhere.add('Travel', 'office', 'there');
  await world.add('Travel', 'office', 'here');
  copyFileSync(copy, path);
  await world.keyring.look();
  assert.equal(world.keyring.sessions[0]!.problem?.problem, 'rolled-back');
  assert.equal(world.psk('office'), undefined);
});

test('new keys that cannot be written leave the compartment open as it was', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const path = world.keyring.sessions[0]!.path!;
  const second = join(world.directory, 'second');
  linkSync(path, second);
  const rotating = world.handlers['vault.rotate']({ vault: 'Travel', compartment: 'secrets' }, root, {});
  await assert.rejects(async () => rotating, failsWith('vault-problem', { problem: 'unsafe' }));
  assert.equal(world.psk('office'), 'x');
  unlinkSync(second);
  await world.handlers['vault.rotate']({ vault: 'Travel', compartment: 'secrets' }, root, {});
  assert.equal(world.psk('office'), 'x');
  world.keyring.sessions[0]!.lock();
  assert.equal(world.memory.liveCount, 0);
});

test('a medium that is taken out while somebody is asked for the passphrase is noticed at once', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  const [session] = world.keyring.sessions;
  const [stored] = session!.content!.compartments;
  const typing = Promise.withResolvers<Uint8Array>();
  const card = { id: 'piv:00', isIn: () => true };
  const secret = {
    type: 'card',
    card: { agree: () => typing.promise, decrypt: () => typing.promise },
  } as const;
  const { publicKey } = cardKey();
  const parameters = Buffer.concat([
    Buffer.of(card.id.length),
    Buffer.from(card.id),
    Buffer.of(publicKey.length >> 8, publicKey.length & 255),
    publicKey,
  ]);
  const sealedShare = Buffer.concat([publicKey.subarray(-65), Buffer.alloc(72)]);
  const protector = { ...stored!.protectors[0]!, type: 'card' as const, parameters, sealedShare };
  const unlocking = session!.unlock(stored!, protector, secret, 0, card);
  await session!.locate(undefined);
  assert.equal(world.psk('office'), undefined);
  typing.resolve(world.memory.allocate(32));
  await assert.rejects(unlocking);
  assert.equal(world.memory.liveCount, 0);
});

test('a card that is pulled before its share arrives opens nothing', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  const [session] = world.keyring.sessions;
  session!.lock();
  const [stored] = session!.content!.compartments;
  const passphrase = world.memory.allocate(13);
  passphrase.set(Buffer.from('correct horse'));
  const pulled = { id: 'piv:00', isIn: () => false };
  const secret = { type: 'passphrase', passphrase } as const;
  await assert.rejects(session!.unlock(stored!, stored!.protectors[0]!, secret, 0, pulled), /taken out/);
  assert.equal(session!.opened.length, 0);
  world.memory.free(passphrase);
  assert.equal(world.memory.liveCount, 0);
});

test('another user’s vault neither stops a connection nor is asked for, and is not closed', async () => {
  using world = new KeyringWorld();
  await world.createVault('Mallory', { caller: bob });
  await world.add('Mallory', 'office', 'x', bob);
  assert.equal(world.keyring.lacking(officeProfile, alice.uid), undefined);
  assert.throws(
    () => world.handlers['vault.close']({ vault: 'Mallory' }, alice, {}),
    failsWith('refused', { owner: bob.uid }),
  );
});

test('a secret of one’s own is removed, though another user has one of that name', async () => {
  using world = new KeyringWorld();
  for (const [vault, caller] of [
    ['Bob', bob],
    ['Alice', alice],
  ] as const) {
    await world.createVault(vault, { caller });
    await world.add(vault, 'office', vault, caller);
  }
  await world.handlers['keys.remove']({ name: 'office' }, alice, {});
  assert.equal(world.psk('office', alice.uid), undefined);
  assert.equal(world.psk('office', bob.uid), 'Bob');
  await assert.rejects(
    async () => world.handlers['keys.remove']({ name: 'office', vault: 'Bob' }, alice, {}),
    failsWith('refused', { owner: bob.uid }),
  );
});

test('the file of a system protector goes with it, and where it was made in vain', async () => {
  using world = new KeyringWorld();
  await world.createVault('Travel');
  const files = () => readdirSync(join(world.directory, 'vaults', 'system-keys')).length;
  const protector = { type: 'system' as const, label: 'this computer' };
  const place = { vault: 'Travel', compartment: 'secrets' };
  const added = await world.handlers['keys.add-protector']({ ...place, protector }, root, given({}));
  assert.equal(files(), 1);
  await world.handlers['keys.remove-protector']({ ...place, id: added.id }, root, {});
  assert.equal(files(), 0);
  world.keyring.sessions[0]!.lock();
  await assert.rejects(
    async () => world.handlers['keys.add-protector']({ ...place, protector }, root, given({})),
    failsWith('vault-locked'),
  );
  assert.equal(files(), 0);
});

function cardKey(): { publicKey: Buffer } {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { publicKey: publicKey.export({ type: 'spki', format: 'der' }) };
}
