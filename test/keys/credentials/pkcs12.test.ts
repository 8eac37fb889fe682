// PKCS#12 as OpenSSL makes it: modern files open, old ones are refused with the way to convert them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { CredentialError } from '../../../main/keys/credentials/credential-error.ts';
import { formatCertificates } from '../../../main/keys/credentials/pem.ts';
import { openPkcs12, type Pkcs12Contents } from '../../../main/keys/credentials/pkcs12.ts';
import { readPrivateKey } from '../../../main/keys/credentials/private-key.ts';
import { wordsIn } from '../../words.ts';
import { makeAuthority, rsaKeys } from './certificate-maker.ts';

const skip = spawnSync('openssl', ['version']).error !== undefined && 'openssl is not installed';

const root = makeAuthority();
const middle = root.issue({ subject: 'CN=Middle', authority: true });
const alice = middle.issue({ subject: 'CN=Alice', keys: rsaKeys() });

function makeFile(context: TestContext, passphrase: string, ...options: string[]): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-pkcs12-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('key.pem'), alice.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(path('alice.pem'), formatCertificates([alice.certificate]));
  writeFileSync(path('others.pem'), formatCertificates([root.certificate, middle.certificate]));
  const files = ['-inkey', path('key.pem'), '-in', path('alice.pem'), '-certfile', path('others.pem')];
  const output = ['-out', path('all.p12'), '-passout', `pass:${passphrase}`];
  execFileSync('openssl', ['pkcs12', '-export', ...files, ...output, ...options], { stdio: 'pipe' });
  return new Uint8Array(readFileSync(path('all.p12')));
}

async function problemOf(promise: Promise<Pkcs12Contents>): Promise<CredentialError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof CredentialError, String(error));
    return error;
  }
  return assert.fail('it was opened');
}

function assertContents(contents: Pkcs12Contents): void {
  const key = readPrivateKey(contents.privateKey);
  assert.ok(createPublicKey(key).equals(alice.publicKey));
  assert.deepEqual(contents.certificates, [alice.certificate, middle.certificate]);
  assert.deepEqual(contents.authorities, [root.certificate]);
}

test('files as OpenSSL 3 makes them', { skip }, async (context) => {
  for (const passphrase of ['secret', 'Zürich €', '']) {
    const file = makeFile(context, passphrase);
    assertContents(await openPkcs12(file, Buffer.from(passphrase)));
  }
  const variants = [
    ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC'],
    ['-certpbe', 'NONE'],
    ['-keypbe', 'NONE'],
    ['-macalg', 'sha512', '-iter', '10000'],
    ['-macalg', 'sha1', '-nomaciter'],
  ];
  for (const options of variants) {
    assertContents(await openPkcs12(makeFile(context, 'x', ...options), Buffer.from('x')));
  }
  assertContents(await openPkcs12(makeFile(context, '')));
});

test('without a passphrase, with a wrong one', { skip }, async (context) => {
  const file = makeFile(context, 'right');
  assert.equal((await problemOf(openPkcs12(file))).problem, 'passphrase-needed');
  assert.equal((await problemOf(openPkcs12(file, Buffer.from('wrong')))).problem, 'passphrase-wrong');
});

test('old protections are named, with the way out', { skip }, async (context) => {
  for (const [cipher, word] of [
    ['PBE-SHA1-3DES', '3DES'],
    ['DES-EDE3-CBC', '3DES'],
  ] as const) {
    const file = makeFile(context, 'x', '-certpbe', cipher);
    const { problem, detail } = await problemOf(openPkcs12(file, Buffer.from('x')));
    assert.equal(problem, 'invalid');
    assert.match(wordsIn(detail), new RegExp(`protected with ${word}.*openssl pkcs12`));
  }
  const unchecked = await problemOf(openPkcs12(makeFile(context, 'x', '-nomac'), Buffer.from('x')));
  assert.match(wordsIn(unchecked.detail), /no integrity check/);
});

test('a damaged file ends in its own error, wherever it is damaged', { skip }, async (context) => {
  const file = makeFile(context, 'x');
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (index, change) => {
      const changed = Uint8Array.from(file);
      changed[index]! ^= change;
      try {
        await openPkcs12(changed, Buffer.from('x'));
      } catch (error) {
        assert.ok(error instanceof CredentialError, String(error));
      }
    }),
    { seed: 7, numRuns: 300 },
  );
  for (const bytes of [new Uint8Array(), Uint8Array.of(0x30, 0), file.subarray(0, 100)]) {
    assert.equal((await problemOf(openPkcs12(bytes, Buffer.from('x')))).problem, 'invalid');
  }
});
