// Import of connections from a swanctl.conf: what is taken over, where the secrets go, what is told and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSwanctl, listSwanctlConnections } from '../../../main/service/profile/import-swanctl.ts';
import { ImportError } from '../../../main/service/profile/imported.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';

const office = `
connections {
  defaults-unused { }
}
conn-defaults {
  version = 2
  dpd_delay = 5m
  remote { auth = psk
    id = vpn.example.org }
}
connections {
  office : conn-defaults {
    local_addrs = %any
    remote_addrs = vpn.example.org, 192.0.2.1
    proposals = aes256gcm16-prfsha384-ecp256, 3des-sha1-modp1024, default
    vips = 0.0.0.0, ::
    keyingtries = 0
    local { auth = psk
      id = alice@example.org }
    children {
      net {
        remote_ts = 10.1.0.0/16, 10.2.0.7, fd00:1::/48[tcp/80]
        local_ts = 10.3.0.0/24
        esp_proposals = aes128gcm16-ecp256
        start_action = trap
        dpd_action = restart
      }
    }
  }
}
secrets {
  ike-other { id-1 = bob@example.org
    secret = wrong }
  ike-office { id-1 = fqdn:vpn.example.org
    id-2 = alice@example.org
    secret = "top secret" }
}
`;

const take = (text: string, connections: readonly string[], name?: string) =>
  importSwanctl(Buffer.from(text), { connections, ...(name !== undefined && { name }) });
const codes = (remarks: readonly { code: string }[]) => remarks.map(({ code }) => code);

test('a connection with a pre-shared key', () => {
  assert.deepEqual(listSwanctlConnections(Buffer.from(office)), ['defaults-unused', 'office']);
  const [imported] = take(office, ['office']);
  const profile = parseProfile(imported!.text, 'office');
  assert.deepEqual(profile.gateway, { address: 'vpn.example.org', port: 500, identity: 'vpn.example.org' });
  assert.equal(profile.local.identity, 'alice@example.org');
  assert.deepEqual(profile.authentication, { method: 'psk', secret: 'office' });
  assert.deepEqual(profile.ike.proposals, [
    { encryption: 'aes-256-gcm-16', integrity: 'none', prf: 'hmac-sha2-384', group: 19 },
  ]);
  assert.equal(profile.ike.deadPeerDetectionSeconds, 300);
  assert.deepEqual(profile.esp.proposals, [{ encryption: 'aes-128-gcm-16', group: 19 }]);
  assert.deepEqual(profile.network.protect, ['10.1.0.0/16', '10.2.0.7/32']);
  assert.deepEqual([profile.network.virtualAddress, profile.start, profile.retry], [true, 'on-demand', true]);
  assert.deepEqual(
    imported!.credentials.map(({ kind, name, bytes }) => [kind, name, Buffer.from(bytes).toString()]),
    [['psk', 'office', 'top secret']],
  );
  assert.deepEqual(codes(imported!.remarks), [
    'remark-first-gateway',
    'remark-proposal-parts',
    'remark-not-a-prefix',
    'remark-setting-left-out',
  ]);
  for (const secret of ['top secret', 'wrong']) {
    assert.doesNotMatch(`${imported!.text} ${JSON.stringify(imported!.remarks)}`, new RegExp(secret));
  }
});

test('certificates and EAP: files and users are told, secrets in hexadecimal and base64 are read', () => {
  const text = `connections {
  Zürich { remote_addrs = 2001:db8::1
    remote_port = 4500
    local-1 { certs = alice.pem }
    remote-1 { cacerts = ca.pem
      id = "C=CH, CN=vpn" }
    children { all { remote_ts = 0.0.0.0/0,::/0 } } }
  phone { remote_addrs = vpn.example.org
    local { auth = eap-mschapv2
      eap_id = alice }
    remote { auth = pubkey
      id = *.example.org }
    children { all { } } }
  hex { remote_addrs = 192.0.2.9
    local { auth = psk }
    remote { auth = psk
      id = keyid:key } }
}
secrets { eap-alice { id = alice
    secret = 0sc2VjcmV0 }
  ike { secret = 0x736563726574 } }`;
  const [certificate, phone, hex] = take(text, ['Zürich', 'phone', 'hex']);
  const own = parseProfile(certificate!.text, certificate!.name);
  assert.equal(certificate!.name, 'zurich');
  assert.equal(own.gateway.port, 4500);
  assert.equal(own.network.protect, 'everything');
  assert.equal(own.network.virtualAddress, false);
  assert.deepEqual(own.authentication, {
    method: 'certificate',
    certificate: 'zurich',
    privateKey: 'zurich',
    authorities: ['zurich'],
  });
  assert.deepEqual(codes(certificate!.remarks), ['remark-store-authority', 'remark-store-key-file']);
  const eap = parseProfile(phone!.text, 'phone').authentication;
  assert.ok(eap.method === 'eap' && eap.identity === 'alice' && eap.secret === 'phone');
  assert.deepEqual(eap.authorities, ['system']);
  assert.equal(Buffer.from(phone!.credentials[0]!.bytes).toString(), 'secret');
  assert.deepEqual(codes(phone!.remarks), ['remark-authorities-unknown', 'remark-wildcard-identity']);
  const psk = parseProfile(hex!.text, 'hex');
  assert.equal(psk.gateway.identity, '@#6b6579');
  assert.deepEqual(psk.network.protect, ['192.0.2.9/32']);
  assert.equal(Buffer.from(hex!.credentials[0]!.bytes).toString(), 'secret');
});

test('without a secret that fits, the person is told what to store', () => {
  const [imported] = take(
    office
      .replace('alice@example.org\n    secret = "top', 'x\n    secret = "top')
      .replace('fqdn:vpn.example.org', 'y'),
    ['office'],
    'mine',
  );
  assert.equal(imported!.name, 'mine');
  assert.deepEqual(imported!.credentials, []);
  assert.deepEqual(
    imported!.remarks.find(({ code }) => code === 'remark-store-secret'),
    {
      code: 'remark-store-secret',
      connection: 'office',
      name: 'mine',
    },
  );
});

test('what cannot be done is refused with its line', () => {
  const one = (body: string) => `connections {\n x {\n remote_addrs = 192.0.2.1\n ${body}\n }\n}`;
  for (const [text, code] of [
    ['secrets { }', 'import-no-connection'],
    ['connections { y { } }', 'import-connection-unknown'],
    ['connections {\n x { remote_addrs = %any } }', 'import-gateway-missing'],
    [one('version = 1'), 'import-ike-version-1'],
    [one('local { auth = eap-tls }'), 'import-method-unsupported'],
    [one('local-1 { }\n local-2 { }'), 'import-rounds-unsupported'],
    [one('children { c { mode = transport } }'), 'import-mode-unsupported'],
    [one('local { auth = eap }'), 'import-user-name-missing'],
    [one('local { id = "a b" }'), 'host-name-invalid'],
    [one('include /etc/shadow'), 'settings-include'],
    [one('local {'), 'settings-brace-missing'],
    ['connections { x { remote_addrs = "two words" } }', 'host-invalid'],
  ] as const) {
    assert.throws(
      () => {
        listSwanctlConnections(Buffer.from(text));
        take(text, ['x']);
      },
      (error) => {
        assert.ok(error instanceof ImportError, String(error));
        assert.equal(error.problem.problem.code, code, text);
        return true;
      },
    );
  }
  const alike = 'connections { "a b" { } }';
  assert.throws(() => take(alike, ['a b']), ImportError);
  const twins =
    'connections { Ab { remote_addrs = x\n local { auth = psk } remote { auth = psk } }\n ab : connections.Ab { } }';
  assert.throws(() => take(twins, ['Ab', 'ab']), /one by one/);
});
