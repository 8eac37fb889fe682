// Import of .sswan files: what is taken over, what is remarked on, and what is refused.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatCertificates, readCertificates } from '../../../main/keys/credentials/pem.ts';
import { importStrongSwan } from '../../../main/service/profile/import-strongswan.ts';
import { ImportError } from '../../../main/service/profile/imported.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import { makeAuthority } from '../../keys/credentials/certificate-maker.ts';
import { wordsIn } from '../../words.ts';

const root = makeAuthority();
const alice = root.issue({ subject: 'CN=Alice' });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const file = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(value)));

const small = {
  uuid: '3a1d5e0c-3fbd-4a39-9d17-4a1c33e0e9f5',
  name: 'Büro Zürich (neu)',
  type: 'ikev2-cert',
  remote: { addr: 'vpn.example.org', cert: base64(root.certificate) },
};

test('a small profile', async () => {
  const imported = await importStrongSwan(file(small));
  assert.equal(imported.name, 'buro-zurich-neu');
  assert.match(imported.text, /^networks = "gateway"/);
  const profile = parseProfile(imported.text, imported.name);
  assert.equal(profile.gateway.address, 'vpn.example.org');
  assert.equal(profile.network.protect, 'gateway');
  assert.deepEqual(profile.authentication, {
    method: 'certificate',
    certificate: 'buro-zurich-neu',
    privateKey: 'buro-zurich-neu',
    authorities: ['buro-zurich-neu'],
  });
  const [authority, ...others] = imported.credentials;
  assert.deepEqual(others, []);
  assert.equal(authority?.kind, 'authority');
  assert.deepEqual(readCertificates(authority!.bytes), [root.certificate]);
  assert.match(
    imported.remarks.map(wordsIn).join('\n'),
    /store the certificate and its private key under the name "buro-zurich-neu"/,
  );
});

test('a profile with name and password', async () => {
  const local = { eap_id: 'OFFICE\\alice', id: 'alice@example.org' };
  const imported = await importStrongSwan(file({ ...small, type: 'ikev2-eap', local }));
  const profile = parseProfile(imported.text, imported.name);
  assert.deepEqual(profile.authentication, {
    method: 'eap',
    identity: 'OFFICE\\alice',
    secret: undefined,
    methods: ['mschapv2', 'gtc'],
    authorities: ['buro-zurich-neu'],
  });
  assert.deepEqual(profile.peerAuthentication, { method: 'certificate', authorities: ['buro-zurich-neu'] });
  assert.equal(profile.local.identity, 'alice@example.org');
  assert.deepEqual(imported.remarks, [{ code: 'remark-password-asked' }]);
  assert.deepEqual(
    imported.credentials.map(({ kind }) => kind),
    ['authority'],
  );
  const without = { ...small, type: 'ikev2-eap', local: { id: 'alice' } };
  const second = parseProfile((await importStrongSwan(file(without))).text, 'second');
  assert.ok(second.authentication.method === 'eap' && second.authentication.identity === 'alice');
});

test('everything that has a counterpart is taken over', async () => {
  const imported = await importStrongSwan(
    file({
      ...small,
      remote: { ...small.remote, port: 4500, id: 'CN=vpn', certreq: true, revocation: { strict: true } },
      local: { id: 'alice@example.org', 'rsa-pss': true },
      'ike-proposal': 'aes256gcm16-aes256-sha256-prfsha256-ecp256-ecp521',
      'esp-proposal': 'aes128gcm16-ecp256',
      'split-tunneling': {
        subnets: '10.1.0.0/16 fd00:1::/48 nonsense',
        excluded: ['10.1.7.0/24'],
        'block-ipv6': true,
      },
      mtu: 1350,
      'nat-keepalive': 25,
      'dns-servers': ['10.1.0.53'],
      apps: ['x'],
    }),
    { name: 'office' },
  );
  const profile = parseProfile(imported.text, 'office');
  assert.deepEqual(profile.gateway, { address: 'vpn.example.org', port: 4500, identity: 'CN=vpn' });
  assert.equal(profile.local.identity, 'alice@example.org');
  assert.deepEqual(profile.network.protect, ['10.1.0.0/16', 'fd00:1::/48']);
  assert.equal(profile.network.mtu, 1350);
  assert.equal(profile.ike.natKeepaliveSeconds, 25);
  assert.deepEqual(
    profile.ike.proposals.map(({ encryption, group }) => `${encryption} ${group}`),
    ['aes-256-gcm-16 19', 'aes-256-cbc 19'],
  );
  assert.deepEqual(profile.esp.proposals, [{ encryption: 'aes-128-gcm-16', group: 19 }]);
  assert.deepEqual(
    profile.filter.map(({ action, destination }) => `${action} ${destination}`),
    ['BYPASS 10.1.7.0/24', 'PROTECT fd00:1::/48', 'DISCARD ::/0'],
  );
  const remarks = imported.remarks.map(wordsIn).join('\n');
  for (const remark of [/nonsense/, /ecp521 is not supported/, /10\.1\.0\.53/, /revocation/, /apps/]) {
    assert.match(remarks, remark);
  }
});

test('without the gateway’s authority, those of the computer count, and it is said', async () => {
  const imported = await importStrongSwan(file({ ...small, remote: { addr: '192.0.2.1' } }));
  const { authentication } = parseProfile(imported.text, imported.name);
  assert.deepEqual(authentication.method === 'certificate' && authentication.authorities, ['system']);
  assert.match(imported.remarks.map(wordsIn).join('\n'), /does not say who may vouch/);
});

test('algorithms that we do not have at all leave the defaults, and it is said', async () => {
  const imported = await importStrongSwan(file({ ...small, 'ike-proposal': '3des-sha1-modp1024' }));
  assert.ok(parseProfile(imported.text, imported.name).ike.proposals.length > 10);
  assert.match(imported.remarks.map(wordsIn).join('\n'), /ike-proposal.*all that we have is offered instead/);
});

test('what cannot be taken over is refused with the reason', async () => {
  const cases: [unknown, RegExp][] = [
    [{ ...small, type: 'ikev2-eap' }, /local\.eap_id/],
    [{ ...small, type: 'ikev2-cert-eap' }, /eap/],
    [{ ...small, type: 'ikev1' }, /"ikev1" are not supported/],
    [{ ...small, remote: {} }, /remote\.addr/],
    [{ ...small, remote: { addr: 'x', cert: 'AAAA' } }, /remote\.cert: no certificate/],
    [{ ...small, remote: { addr: 'x', cert: '*' } }, /remote\.cert: is not base64/],
    [{ ...small, remote: { addr: 'x', id: '*.x' } }, /remote\.id: .*wildcards/],
    [{ ...small, remote: { addr: 'two words' } }, /gateway\.address: "two words" is neither/],
    [[], /no \.sswan file/],
  ];
  for (const [value, message] of cases) {
    await assert.rejects(importStrongSwan(file(value)), (error) => {
      assert.ok(error instanceof ImportError, String(error));
      assert.match(`${error.problem.key}: ${wordsIn(error.problem.problem)}`, message);
      return true;
    });
  }
  await assert.rejects(importStrongSwan(Buffer.from('not json')), /not JSON/);
  await assert.rejects(importStrongSwan(file(small), { name: 'No Name' }), /a profile name has/);
});

const skip = spawnSync('openssl', ['version']).error !== undefined && 'openssl is not installed';

test('the key in the file is opened by its passphrase', { skip }, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-sswan-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'all');
  writeFileSync(`${path}.key`, alice.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(`${path}.pem`, formatCertificates([alice.certificate, root.certificate]));
  const options = [
    '-inkey',
    `${path}.key`,
    '-in',
    `${path}.pem`,
    '-out',
    `${path}.p12`,
    '-passout',
    'pass:x',
  ];
  execFileSync('openssl', ['pkcs12', '-export', ...options], { stdio: 'pipe' });
  const value = { ...small, remote: { addr: 'vpn' }, local: { p12: base64(readFileSync(`${path}.p12`)) } };
  await assert.rejects(importStrongSwan(file(value)), { problem: 'passphrase-needed' });
  const imported = await importStrongSwan(file(value), { passphrase: Buffer.from('x') });
  assert.deepEqual(
    imported.credentials.map(({ kind, name }) => `${kind} ${name}`),
    ['private-key buro-zurich-neu', 'certificate buro-zurich-neu', 'authority buro-zurich-neu'],
  );
  assert.deepEqual(readCertificates(imported.credentials[1]!.bytes), [alice.certificate]);
  assert.doesNotMatch(imported.text, /PRIVATE|BEGIN/);
});
