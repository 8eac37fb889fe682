// What the form for a new profile writes is a profile that the service accepts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import {
  checkProfile,
  emptyProfileForm,
  freeName,
  type ProfileForm,
  profileNamePattern,
  suggestedName,
  tomlOf,
} from '../../../renderer/logic/profile-form.ts';

const filled: ProfileForm = { ...emptyProfileForm, gateway: 'vpn.example.org', name: 'office' };

test('a secret and whatever the gateway says', () => {
  const profile = parseProfile(tomlOf({ ...filled, identity: 'alice@example.org' }), 'office');
  assert.equal(profile.gateway.address, 'vpn.example.org');
  assert.equal(profile.local.identity, 'alice@example.org');
  assert.equal(profile.network.protect, 'gateway');
  assert.deepEqual(profile.authentication, { method: 'psk', secret: 'office' });
});

test('a certificate and some networks', () => {
  const form: ProfileForm = {
    ...filled,
    method: 'certificate',
    certificate: 'alice',
    authority: 'system',
    protect: 'networks',
    networks: '10.1.0.0/16, fd00:1::/48\n',
  };
  assert.deepEqual(checkProfile(form, false, []), {});
  const profile = parseProfile(tomlOf(form), 'office');
  assert.deepEqual(profile.network.protect, ['10.1.0.0/16', 'fd00:1::/48']);
  assert.deepEqual(profile.authentication, {
    method: 'certificate',
    certificate: 'alice',
    privateKey: 'alice',
    authorities: ['system'],
  });
});

test('a card: any, or one certificate of it', () => {
  const form: ProfileForm = { ...filled, method: 'card', authority: 'company' };
  assert.deepEqual(checkProfile(form, false, []), {});
  const { authentication } = parseProfile(tomlOf(form), 'office');
  assert.equal(authentication.method, 'card');
  assert.doesNotMatch(tomlOf(form), /subject|slot|secret/);
  const chosen = tomlOf({ ...form, cardSlot: '9c', cardSubject: 'CN=alice, O=Example "East"' });
  const profile = parseProfile(chosen, 'office').authentication;
  assert.equal(profile.method === 'card' && profile.slot, '9c');
  assert.match(chosen, /subject = "CN=alice, O=Example \\"East\\""/);
  assert.deepEqual(checkProfile({ ...form, authority: '' }, false, []), { authority: 'authority-needed' });
});

test('name and password, whether it is stored or asked for', () => {
  const form: ProfileForm = { ...filled, method: 'eap', identity: 'OFFICE\\alice ', authority: 'company' };
  assert.deepEqual(checkProfile(form, false, []), {});
  const profile = parseProfile(tomlOf(form), 'office');
  assert.deepEqual(profile.authentication, {
    method: 'eap',
    identity: 'OFFICE\\alice',
    secret: 'office password',
    methods: ['mschapv2', 'gtc'],
    authorities: ['company'],
  });
  assert.equal(profile.local.identity, undefined);
  assert.deepEqual(checkProfile({ ...filled, method: 'eap' }, false, []), {
    identity: 'identity-needed',
    authority: 'authority-needed',
  });
});

test('text that would end a string in TOML stays within it', () => {
  const identity = 'a"\n[gateway]\naddress = "evil"\\\u007f';
  const value = parse(tomlOf({ ...filled, identity })) as unknown as { local: { identity: string } };
  assert.equal(value.local.identity, identity);
});

test('what is missing is told at its field', () => {
  assert.deepEqual(checkProfile(emptyProfileForm, false, []), {
    gateway: 'gateway-needed',
    name: 'name-needed',
    secret: 'secret-needed',
  });
  assert.deepEqual(checkProfile({ ...filled, protect: 'networks' }, true, ['office']), {
    name: 'name-taken',
    networks: 'networks-needed',
  });
  assert.equal(
    checkProfile({ ...filled, protect: 'networks', networks: '10.1.0.0/16 home' }, true, []).networks,
    'networks-invalid',
  );
});

test('names that are suggested are valid and free', () => {
  assert.equal(suggestedName('vpn.example.org', []), 'vpn-example');
  assert.equal(suggestedName('gateway', []), 'gateway');
  assert.equal(suggestedName('192.0.2.1', ['192.0.2.1']), '192.0.2.1-2');
  for (const gateway of ['', '2001:db8::1', '-x.y', 'ÄÖÜ.example.org', 'a'.repeat(80)]) {
    assert.match(suggestedName(gateway, []), profileNamePattern);
  }
  assert.equal(freeName('a'.repeat(32), []).length, 32);
});
