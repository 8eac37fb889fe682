// The update check against a real server: only what the pinned key signed, and nothing old, is believed.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type ManifestFields, signedManifest } from '../../build/package/update-manifest.ts';
import { checkForUpdate, UpdateCheckError } from '../../main/tray/update-check.ts';

const keys = generateKeyPairSync('ed25519');
const others = generateKeyPairSync('ed25519');
const publicKey = Buffer.from(String(keys.publicKey.export({ format: 'jwk' }).x), 'base64url').toString(
  'base64',
);
const now = new Date('2030-03-01T12:00:00Z');
const manifest: ManifestFields = {
  version: '2.0.0',
  serial: 7,
  issued: new Date('2030-02-20T00:00:00Z'),
  expires: new Date('2030-03-20T00:00:00Z'),
  page: 'https://sealnic.example/2.0.0',
};

let server: Server;
let answer: { status: number; body: string; location?: string };
before(async () => {
  server = createServer((_request, response) => {
    if (answer.location !== undefined) response.setHeader('location', answer.location);
    response.writeHead(answer.status).end(answer.body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(() => server.close());

function check(changes: { currentVersion?: string; newestSerial?: number } = {}) {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/update.json`;
  return checkForUpdate({ url, publicKey, currentVersion: '1.9.0', newestSerial: 0, now, fetch, ...changes });
}

function serve(changes: Partial<ManifestFields> = {}, key = keys.privateKey): void {
  answer = { status: 200, body: signedManifest({ ...manifest, ...changes }, key) };
}

async function assertRefused(reason: string, asked: Promise<unknown> = check()): Promise<void> {
  await assert.rejects(asked, (error) => error instanceof UpdateCheckError && error.reason === reason);
}

test('a newer version is told with its page, the same and an older one are not', async () => {
  serve();
  assert.deepEqual(await check(), { newer: { version: '2.0.0', page: manifest.page }, serial: 7 });
  assert.deepEqual(await check({ currentVersion: '2.0.0' }), { newer: undefined, serial: 7 });
  assert.deepEqual(await check({ currentVersion: '2.1.0' }), { newer: undefined, serial: 7 });
});

test('another key’s manifest, and one that was changed, are refused', async () => {
  serve({}, others.privateKey);
  await assertRefused('signature');
  serve();
  const envelope = JSON.parse(answer.body);
  const changed = Buffer.from(envelope.manifest, 'base64').toString().replace('2.0.0', '3.0.0');
  answer.body = JSON.stringify({ ...envelope, manifest: Buffer.from(changed).toString('base64') });
  await assertRefused('signature');
});

test('a manifest that expired is refused, so that nobody can hold back what is newer', async () => {
  serve({ expires: now });
  await assertRefused('expired');
});

test('a manifest older than one that was seen is refused', async () => {
  serve();
  await assertRefused('rollback', check({ newestSerial: 8 }));
  assert.equal((await check({ newestSerial: 7 })).serial, 7);
});

test('what is no manifest is refused, signed or not', async () => {
  for (const body of ['', '{}', 'x'.repeat(1000), '{"manifest":"e30=","signature":"e30="}']) {
    answer = { status: 200, body };
    await assertRefused(body.includes('e30=') ? 'signature' : 'malformed');
  }
  serve({ version: 'newest' });
  await assertRefused('malformed');
  serve({ page: 'http://sealnic.example/' });
  await assertRefused('malformed');
});

test('a failing server, a redirection and an endless file are said to be unreachable', async () => {
  answer = { status: 500, body: '' };
  await assertRefused('unreachable');
  answer = { status: 302, body: '', location: '/other.json' };
  await assertRefused('unreachable');
  answer = { status: 200, body: ' '.repeat(1024 * 1024) };
  await assertRefused('unreachable');
});
