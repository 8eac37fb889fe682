import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type CredentialStore, openCredentialStore } from '../../../main/keys/credentials/store.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { listSecrets, putSecret, removeSecret } from '../../../main/service/methods/secrets.ts';
import { profileFrom, terminalText } from '../connection/office.ts';

const alice = { uid: 1000, pid: 1, administrator: false };
const bob = { uid: 1001, pid: 2, administrator: false };
const root = { uid: 0, pid: 3, administrator: true };

let directory: string;
let store: CredentialStore;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealnic-secrets-'));
  store = openCredentialStore(directory, new SecretMemory());
});
afterEach(() => rmSync(directory, { recursive: true }));

const psk = { name: 'office', kind: 'psk' } as const;
const secret = () => Buffer.from('a long enough secret of the office');

test('what is put in is listed by name with its owner and who uses it, and is wiped where it came from', () => {
  const bytes = secret();
  putSecret(store, alice, psk, bytes);
  assert.ok(bytes.every((byte) => byte === 0));
  const [entry, ...others] = listSecrets(store, [profileFrom(terminalText)]);
  assert.deepEqual(others, []);
  const { storedAt, ...known } = entry!;
  assert.deepEqual(known, { name: 'office', kind: 'psk', owner: 1000, usedBy: ['office'] });
  assert.ok(Number.isInteger(storedAt));
});

test("another user's secret is neither replaced nor removed, under no kind; root may", () => {
  putSecret(store, alice, psk, secret());
  const refused = (method: string) => ({
    failure: { code: 'refused', method, right: 'administer', owner: 1000 },
  });
  const bytes = secret();
  assert.throws(() => putSecret(store, bob, psk, bytes), refused('secrets.put'));
  assert.ok(
    bytes.every((byte) => byte === 0),
    'wiped all the same',
  );
  assert.throws(
    () => putSecret(store, bob, { name: 'office', kind: 'authority' }, secret()),
    refused('secrets.put'),
  );
  assert.throws(() => removeSecret(store, bob, 'office'), refused('secrets.remove'));
  assert.equal(store.list()[0]?.owner, 1000);
  putSecret(store, root, psk, secret());
  assert.equal(store.list()[0]?.owner, 0);
  removeSecret(store, root, 'office');
  assert.deepEqual(store.list(), []);
});

test('what is no secret of its kind is refused with the reason', () => {
  assert.throws(
    () => putSecret(store, alice, { name: 'key', kind: 'private-key' }, Buffer.from('nonsense')),
    (error: { failure: { code: string } }) => {
      assert.equal(error.failure.code, 'secret-invalid');
      return true;
    },
  );
  assert.throws(() => removeSecret(store, alice, 'key'), {
    failure: { code: 'secret-not-found', name: 'key' },
  });
});
