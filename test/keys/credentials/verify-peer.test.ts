// The peer's proof: its name in the certificate, and the signature over the octets of IKE_AUTH.
import assert from 'node:assert/strict';
import { constants, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import type { Identity, SignatureScheme } from '../../../main/engine/ike/contract.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { encodeName } from '../../../main/keys/credentials/distinguished-name.ts';
import { verifyPeer } from '../../../main/keys/credentials/verify-peer.ts';
import {
  addressName,
  type CertificateOptions,
  dnsName,
  duringValidity,
  ecKeys,
  emailName,
  type Issued,
  makeAuthority,
  rsaKeys,
} from './certificate-maker.ts';

const root = makeAuthority();
const data = Buffer.from('the octets that IKE_AUTH signs');
const dns = (value: string): Identity => ({ type: 'fqdn', value });

function signatureBy(key: KeyObject, scheme: SignatureScheme, bytes: Uint8Array = data): Uint8Array {
  const padding =
    scheme.kind === 'rsa-pss'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : {};
  return new Uint8Array(sign(scheme.hash, bytes, { key, ...padding }));
}

const ecdsa: SignatureScheme = { kind: 'ecdsa', hash: 'sha256' };

function verify(peer: Issued, identity: Identity, scheme: SignatureScheme = ecdsa, signature?: Uint8Array) {
  const proof = {
    certificates: [peer.certificate],
    identity,
    scheme,
    data,
    signature: signature ?? signatureBy(peer.privateKey, scheme),
  };
  return verifyPeer(proof, [root.certificate], duringValidity);
}

test('every scheme with its key', () => {
  const name = { names: [dnsName('vpn.example.org')] };
  const rsa = root.issue({ ...name, keys: rsaKeys() });
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
    assert.deepEqual(verify(rsa, dns('vpn.example.org'), { kind: 'rsa-pkcs1', hash }), { valid: true });
    assert.deepEqual(verify(rsa, dns('vpn.example.org'), { kind: 'rsa-pss', hash }), { valid: true });
    for (const curve of ['P-256', 'P-384']) {
      const peer = root.issue({ ...name, keys: ecKeys(curve) });
      assert.deepEqual(verify(peer, dns('vpn.example.org'), { kind: 'ecdsa', hash }), { valid: true });
    }
  }
});

test('a signature over other octets, with another key, by another scheme, or none', () => {
  const peer = root.issue({ names: [dnsName('vpn')] });
  const refused = (signature: Uint8Array, scheme: SignatureScheme = ecdsa): void => {
    const result = verify(peer, dns('vpn'), scheme, signature);
    assert.equal(result.valid, false);
    assert.equal(result.problem, 'bad-signature');
    assert.ok(result.detail);
  };
  refused(signatureBy(peer.privateKey, ecdsa, Buffer.from('other octets')));
  refused(signatureBy(ecKeys().privateKey, ecdsa));
  refused(signatureBy(peer.privateKey, { kind: 'ecdsa', hash: 'sha384' }));
  refused(signatureBy(peer.privateKey, ecdsa), { kind: 'rsa-pkcs1', hash: 'sha256' });
  refused(new Uint8Array());
  refused(new Uint8Array(500));
  const rsa = root.issue({ names: [dnsName('vpn')], keys: rsaKeys() });
  const asPkcs1 = signatureBy(rsa.privateKey, { kind: 'rsa-pkcs1', hash: 'sha256' });
  assert.equal(
    verify(rsa, dns('vpn'), { kind: 'rsa-pss', hash: 'sha256' }, asPkcs1).problem,
    'bad-signature',
  );
  assert.match(verify(rsa, dns('vpn'), { kind: 'rsa-pkcs1', hash: 'sha1' }).detail ?? '', /SHA-1/);
});

test('the certificate must carry the identity', () => {
  const named = (options: CertificateOptions): Issued => root.issue(options);
  const address = (text: string): Identity => ({ type: 'address', value: parseAddress(text)! });
  const email = (value: string): Identity => ({ type: 'email', value });
  const name = (text: string): Identity => ({ type: 'distinguished-name', value: encodeName(text) });
  const peer = named({
    subject: 'C=CH, O=Example, CN=common.example.org',
    names: [
      dnsName('VPN.example.org'),
      dnsName('*.wild.example.org'),
      addressName(192, 0, 2, 1),
      addressName(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
      emailName('Alice@Example.org'),
    ],
  });
  for (const identity of [
    dns('vpn.example.org'),
    address('192.0.2.1'),
    address('2001:db8::1'),
    email('Alice@example.ORG'),
    name('C=ch, O=example, CN=COMMON.example.org'),
  ]) {
    assert.deepEqual(verify(peer, identity), { valid: true }, JSON.stringify(identity));
  }
  for (const identity of [
    dns('other.example.org'),
    dns('common.example.org'),
    dns('a.wild.example.org'),
    dns('*.wild.example.org'),
    dns('192.0.2.1'),
    address('192.0.2.2'),
    email('alice@example.org'),
    name('C=CH, O=Example'),
    name('C=CH, O=Example, CN=common.example.org, CN=x'),
    { type: 'key-id', value: Uint8Array.of(1) } as const,
  ]) {
    const result = verify(peer, identity);
    assert.equal(result.problem, 'name-mismatch', JSON.stringify(identity));
    assert.match(result.detail ?? '', /the certificate is for VPN\.example\.org, .*not for/);
  }
});

test('the path comes first: its problem is told', () => {
  const stranger = makeAuthority({ subject: 'CN=Stranger' }).issue({ names: [dnsName('vpn')] });
  assert.equal(verify(stranger, dns('vpn')).problem, 'untrusted');
  const expired = root.issue({ names: [dnsName('vpn')], notAfter: new Date('2027-01-01') });
  assert.equal(verify(expired, dns('other')).problem, 'expired');
});
