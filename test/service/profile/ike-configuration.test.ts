// What the IKE engine is told for a profile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRange, parseAddress } from '../../../main/engine/packet/address.ts';
import type { TrafficSelector } from '../../../main/engine/policy/selector.ts';
import { encodeName } from '../../../main/keys/credentials/distinguished-name.ts';
import { ikeConfigurationFor } from '../../../main/service/profile/ike-configuration.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import { makeAuthority } from '../../keys/credentials/certificate-maker.ts';

const psk = '[authentication]\nmethod = "psk"\nsecret = "x"\n';
const localAddress = parseAddress('192.168.1.7');
const profile = (text: string) => parseProfile(text, 'office');
const ranges = (selectors: readonly TrafficSelector[]): string[] =>
  selectors.map(({ addresses }) => formatRange(addresses));

test('a road warrior asks for addresses and leaves the networks to the gateway', () => {
  const configuration = ikeConfigurationFor(profile(`gateway.address = "vpn.example.org"\n${psk}`), {
    association: 7,
    localAddress,
  });
  assert.equal(configuration.role, 'initiator');
  assert.deepEqual(configuration.localIdentity, { type: 'address', value: localAddress });
  assert.deepEqual(configuration.remoteIdentity, { type: 'fqdn', value: 'vpn.example.org' });
  assert.deepEqual(configuration.localAuthentication, { method: 'psk' });
  const [child] = configuration.children;
  assert.equal(child!.association, 7);
  assert.deepEqual(ranges(child!.localSelectors), ['0.0.0.0/0', '::/0']);
  assert.deepEqual(ranges(child!.remoteSelectors), ['0.0.0.0/0', '::/0']);
  assert.ok(configuration.requestVirtualAddress4 && configuration.requestVirtualAddress6);
  assert.ok(configuration.requestDns);
  assert.equal(configuration.connectTimeoutMilliseconds, 10_000);
});

test('networks of one family ask for an address of that family only', () => {
  const configuration = ikeConfigurationFor(
    profile(`networks = ["10.1.0.0/16"]\ndns = false\ngateway.address = "192.0.2.1"\n${psk}`),
    { association: 1, localAddress },
  );
  assert.deepEqual(ranges(configuration.children[0]!.localSelectors), ['0.0.0.0/0']);
  assert.deepEqual(ranges(configuration.children[0]!.remoteSelectors), ['10.1.0.0/16']);
  assert.ok(configuration.requestVirtualAddress4 && !configuration.requestVirtualAddress6);
  assert.ok(!configuration.requestDns);
  assert.deepEqual(configuration.remoteIdentity, { type: 'address', value: parseAddress('192.0.2.1') });
});

test('without a virtual address the terminal’s own is sealed', () => {
  const text = `virtual_address = false\nnetworks = ["10.1.0.0/16", "fd00::/8"]\ngateway.address = "x"\n${psk}`;
  const configuration = ikeConfigurationFor(profile(text), { association: 1, localAddress });
  assert.deepEqual(ranges(configuration.children[0]!.localSelectors), ['192.168.1.7']);
  assert.deepEqual(ranges(configuration.children[0]!.remoteSelectors), ['10.1.0.0/16']);
  assert.ok(!configuration.requestVirtualAddress4);
  assert.throws(() => ikeConfigurationFor(profile(text), { association: 1, localAddress: undefined }));
});

test('with a certificate we are its subject, by its very bytes', () => {
  const authority = makeAuthority();
  const { certificate } = authority.issue({ subject: 'C=CH, O=Example, CN=Alice' });
  const text = (identity: string) =>
    `gateway.address = "x"\n${identity}[authentication]\nmethod = "certificate"\ncertificate = "a"\nauthorities = ["c"]\n`;
  const parts = {
    association: 1,
    localAddress,
    certificates: [certificate],
    keyType: 'ecdsa-p256' as const,
  };
  const subject = { type: 'distinguished-name', value: encodeName('C=CH, O=Example, CN=Alice') };
  assert.deepEqual(ikeConfigurationFor(profile(text('')), parts).localIdentity, subject);
  const spelled = text('local.identity = "C=ch, O=EXAMPLE, CN=alice"\n');
  assert.deepEqual(ikeConfigurationFor(profile(spelled), parts).localIdentity, subject);
  const other = text('local.identity = "alice@example.org"\n');
  assert.deepEqual(ikeConfigurationFor(profile(other), parts).localIdentity, {
    type: 'email',
    value: 'alice@example.org',
  });
  assert.throws(() => ikeConfigurationFor(profile(text('')), { association: 1, localAddress }));
});

test('a gateway takes any peer of its pool to its networks', () => {
  const configuration = ikeConfigurationFor(
    profile(
      `role = "gateway"\nlocal.identity = "gw"\n${psk}[responder]\npool4 = "10.9.0.0/24"\nnetworks = ["10.1.0.0/16"]\n`,
    ),
    { association: 0, localAddress: undefined },
  );
  assert.equal(configuration.role, 'responder');
  assert.equal(configuration.remoteIdentity, undefined);
  assert.deepEqual(ranges(configuration.children[0]!.localSelectors), ['10.1.0.0/16']);
  assert.deepEqual(ranges(configuration.children[0]!.remoteSelectors), ['10.9.0.0/24']);
  assert.ok(!configuration.requestVirtualAddress4 && !configuration.requestDns);
});

test('requests are repeated for as long as the profile says', () => {
  for (const seconds of [2, 20, 120]) {
    const text = `gateway.address = "x"\n${psk}[ike]\ngive_up_seconds = ${seconds}\n`;
    const { retransmission } = ikeConfigurationFor(profile(text), { association: 1, localAddress });
    const waits = Array.from(
      { length: retransmission.tries + 1 },
      (_, index) => retransmission.firstMilliseconds * retransmission.factor ** index,
    );
    const total = waits.reduce((sum, wait) => sum + wait, 0);
    assert.ok(total >= seconds * 1000 && total - waits.at(-1)! < seconds * 1000, `${seconds}: ${total}`);
  }
});

test('with name and password, the name is our identity too where nothing else is said', () => {
  const text = (name: string, local = '') =>
    `gateway.address = "vpn.example.org"\n${local}[authentication]\nmethod = "eap"\nidentity = ${JSON.stringify(name)}\nauthorities = ["x"]\n`;
  const configured = (toml: string) => ikeConfigurationFor(profile(toml), { association: 1, localAddress });
  const plain = configured(text('alice'));
  assert.deepEqual(plain.localIdentity, { type: 'fqdn', value: 'alice' });
  assert.deepEqual(plain.localAuthentication, {
    method: 'eap',
    userName: 'alice',
    methods: ['mschapv2', 'gtc'],
  });
  assert.equal(plain.remoteAuthentication, 'certificate');
  assert.deepEqual(configured(text('alice@example.org')).localIdentity, {
    type: 'email',
    value: 'alice@example.org',
  });
  for (const name of ['*alice', 'Alice Smith', 'Zoë', '花子@example.org']) {
    const value = new TextEncoder().encode(name);
    assert.deepEqual(configured(text(name)).localIdentity, { type: 'key-id', value }, name);
  }
  assert.deepEqual(configured(text('alice', '[local]\nidentity = "laptop.example.org"\n')).localIdentity, {
    type: 'fqdn',
    value: 'laptop.example.org',
  });
});
