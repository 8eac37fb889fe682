// The credential store: what goes in and out, who may read the files, and that no secret shows anywhere else.
import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CredentialError } from '../../../main/keys/credentials/credential-error.ts';
import { formatCertificates } from '../../../main/keys/credentials/pem.ts';
import { type CredentialStore, openCredentialStore } from '../../../main/keys/credentials/store.ts';
import { wordsIn } from '../../words.ts';
import { ecKeys, makeAuthority, rsaKeys } from './certificate-maker.ts';

class CountingMemory {
  readonly live = new Set<Uint8Array>();
  allocate(length: number): Uint8Array {
    const secret = new Uint8Array(length);
    this.live.add(secret);
    return secret;
  }
  free(secret: Uint8Array): void {
    secret.fill(0);
    this.live.delete(secret);
  }
}

function openStore(context: TestContext): {
  store: CredentialStore;
  directory: string;
  memory: CountingMemory;
} {
  const parent = mkdtempSync(join(tmpdir(), 'sealnic-credentials-'));
  context.after(() => rmSync(parent, { recursive: true }));
  const directory = join(parent, 'credentials');
  const memory = new CountingMemory();
  return { store: openCredentialStore(directory, memory), directory, memory };
}

function throwsProblem(problem: CredentialError['problem'], call: () => unknown, message = /./): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof CredentialError, String(error));
    assert.equal(error.problem, problem, error.message);
    assert.match(wordsIn(error.detail), message);
    return true;
  });
}

const secret = Buffer.from('correct horse battery staple');
const pem = (key: ReturnType<typeof ecKeys>['privateKey'], type: 'pkcs8' | 'pkcs1' | 'sec1'): Buffer =>
  Buffer.from(key.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }));

test('a secret comes back in the memory that was given, and only its name is listed', (context) => {
  const { store, memory } = openStore(context);
  store.put('psk', 'office', secret, { owner: 1000 });
  const read = store.preSharedKey('office');
  assert.ok(read && memory.live.has(read));
  assert.deepEqual(Buffer.from(read), secret);
  const [entry, ...rest] = store.list();
  assert.deepEqual(rest, []);
  assert.deepEqual(
    { ...entry, storedAtMilliseconds: 0 },
    { kind: 'psk', name: 'office', owner: 1000, storedAtMilliseconds: 0 },
  );
  assert.equal(store.preSharedKey('other'), undefined);
  assert.ok(
    store.has('psk', 'office') && !store.has('certificate', 'office') && !store.has('psk', '../psk/office'),
  );
});

test('a client’s own secret goes before the one that all share', (context) => {
  const { store } = openStore(context);
  store.put('psk', 'guests', Buffer.from('shared'));
  store.put('psk', 'guests alice@example.org', Buffer.from('own'));
  const text = (identity?: string): string => Buffer.from(store.preSharedKey('guests', identity)!).toString();
  assert.equal(text('alice@example.org'), 'own');
  assert.equal(text('bob@example.org'), 'shared');
  assert.equal(text('../guests'), 'shared');
  assert.equal(text('C=CH, CN=x'), 'shared');
  assert.equal(text(), 'shared');
});

test('files and directories are the service’s alone', (context) => {
  const { store, directory } = openStore(context);
  store.put('psk', 'office', secret);
  const mode = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);
  assert.equal(mode(directory), '700');
  assert.equal(mode(join(directory, 'psk')), '700');
  assert.equal(mode(join(directory, 'psk', 'office')), '600');
  assert.deepEqual(readdirSync(join(directory, 'psk')), ['office']);
});

test('a file that others may read, a link, a second name or a device is refused', (context) => {
  const { store, directory } = openStore(context);
  store.put('psk', 'office', secret);
  const path = join(directory, 'psk', 'office');
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(path, mode);
    throwsProblem('unsafe', () => store.preSharedKey('office'), /has mode .*chmod go=/);
  }
  chmodSync(path, 0o600);
  symlinkSync(path, join(directory, 'psk', 'link'));
  throwsProblem('unsafe', () => store.preSharedKey('link'), /is no regular file/);
  linkSync(path, join(directory, 'other-name'));
  throwsProblem('unsafe', () => store.preSharedKey('office'), /second name/);
});

test('a directory that others may enter, or a link in its place, is refused', (context) => {
  const { directory, memory } = openStore(context);
  chmodSync(directory, 0o750);
  throwsProblem('unsafe', () => openCredentialStore(directory, memory), /has mode 750/);
  chmodSync(directory, 0o700);
  symlinkSync(directory, `${directory}-link`);
  throwsProblem('unsafe', () => openCredentialStore(`${directory}-link`, memory), /is no directory/);
});

test('names stay inside the store', (context) => {
  const { store } = openStore(context);
  for (const name of [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    '.hidden',
    'a\0b',
    'x.new',
    '-x',
    'é'.repeat(120),
    'a\nb',
  ]) {
    throwsProblem('invalid', () => store.put('psk', name, secret), /no name for a credential/);
    throwsProblem('invalid', () => store.preSharedKey(name));
    throwsProblem('invalid', () => store.remove(name));
  }
  store.put('psk', 'Büro 2@zürich.example_1', secret);
});

test('removal takes the one kind or all of a name', (context) => {
  const { store } = openStore(context);
  const { certificate, privateKey } = makeAuthority();
  store.put('certificate', 'a', certificate, { owner: 7 });
  store.put('private-key', 'a', pem(privateKey, 'pkcs8'));
  store.put('psk', 'a', secret);
  assert.equal(store.remove('a', 'psk'), true);
  assert.deepEqual(
    store.list().map(({ kind }) => kind),
    ['private-key', 'certificate'],
  );
  assert.equal(store.remove('a'), true);
  assert.equal(store.remove('a'), false);
  assert.deepEqual(store.list(), []);
  store.put('certificate', 'a', certificate);
  assert.equal(store.list()[0]?.owner, 0);
});

test('what is stored again replaces what was there', (context) => {
  const { store } = openStore(context);
  store.put('psk', 'a', Buffer.from('long one'));
  store.put('psk', 'a', Buffer.from('new'));
  assert.equal(Buffer.from(store.preSharedKey('a')!).toString(), 'new');
});

test('keys of every notation sign, and leave no secret in memory', async (context) => {
  const { store, memory, directory } = openStore(context);
  const ec = ecKeys();
  const rsa = rsaKeys();
  store.put('private-key', 'ec-pkcs8', pem(ec.privateKey, 'pkcs8'));
  store.put('private-key', 'ec-sec1', pem(ec.privateKey, 'sec1'));
  store.put('private-key', 'rsa-pkcs1', pem(rsa.privateKey, 'pkcs1'));
  store.put('private-key', 'rsa-der', rsa.privateKey.export({ type: 'pkcs8', format: 'der' }));
  store.put('private-key', 'rsa-pkcs1-der', rsa.privateKey.export({ type: 'pkcs1', format: 'der' }));
  const passphrase = 'a passphrase';
  const encrypted = ec.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  store.put('private-key', 'ec-encrypted', Buffer.from(encrypted), { passphrase: Buffer.from(passphrase) });
  const data = Buffer.from('octets');
  for (const name of ['ec-pkcs8', 'ec-sec1', 'ec-encrypted']) {
    assert.equal(store.privateKeyType(name), 'ecdsa-p256');
    const signature = await store.sign(name, { kind: 'ecdsa', hash: 'sha256' }, data);
    assert.ok(verify('sha256', data, { key: ec.publicKey, dsaEncoding: 'der' }, signature), name);
  }
  for (const name of ['rsa-pkcs1', 'rsa-der', 'rsa-pkcs1-der']) {
    assert.equal(store.privateKeyType(name), 'rsa');
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const simple = await store.sign(name, { kind: 'rsa-pkcs1', hash }, data);
      assert.ok(verify(hash, data, rsa.publicKey, simple), name);
      const salted = await store.sign(name, { kind: 'rsa-pss', hash }, data);
      const saltLength = { sha256: 32, sha384: 48, sha512: 64 }[hash];
      assert.ok(verify(hash, data, { key: rsa.publicKey, padding: 6, saltLength }, salted), name);
    }
  }
  assert.equal(memory.live.size, 0);
  const stored = readFileSync(join(directory, 'private-key', 'ec-encrypted'));
  assert.equal(stored[0], 0x30, 'stored without its passphrase, in DER');
});

test('keys that cannot be used are refused with the reason', async (context) => {
  const { store, memory } = openStore(context);
  const put = (bytes: Uint8Array | string, passphrase?: string) => () =>
    store.put(
      'private-key',
      'k',
      Buffer.from(bytes),
      passphrase === undefined ? {} : { passphrase: Buffer.from(passphrase) },
    );
  const encrypted = ecKeys().privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'right',
  });
  throwsProblem('passphrase-needed', put(encrypted));
  throwsProblem('passphrase-wrong', put(encrypted, 'wrong'));
  throwsProblem('invalid', put('no key'), /no private key in PEM or DER/);
  throwsProblem(
    'invalid',
    put('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
    /no private key in PEM or DER/,
  );
  throwsProblem('invalid', put(pem(rsaKeys(1024).privateKey, 'pkcs8')), /1024 bits; at least 2048/);
  throwsProblem('invalid', put(pem(ecKeys('P-384').privateKey, 'pkcs8')), /secp384r1; RSA, ECDSA P-256/);
  throwsProblem('invalid', put(pem(generateKeyPairSync('ed25519').privateKey, 'pkcs8')), /ed25519/);
  assert.deepEqual(store.list(), []);
  throwsProblem('not-found', () => store.privateKeyType('k'), /nothing of this name in the store: k/);
  put(pem(ecKeys().privateKey, 'pkcs8'))();
  await assert.rejects(
    store.sign('k', { kind: 'rsa-pss', hash: 'sha256' }, secret),
    /key-cannot-sign rsa-pss/,
  );
  await assert.rejects(store.sign('none', { kind: 'ecdsa', hash: 'sha256' }, secret), CredentialError);
  assert.equal(memory.live.size, 0);
});

test('certificates: several in PEM in their order, one in DER, and nothing else', (context) => {
  const { store } = openStore(context);
  const root = makeAuthority();
  const leaf = root.issue();
  store.put(
    'certificate',
    'chain',
    Buffer.from(`comment\n${formatCertificates([leaf.certificate, root.certificate])}`),
  );
  assert.deepEqual(store.certificateChain('chain'), [leaf.certificate, root.certificate]);
  store.put('authority', 'company', root.certificate);
  store.put('authority', 'other', makeAuthority({ subject: 'CN=Other' }).certificate);
  assert.equal(store.authorities(['company', 'other']).length, 2);
  assert.deepEqual(store.authorities(['company']), [root.certificate]);
  throwsProblem('not-found', () => store.authorities(['none']), /nothing of this name in the store: none/);
  throwsProblem('not-found', () => store.certificateChain('company'));
  throwsProblem(
    'invalid',
    () => store.put('authority', 'x', Buffer.from('text')),
    /no certificate in PEM or DER/,
  );
  throwsProblem(
    'invalid',
    () => store.put('authority', 'x', Buffer.from([0x30, 0x00])),
    /certificate no. 1 cannot/,
  );
  throwsProblem('invalid', () => store.put('authority', 'system', root.certificate), /operating system/);
});

test('the authorities of the operating system are certificates', (context) => {
  const { store } = openStore(context);
  for (const der of store.authorities(['system'])) assert.equal(der[0], 0x30);
});

test('empty and oversized secrets are refused', (context) => {
  const { store, directory } = openStore(context);
  throwsProblem('invalid', () => store.put('psk', 'a', new Uint8Array()), /empty/);
  throwsProblem('invalid', () => store.put('psk', 'a', new Uint8Array(70_000)), /too long/);
  writeFileSync(join(directory, 'psk', 'big'), new Uint8Array(70_000), { mode: 0o600 });
  throwsProblem('invalid', () => store.preSharedKey('big'), /larger than/);
});
