// The app opens vaults by the user's keychain: once when they come, again when they are wanted, never those for cards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { KeychainVaults } from '../../main/tray/keychain-vaults.ts';

function vault(
  changes: Partial<VaultSummary> = {},
  kind: 'ordinary' | 'card' = 'ordinary',
  open = false,
): VaultSummary {
  return {
    id: 'a'.repeat(32),
    name: 'Travel',
    owner: 1000,
    default: false,
    removable: false,
    present: true,
    wanted: false,
    compartments: [
      { name: 'secrets', kind, rule: 'any', open, protectors: [{ id: 'k1', type: 'keychain', label: 'k' }] },
    ],
    ...changes,
  };
}

function app(keys: Readonly<Record<string, string>>) {
  const opened: string[] = [];
  const vaults = new KeychainVaults({
    readWrappingKey: async (id) => (keys[id] === undefined ? undefined : Buffer.from(keys[id])),
    open: async (...[name, compartment, protector, key]) => {
      opened.push([name, compartment, protector, Buffer.from(key).toString()].join(' '));
    },
  });
  return { vaults, opened };
}

test('opened when it comes; not again when somebody locks it; again when a connection waits for it', async () => {
  const { vaults, opened } = app({ k1: 'key' });
  await vaults.follow([vault()]);
  assert.deepEqual(opened, ['Travel secrets k1 key']);
  await vaults.follow([vault({}, 'ordinary', true)]);
  await vaults.follow([vault()]);
  assert.equal(opened.length, 1, 'it was locked by somebody');
  await vaults.follow([vault({ wanted: true })]);
  await vaults.follow([vault({ wanted: true })]);
  assert.equal(opened.length, 2);
  await vaults.follow([vault()]);
  await vaults.follow([vault({ wanted: true })]);
  assert.equal(opened.length, 3);
});

test('again when its medium or the service has come back', async () => {
  const { vaults, opened } = app({ k1: 'key' });
  await vaults.follow([vault()]);
  await vaults.follow([vault({ present: false, compartments: [] })]);
  await vaults.follow([vault()]);
  await vaults.follow(undefined);
  await vaults.follow([vault()]);
  assert.equal(opened.length, 3);
});

test('never for cards, nor without a key in the keychain', async () => {
  const { vaults, opened } = app({ k1: 'key' });
  await vaults.follow([vault({ wanted: true }, 'card')]);
  assert.deepEqual(opened, []);
  const none = app({});
  await none.vaults.follow([vault()]);
  assert.deepEqual(none.opened, []);
});
