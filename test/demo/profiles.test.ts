// The demo's profiles are what the service reads, and the one in the README is too.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gatewayProfile, laptopProfile } from '../../build/demo/profiles.ts';
import { parseProfile } from '../../main/service/profile/parse.ts';

test('the laptop protects the office and drops mail', () => {
  const profile = parseProfile(laptopProfile, 'office');
  assert.equal(profile.role, 'client');
  assert.deepEqual(profile.network.protect, ['10.20.0.0/24']);
  assert.equal(profile.failClosed.whenDown, 'block');
  assert.equal(profile.filter[0]?.action, 'DISCARD');
});

test('the gateway gives out addresses', () => {
  const profile = parseProfile(gatewayProfile, 'gateway');
  assert.equal(profile.role, 'gateway');
  assert.equal(profile.responder?.pool4, '10.99.0.0/24');
});

test("the README's first profile is valid", () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const toml = /```toml\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const profile = parseProfile(toml.replace(/^ {3}/gm, ''), 'office');
  assert.equal(profile.gateway.address, 'vpn.example.org');
  assert.deepEqual(profile.network.protect, ['10.1.0.0/16']);
});
