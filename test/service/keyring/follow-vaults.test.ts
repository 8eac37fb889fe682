// Profiles and filter rows in a vault are there while it is open; connections without their keys end, and come back.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Failure } from '../../../main/control/failure.ts';
import { openCredentialStore } from '../../../main/keys/credentials/store.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { UserFilter } from '../../../main/service/filter/user-filter.ts';
import { followVaults } from '../../../main/service/keyring/follow-vaults.ts';
import { ProfileBook } from '../../../main/service/methods/profiles.ts';
import { failsWith, KeyringWorld, officeProfile, root } from './world.ts';

const profileText = '[gateway]\naddress = "192.0.2.1"\n[authentication]\nmethod = "psk"\nsecret = "office"\n';
const rows = '[[filter]]\naction = "DISCARD"\ndestination = "203.0.113.0/24"\n';

test('a profile in a vault is listed while it is open, does not shadow a file, and is not removed as one', async () => {
  using world = new KeyringWorld();
  const store = openCredentialStore(join(world.directory, 'credentials'), world.memory);
  const book = new ProfileBook(join(world.directory, 'profiles'), [], store, world.keyring);
  await world.createVault('Travel');
  await world.add('Travel', 'road', profileText, root, 'profile');
  assert.deepEqual(book.names(), ['road']);
  assert.equal(book.load('road').gateway.address, '192.0.2.1');
  assert.throws(() => book.remove('road'), failsWith('import-unsupported'));
  world.keyring.sessions[0]!.lock();
  assert.deepEqual(book.names(), []);
});

test('filter rows in a vault count after the user’s own while it is open', async () => {
  using world = new KeyringWorld();
  const userFilter = new UserFilter(join(world.directory, 'filter.toml'));
  let refreshed = 0;
  const tunnel = {
    refresh: async () => {
      refreshed += 1;
    },
  };
  const connections = { connections: [], onChange: () => ({ close: () => undefined }) };
  const following = followVaults(
    { keyring: world.keyring, connections, userFilter, tunnel },
    () => undefined,
  );
  await world.createVault('Travel');
  await world.add('Travel', 'rows', rows, root, 'filter');
  assert.deepEqual(
    userFilter.rows.map(({ id, origin, row }) => [id, origin, row.destination]),
    [['vault-Travel-1', 'vault Travel', '203.0.113.0/24']],
  );
  assert.equal(userFilter.remove('vault-Travel-1'), false);
  world.keyring.sessions[0]!.lock();
  assert.deepEqual(userFilter.rows, []);
  assert.equal(refreshed, 2);
  following.close();
});

test('a running connection whose vault is locked ends with the reason; opened again, it is tried again', async () => {
  using world = new KeyringWorld();
  const told: (Failure | 'retry')[] = [];
  const connection = {
    profile: officeProfile,
    owner: 0,
    model: { phase: 'running' as string, why: undefined as Failure | undefined },
    keysGone(failure: Failure) {
      told.push(failure);
      this.model = { phase: 'stopped', why: failure };
    },
    retry: () => told.push('retry'),
  };
  const connections = {
    connections: [connection as unknown as Connection],
    onChange: () => ({ close: () => undefined }),
  };
  const userFilter = new UserFilter(join(world.directory, 'filter.toml'));
  const tunnel = { refresh: async () => undefined };
  const following = followVaults(
    { keyring: world.keyring, connections, userFilter, tunnel },
    () => undefined,
  );
  await world.createVault('Travel');
  await world.add('Travel', 'office', 'x');
  await world.add('Travel', 'other', 'y');
  assert.deepEqual(told, [], 'a change of something else ends nothing');
  world.keyring.sessions[0]!.lock();
  assert.deepEqual(told, [{ code: 'vault-locked', vault: 'Travel', compartment: 'secrets' }]);
  await world.open('Travel', 'correct horse');
  assert.equal(told.at(-1), 'retry');
  following.close();
});
