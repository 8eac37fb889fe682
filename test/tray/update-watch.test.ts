// When the app asks for a newer version, and what it tells.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { signedManifest } from '../../build/package/update-manifest.ts';
import { isManaged, lookForUpdate, type SeenUpdate, type UpdateHost } from '../../main/tray/update-watch.ts';

const keys = generateKeyPairSync('ed25519');
const publicKey = Buffer.from(String(keys.publicKey.export({ format: 'jwk' }).x), 'base64url').toString(
  'base64',
);
const now = new Date('2030-03-01T12:00:00Z');

function world(changes: Partial<UpdateHost> = {}) {
  const told: string[] = [];
  let asked = 0;
  let seen: SeenUpdate = { serial: 0, told: '' };
  const expires = new Date('2030-04-01T00:00:00Z');
  const body = signedManifest(
    { version: '2.0.0', serial: 3, issued: now, expires, page: 'https://sealnic.example/' },
    keys.privateKey,
  );
  const host: UpdateHost = {
    source: { url: 'https://updates.example/update.json', publicKey },
    currentVersion: '1.0.0',
    enabled: () => true,
    seen: () => seen,
    remember: (next) => {
      seen = next;
    },
    tell: ({ version }) => told.push(version),
    now: () => now,
    fetch: async () => {
      asked += 1;
      return new Response(body);
    },
    ...changes,
  };
  return { host, told, asked: () => asked, seen: () => seen };
}

test('what a package manager keeps up to date does not ask by itself', () => {
  assert.equal(isManaged({ packaged: true, platform: 'linux', appImage: undefined }), true);
  assert.equal(isManaged({ packaged: false, platform: 'linux', appImage: undefined }), true);
  assert.equal(isManaged({ packaged: true, platform: 'linux', appImage: '/a/SealNIC.AppImage' }), false);
  assert.equal(isManaged({ packaged: true, platform: 'win32', appImage: undefined }), false);
});

test('a newer version is told once', async () => {
  const { host, told, seen, asked } = world();
  await lookForUpdate(host);
  await lookForUpdate(host);
  assert.equal(asked(), 2);
  assert.deepEqual(told, ['2.0.0']);
  assert.deepEqual(seen(), { serial: 3, told: '2.0.0' });
});

test('nobody is asked where the setting is off, or no key was pinned', async () => {
  for (const changes of [{ enabled: () => false }, { source: { url: 'https://a.example', publicKey: '' } }]) {
    const { host, asked } = world(changes);
    await lookForUpdate(host);
    assert.equal(asked(), 0);
  }
});

test('a manifest that is refused tells nothing and is not remembered', async () => {
  const { host, told, seen } = world({ now: () => new Date('2031-01-01T00:00:00Z') });
  await lookForUpdate(host);
  assert.deepEqual(told, []);
  assert.deepEqual(seen(), { serial: 0, told: '' });
});
