// Identities: which text means which type, texts that come back, and what counts as the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Identity } from '../../../main/engine/ike/contract.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { encodeName } from '../../../main/keys/credentials/distinguished-name.ts';
import { formatIdentity, matchesIdentity, parseIdentity } from '../../../main/service/profile/identity.ts';

test('the text decides the type', () => {
  const cases: [string, Identity][] = [
    ['vpn.example.org', { type: 'fqdn', value: 'vpn.example.org' }],
    ['office', { type: 'fqdn', value: 'office' }],
    ['alice@example.org', { type: 'email', value: 'alice@example.org' }],
    ['192.0.2.1', { type: 'address', value: parseAddress('192.0.2.1')! }],
    ['2001:db8::1', { type: 'address', value: parseAddress('2001:db8::1')! }],
    ['@192.0.2.1', { type: 'fqdn', value: '192.0.2.1' }],
    ['@@a@b', { type: 'email', value: 'a@b' }],
    ['@#6B:65 79', { type: 'key-id', value: Uint8Array.of(0x6b, 0x65, 0x79) }],
    ['C=CH, CN=vpn', { type: 'distinguished-name', value: encodeName('C=CH, CN=vpn') }],
  ];
  for (const [text, identity] of cases) assert.deepEqual(parseIdentity(text), identity, text);
});

test('what is no identity is refused with a reason', () => {
  for (const [text, reason] of [
    ['', /empty/],
    ['@#123', /hexadecimal/],
    ['@#', /hexadecimal/],
    ['*.example.org', /wildcard/],
    ['a@b@c', /no e-mail/],
    ['two words', /no name of a host/],
    ['FOO=bar', /no distinguished name/],
    ['CN=', /no distinguished name/],
    ['CN="open', /no distinguished name/],
    [`CN=${'x'.repeat(5000)}`, /longer/],
  ] as const) {
    assert.throws(() => parseIdentity(text), { name: 'IdentityTextError', message: reason }, text);
  }
});

const identities: fc.Arbitrary<Identity> = fc.oneof(
  fc.stringMatching(/^[a-z0-9.:-]{1,20}$/).map((value): Identity => ({ type: 'fqdn', value })),
  fc.stringMatching(/^[a-z0-9.=]{1,8}@[a-z0-9.]{1,8}$/).map((value): Identity => ({ type: 'email', value })),
  fc
    .uint8Array({ minLength: 4, maxLength: 4 })
    .map((bytes): Identity => ({ type: 'address', value: { family: 4, bytes } })),
  fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes): Identity => ({ type: 'address', value: { family: 6, bytes } })),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((value): Identity => ({ type: 'key-id', value })),
);

test('the text of an identity is read back to a matching one', () => {
  fc.assert(
    fc.property(identities, (identity) => {
      assert.ok(matchesIdentity(parseIdentity(formatIdentity(identity)), identity));
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('who matches whom', () => {
  const matches = (a: string, b: string): boolean => matchesIdentity(parseIdentity(a), parseIdentity(b));
  assert.ok(matches('VPN.Example.org', 'vpn.example.ORG'));
  assert.ok(!matches('vpn.example.org', 'vpn.example.org.evil.com'));
  assert.ok(matches('alice@EXAMPLE.org', 'alice@example.org'));
  assert.ok(!matches('Alice@example.org', 'alice@example.org'));
  assert.ok(matches('C=CH, O=Example  Ltd, CN=VPN', 'C=ch, O=example ltd, CN=vpn'));
  assert.ok(!matches('C=CH, CN=vpn', 'CN=vpn, C=CH'));
  assert.ok(!matches('C=CH, CN=vpn', 'C=CH, CN=vpn, CN=x'));
  assert.ok(matches('/C=CH/CN=vpn', 'C=CH, CN=vpn'));
  assert.ok(!matches('192.0.2.1', '@192.0.2.1'));
  assert.ok(matches('2001:db8:0:0::1', '2001:DB8::1'));
  assert.ok(!matches('@#00', '@#0000'));
});
