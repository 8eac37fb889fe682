// A profile's text in the form and back: what the form does not show stays as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import { checkEdit, editOf, hasComments, textOf } from '../../../renderer/logic/profile-edit.ts';

const text = `# by hand
networks = ["10.1.0.0/16"]
retry = true

[gateway]
address = "vpn.example.org"
identity = "CN=vpn"

[local]
identity = "alice@example.org"

[authentication]
method = "psk"
secret = "office"

[[filter]]
destination = "10.1.0.10"
action = "DISCARD"
note = "a # in a note"
`;

test('what the form shows, and what it changes', () => {
  const edit = editOf(text)!;
  assert.deepEqual(edit, {
    gateway: 'vpn.example.org',
    identity: 'alice@example.org',
    protect: 'networks',
    networks: '10.1.0.0/16',
    whenDown: 'block',
  });
  const before = parseProfile(text, 'office');
  assert.deepEqual(parseProfile(textOf(text, edit), 'office'), before);
  const changed = {
    ...edit,
    gateway: 'vpn2.example.org',
    identity: '',
    protect: 'everything',
    whenDown: 'bypass',
  } as const;
  assert.deepEqual(parseProfile(textOf(text, changed), 'office'), {
    ...before,
    gateway: { ...before.gateway, address: 'vpn2.example.org' },
    local: { identity: undefined },
    network: { ...before.network, protect: 'everything' },
    failClosed: { ...before.failClosed, whenDown: 'bypass' },
  });
});

test('with EAP the identity is the user', () => {
  const eap = text.replace(
    'method = "psk"\nsecret = "office"',
    'method = "eap"\nidentity = "bob"\nauthorities = ["system"]',
  );
  const edit = editOf(eap)!;
  assert.equal(edit.identity, 'bob');
  const { authentication, local } = parseProfile(textOf(eap, { ...edit, identity: 'carol' }), 'office');
  assert.ok(authentication.method === 'eap' && authentication.identity === 'carol');
  assert.equal(local.identity, 'alice@example.org');
});

test('what is no client’s profile is for the text editor; comments are noticed', () => {
  assert.equal(editOf('role = "gateway"'), undefined);
  assert.equal(editOf('networks = '), undefined);
  assert.equal(hasComments(text), true);
  assert.equal(hasComments(text.replace('# by hand\n', '')), false);
});

test('what is wrong is told at its field', () => {
  const edit = editOf(text)!;
  assert.deepEqual(checkEdit(edit), {});
  assert.deepEqual(checkEdit({ ...edit, gateway: '', networks: 'x' }), {
    gateway: 'gateway-needed',
    networks: 'networks-invalid',
  });
});
