// Profiles: what the text means, what a person is told where it is wrong, and the way back to text.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatProblem, InvalidFileError } from '../../../main/service/configuration/problem.ts';
import { parseProfile, validateProfile } from '../../../main/service/profile/parse.ts';
import { defaultEspProposals, defaultIkeProposals } from '../../../main/service/profile/proposal.ts';
import { formatProfile } from '../../../main/service/profile/write.ts';
import { straight } from '../../words.ts';

const smallest = `[gateway]
address = "vpn.example.org"

[authentication]
method = "psk"
secret = "office"
`;

const largest = `
role = "client"
start = "on-demand"
retry = true
networks = ["10.1.0.0/16", "fd00:1::/48"]
virtual_address = false
dns = false
mtu = 1300
capture = "all"
when_down = "block"
lockdown = true
allow_local_network = false
default_action = "DISCARD"
gateway.address = "192.0.2.1"
gateway.port = 1500
gateway.identity = "C=CH, O=Example, CN=vpn"
local.identity = "alice@example.org"

[authentication]
method = "certificate"
certificate = "alice"
private_key = "alice-key"
authorities = ["company"]

[peer_authentication]
authorities = ["gateways", "system"]

[ike]
proposals = ["aes128-sha256-modp2048"]
lifetime_seconds = 7200
dead_peer_detection_seconds = 10
nat_keepalive_seconds = 5
give_up_seconds = 20
keep_in_vault = "USB stick/over a restart"

[esp]
proposals = ["chacha20poly1305-curve25519", "aes256gcm16"]
lifetime_seconds = 600
lifetime_bytes = 1000000
lifetime_packets = 5000
replay_window = 64
encapsulation = "native"

[[filter]]
destination = "10.1.0.10"
protocol = "tcp"
destination_ports = "443"
action = "PROTECT"
note = "the intranet"

[[filter]]
source = "any"
destination = "10.1.0.10"
action = "DISCARD"
`;

const gateway = `
role = "gateway"
[local]
identity = "gateway.example.org"
[authentication]
method = "psk"
secret = "demo"
[responder]
pool4 = "10.9.0.0/24"
pool6 = "fd09::/64"
dns = ["10.1.0.53"]
networks = ["10.1.0.0/16"]
`;

function problemsOf(text: string): string[] {
  return validateProfile(text, 'office').map((problem) => straight(formatProblem('office.toml', problem)));
}

test('the smallest profile has every default', () => {
  assert.deepEqual(parseProfile(smallest, 'office'), {
    name: 'office',
    role: 'client',
    gateway: { address: 'vpn.example.org', port: 500, identity: undefined },
    local: { identity: undefined },
    authentication: { method: 'psk', secret: 'office' },
    peerAuthentication: { method: 'psk', authorities: [] },
    ike: {
      proposals: defaultIkeProposals,
      lifetimeSeconds: 14_400,
      deadPeerDetectionSeconds: 30,
      natKeepaliveSeconds: 20,
      giveUpSeconds: 120,
      keepIn: undefined,
    },
    esp: {
      proposals: defaultEspProposals,
      lifetime: { softSeconds: 3240, hardSeconds: 3600 },
      replayWindow: 1024,
      encapsulation: 'udp',
    },
    network: { protect: 'gateway', virtualAddress: true, dns: true, mtu: undefined, capture: 'needed' },
    failClosed: { whenDown: 'block', lockdown: false, allowLocalNetwork: true },
    start: 'immediately',
    retry: false,
    defaultAction: undefined,
    filter: [],
    responder: undefined,
  });
});

test('every key is taken over', () => {
  const profile = parseProfile(largest, 'office');
  assert.equal(profile.start, 'on-demand');
  assert.equal(profile.retry, true);
  assert.deepEqual(profile.network, {
    protect: ['10.1.0.0/16', 'fd00:1::/48'],
    virtualAddress: false,
    dns: false,
    mtu: 1300,
    capture: 'all',
  });
  assert.deepEqual(profile.failClosed, { whenDown: 'block', lockdown: true, allowLocalNetwork: false });
  assert.deepEqual(profile.gateway, {
    address: '192.0.2.1',
    port: 1500,
    identity: 'C=CH, O=Example, CN=vpn',
  });
  assert.deepEqual(profile.authentication, {
    method: 'certificate',
    certificate: 'alice',
    privateKey: 'alice-key',
    authorities: ['company'],
  });
  assert.deepEqual(profile.peerAuthentication, {
    method: 'certificate',
    authorities: ['gateways', 'system'],
  });
  assert.equal(profile.ike.giveUpSeconds, 20);
  assert.deepEqual(profile.ike.keepIn, { vault: 'USB stick', compartment: 'over a restart' });
  assert.deepEqual(profile.esp, {
    proposals: [{ encryption: 'chacha20-poly1305', group: 31 }, { encryption: 'aes-256-gcm-16' }],
    lifetime: {
      softSeconds: 540,
      hardSeconds: 600,
      softBytes: 900_000,
      hardBytes: 1_000_000,
      softPackets: 4500,
      hardPackets: 5000,
    },
    replayWindow: 64,
    encapsulation: 'native',
  });
  assert.deepEqual(profile.filter, [
    {
      source: 'terminal',
      destination: '10.1.0.10',
      protocol: 'tcp',
      destinationPorts: '443',
      action: 'PROTECT',
      profile: 'office',
      note: 'the intranet',
    },
    { source: 'any', destination: '10.1.0.10', protocol: 'any', action: 'DISCARD' },
  ]);
});

test('a gateway has a pool and what lies behind it', () => {
  const profile = parseProfile(gateway, 'office');
  assert.equal(profile.role, 'gateway');
  assert.deepEqual(profile.responder, {
    pool4: '10.9.0.0/24',
    pool6: 'fd09::/64',
    dns: ['10.1.0.53'],
    networks: ['10.1.0.0/16'],
  });
  assert.deepEqual(parseProfile(gateway.slice(0, gateway.indexOf('[responder]')), 'x').responder, {
    pool4: undefined,
    pool6: undefined,
    dns: [],
    networks: ['0.0.0.0/0', '::/0'],
  });
});

test('a profile comes back from its own text', () => {
  for (const text of [smallest, largest, gateway]) {
    const profile = parseProfile(text, 'office');
    const written = formatProfile(profile);
    assert.deepEqual(parseProfile(written, 'office'), profile, written);
  }
  assert.ok(formatProfile(parseProfile(smallest, 'office')).length < 150, 'defaults are left out');
});

test('everything wrong is told at once, each with line, column and key', () => {
  assert.deepEqual(
    problemsOf(`network = "everything"
mtu = 100
networks = ["10.1.0.0/16", "10.2.0.1/16"]

[gateway]
adress = "vpn.example.org"
port = "500"
identity = "*.example.org"

[authentication]
method = "psk"
secret = "office"
mtu = 1300
lifetime_seconds = 5

[esp]
proposals = ["aes256gcm16", "aes256-sha1"]

[[filter]]
action = "ALLOW"
`),
    [
      'office.toml:1:1: network: is not known here; did you mean "networks"?',
      'office.toml:2:1: mtu: should be at least 576',
      'office.toml:3:1: networks: "10.2.0.1/16" is no prefix: the bits behind its length must be zero, as in 10.1.0.0/16',
      'office.toml:6:1: gateway.adress: is not known here; did you mean "address"?',
      'office.toml:7:1: gateway.port: should be a number, not "500"',
      'office.toml:8:1: gateway.identity: "*.example.org": wildcards are not possible, name one gateway',
      'office.toml:13:1: authentication.mtu: belongs at the top of the file, ahead of the first [table]',
      'office.toml:14:1: authentication.lifetime_seconds: belongs in the table [ike], [esp]',
      'office.toml:17:29: esp.proposals[2]: "aes256" in "aes256-sha1" is not supported; known are aes256gcm16, aes128gcm16, chacha20poly1305, curve25519, ecp256, modp2048, none',
      'office.toml:20:1: filter[1].action: should be one of "PROTECT", "BYPASS", "DISCARD", not "ALLOW"',
    ],
  );
});

test('what is missing is told at the table that lacks it', () => {
  assert.deepEqual(problemsOf(''), ['office.toml: authentication: is missing']);
  assert.deepEqual(problemsOf('[authentication]\nmethod = "password"\n'), [
    'office.toml:2:1: authentication.method: should be one of "psk", "certificate", "card", "eap", not "password"',
  ]);
  assert.deepEqual(problemsOf('[authentication]\nmethod = "psk"\n'), [
    'office.toml:1:2: authentication.secret: is missing',
  ]);
  assert.deepEqual(problemsOf('[gateway]\n[authentication]\nmethod = "psk"\nsecret = "x"\n'), [
    'office.toml:1:2: gateway.address: is missing: the name or address of the gateway',
  ]);
  assert.deepEqual(problemsOf('[authentication]\nsecret = "x"\n'), [
    'office.toml:1:2: authentication.method: is missing; it may be one of "psk", "certificate", "card", "eap"',
  ]);
});

test('what contradicts itself is told', () => {
  const withCertificate = '[authentication]\nmethod = "certificate"\ncertificate = "a"\n';
  assert.deepEqual(problemsOf(`gateway.address = "x"\n${withCertificate}`), [
    'office.toml:2:2: authentication.authorities: names nobody who may vouch for the peer: give the stored authorities, or "system" for those of the computer',
  ]);
  assert.match(
    problemsOf(`gateway.address = "x"\n${withCertificate}[peer_authentication]\nmethod = "psk"\n`).join(),
    /peer_authentication\.method: "psk" needs \[authentication\] method = "psk", too/,
  );
  assert.match(
    problemsOf(`lockdown = true\nwhen_down = "bypass"\n${smallest}`).join(),
    /office\.toml:1:1: lockdown: contradicts when_down = "bypass"/,
  );
  assert.match(problemsOf(`${smallest}[responder]\n`).join(), /responder: goes with role = "gateway" only/);
  assert.deepEqual(problemsOf(`role = "gateway"\n${smallest}[responder]\npool4 = "fd00::/64"\n`), [
    'office.toml: local.identity: is missing: the identity that clients know this gateway by',
    'office.toml:3:1: gateway.address: is for clients; a gateway waits for them, and [local] identity says who it is',
    'office.toml:9:1: responder.pool4: should be a prefix of IPv4 addresses',
  ]);
});

test('names that are no names of profiles', () => {
  for (const name of ['', 'Office', '-x', '../x', 'a b', 'x'.repeat(33), 'a/b', 'é']) {
    assert.throws(() => parseProfile(smallest, name), InvalidFileError, name);
  }
  for (const name of ['a', '0', 'office-2.zrh_x', 'x'.repeat(32)]) parseProfile(smallest, name);
});

test('too many proposals are refused', () => {
  const many = 'aes256gcm16-aes128gcm16-aes256-aes128-sha256-prfsha256-prfsha384-curve25519-ecp256-modp2048';
  assert.deepEqual(problemsOf(`${smallest}[ike]\nproposals = ["${many}"]\n`), []);
  assert.match(
    problemsOf(`${smallest}[ike]\nproposals = ["${many}", "${many}"]\n`).join(),
    /more than 24 proposals/,
  );
});

test('the examples that people are given are profiles', () => {
  const root = new URL('../../../', import.meta.url);
  parseProfile(readFileSync(new URL('resources/profile.example.toml', root), 'utf8'), 'example');
  const reference = readFileSync(new URL('docs/PROFILE.md', root), 'utf8');
  const examples = [...reference.matchAll(/```toml\n(# A whole profile[\s\S]*?)```/g)].map(
    (match) => match[1]!,
  );
  assert.ok(examples.length >= 5, `${examples.length} examples`);
  for (const example of examples) parseProfile(example, 'example');
});
