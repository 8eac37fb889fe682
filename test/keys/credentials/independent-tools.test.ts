// Certificates as OpenSSL makes them, so that ours are not the only ones that path validation has seen.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCertificate } from '../../../main/keys/credentials/certificate.ts';
import { formatName } from '../../../main/keys/credentials/distinguished-name.ts';
import { validatePath } from '../../../main/keys/credentials/path-validation.ts';
import { readCertificates } from '../../../main/keys/credentials/pem.ts';
import { certifies } from '../../../main/keys/credentials/verify-peer.ts';

const absent = spawnSync('openssl', ['version']).error !== undefined;

test('a chain made by OpenSSL', { skip: absent && 'openssl is not installed' }, (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-openssl-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const openssl = (...options: string[]): void => {
    execFileSync('openssl', options, { cwd: directory, stdio: 'pipe' });
  };
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  const sign = (name: string, issuer: string, extensions: string, ...options: string[]): void => {
    writeFileSync(join(directory, `${name}.ext`), extensions);
    openssl(
      'req',
      '-new',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/C=CH/O=Zürich & Co/CN=${name}`,
      '-utf8',
    );
    const signer = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-days',
      '30',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
      ...options,
    );
  };
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
    '-subj',
    '/C=CH/O=Example/CN=root',
  );
  const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32', '-sha256'];
  sign(
    'middle',
    'root',
    'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nnameConstraints=critical,permitted;DNS:example.org\n',
    ...pss,
  );
  sign(
    'leaf',
    'middle',
    'basicConstraints=CA:false\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,ipsecIKE\nsubjectAltName=DNS:vpn.example.org\nauthorityKeyIdentifier=keyid,issuer\ncertificatePolicies=1.2.3\n',
  );
  const read = (name: string): Uint8Array =>
    readCertificates(readFileSync(join(directory, `${name}.pem`)))[0]!;

  const leaf = parseCertificate(read('leaf'))!;
  assert.equal(formatName(leaf.subject), 'C=CH, O=Zürich & Co, CN=leaf');
  const now = new Date(leaf.notBefore.getTime() + 1000);
  const result = validatePath([read('leaf'), read('middle')], [read('root')], now);
  assert.ok(result.valid, result.valid ? '' : result.detail);
  assert.ok(certifies(leaf, { type: 'fqdn', value: 'vpn.example.org' }));

  sign('evil', 'middle', 'subjectAltName=DNS:vpn.example.com\n');
  const evil = validatePath([read('evil'), read('middle')], [read('root')], now);
  assert.match(evil.valid ? '' : evil.detail, /name constraints/);
});
