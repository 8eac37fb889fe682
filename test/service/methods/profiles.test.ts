import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openCredentialStore } from '../../../main/keys/credentials/store.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { ProfileBook } from '../../../main/service/methods/profiles.ts';
import { makeAuthority } from '../../keys/credentials/certificate-maker.ts';

const caller = { uid: 1000, pid: 1, administrator: false };
const text = `[gateway]
address = "vpn.office.test"
[local]
identity = "laptop@office.test"
[authentication]
method = "psk"
secret = "office"
`;
const changed = text.replace('vpn.', 'vpn2.');

let directory: string;
let book: ProfileBook;
let credentials: ReturnType<typeof openCredentialStore>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealnic-profiles-'));
  credentials = openCredentialStore(join(directory, 'credentials'), new SecretMemory());
  book = new ProfileBook(join(directory, 'profiles'), [], credentials);
});
afterEach(() => rmSync(directory, { recursive: true }));

function upload(
  fileName: string,
  content: string,
  options: { name?: string; replace?: boolean; connections?: 'all' | string[] } = {},
) {
  const bytes = Buffer.from(content);
  const done = book.import({ fileName, replace: false, ...options }, caller, {
    content: bytes,
    passphrase: undefined,
  });
  return { done, bytes };
}

test('a profile is stored under its name and comes back as it was written', async () => {
  assert.deepEqual(book.names(), [], 'without a directory there are none');
  const { done, bytes } = upload('office.toml', text);
  assert.deepEqual(await done, { profiles: ['office'], secrets: [], remarks: [] });
  assert.ok(
    bytes.every((byte) => byte === 0),
    'the upload is wiped',
  );
  assert.equal(book.text('office'), text);
  assert.equal(book.load('office').gateway.address, 'vpn.office.test');
  await upload('whatever.toml', text, { name: 'home' }).done;
  assert.deepEqual(book.names(), ['home', 'office']);
});

test('what is there is replaced only where that is asked for', async () => {
  await upload('office.toml', text).done;
  await assert.rejects(upload('office.toml', changed).done, {
    failure: { code: 'profile-exists', profile: 'office' },
  });
  assert.equal(book.text('office'), text);
  await upload('office.toml', changed, { replace: true }).done;
  assert.equal(book.text('office'), changed);
});

test('what is no profile changes nothing, and no name leads out of the directory', async () => {
  await assert.rejects(upload('office.toml', 'nonsense = 1').done, (error: { failure: { code: string } }) => {
    assert.equal(error.failure.code, 'profile-invalid');
    return true;
  });
  for (const fileName of ['../../etc/passwd.toml', '..toml', '.toml', '/x/.toml']) {
    await upload(fileName, text).done.catch(() => undefined);
  }
  assert.ok(!existsSync(join(directory, 'passwd.toml')));
  assert.deepEqual(book.names(), ['passwd'], 'of a path only the last part counts');
});

test('a spoilt file is listed with its problem and does not hide the others', async () => {
  await upload('office.toml', text).done;
  writeFileSync(join(directory, 'profiles', 'spoilt.toml'), `role = 3\n${text}`);
  const list = book.list((name) => (name === 'office' ? 'connected' : 'disconnected'));
  assert.deepEqual(
    list.map(({ name, state, problem }) => [name, state, problem === undefined]),
    [
      ['office', 'connected', true],
      ['spoilt', 'disconnected', false],
    ],
  );
  assert.deepEqual([list[1]!.problem?.line, list[1]!.problem?.key], [1, 'role']);
  assert.deepEqual(
    book.valid().map(({ name }) => name),
    ['office'],
  );
  assert.throws(
    () => book.load('spoilt'),
    (error: { failure: { code: string } }) => {
      assert.equal(error.failure.code, 'profile-invalid');
      return true;
    },
  );
  assert.equal(book.validate('x.toml', Buffer.from('role = 3\n')).length > 0, true);
  assert.deepEqual(book.validate('x.toml', Buffer.from(text)), []);
});

test('one that is not there is told with those that are', async () => {
  await upload('office.toml', text).done;
  const failure = { code: 'profile-not-found', profile: 'offise', known: ['office'] };
  assert.throws(() => book.text('offise'), { failure });
  assert.throws(() => book.remove('offise'), { failure });
  book.remove('office');
  assert.deepEqual(book.names(), []);
});

test('a further file counts under its name', () => {
  const path = join(directory, 'gate.toml');
  writeFileSync(path, text);
  const further = new ProfileBook(join(directory, 'profiles'), [path], credentials);
  assert.equal(further.load('gate').name, 'gate');
  assert.equal(readFileSync(path, 'utf8'), further.text('gate'));
});

test('a foreign file brings its credentials, which belong to whoever imported them', async () => {
  const root = makeAuthority();
  const foreign = JSON.stringify({
    uuid: '3a1d5e0c-3fbd-4a39-9d17-4a1c33e0e9f5',
    name: 'Office',
    type: 'ikev2-cert',
    remote: { addr: 'vpn.example.org', cert: Buffer.from(root.certificate).toString('base64') },
  });
  const result = await upload('office.sswan', foreign).done;
  assert.deepEqual(result.profiles, ['office']);
  assert.deepEqual(result.secrets, ['office']);
  assert.deepEqual(
    credentials.list().map(({ kind, name, owner }) => [kind, name, owner]),
    [['authority', 'office', 1000]],
  );
  await assert.rejects(upload('office.sswan', foreign).done, {
    failure: { code: 'profile-exists', profile: 'office' },
  });
  await assert.rejects(upload('x.sswan', '{"name":1}').done, (error: { failure: { code: string } }) => {
    assert.equal(error.failure.code, 'import-unsupported');
    return true;
  });
});

test('of a swanctl.conf with several connections one is chosen, or all; its secrets go into the store', async () => {
  const connection = 'remote_addrs = 192.0.2.1\n local { auth = psk }\n remote { auth = psk\n id = gw }';
  const file = `connections { a { ${connection} }\n b { ${connection} } }\nsecrets { ike { secret = "top secret" } }`;
  const asked = upload('swanctl.conf', file);
  await assert.rejects(asked.done, { failure: { code: 'import-choice', connections: ['a', 'b'] } });
  assert.ok(
    asked.bytes.every((byte) => byte === 0),
    'the upload is wiped',
  );
  assert.deepEqual(book.names(), []);
  const one = await upload('swanctl.conf', file, { connections: ['b'], name: 'home' }).done;
  assert.deepEqual([one.profiles, one.secrets], [['home'], ['home']]);
  const all = await upload('settings', file, { connections: 'all' }).done;
  assert.deepEqual(
    [all.profiles, all.secrets],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  );
  assert.deepEqual(
    credentials.list().map(({ kind, name, owner }) => `${kind} ${name} ${owner}`),
    ['psk a 1000', 'psk b 1000', 'psk home 1000'],
  );
  for (const name of book.names()) assert.doesNotMatch(book.text(name), /top secret/);
  await assert.rejects(upload('x.conf', 'connections {\n a {').done, {
    failure: {
      code: 'import-unsupported',
      problem: { line: 2, problem: { code: 'settings-brace-missing' } },
    },
  });
});

test('lockdown is switched in the file and listed', async () => {
  await upload('office.toml', `# mine\n${text}`).done;
  const lockdownOf = () => book.list(() => 'disconnected')[0]?.lockdown;
  assert.equal(lockdownOf(), undefined);
  book.setLockdown('office', true);
  assert.equal(lockdownOf(), true);
  assert.match(book.text('office'), /^# mine\nlockdown = true\n/);
  book.setLockdown('office', false);
  assert.equal(lockdownOf(), undefined);
  assert.throws(() => book.setLockdown('nowhere', true), /profile-not-found/);
});
