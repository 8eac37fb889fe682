// The bundle as it is gathered from a service at its control endpoint: what is in it, and what is in it nowhere, however
// it is encoded.
import assert from 'node:assert/strict';
import { hostname, userInfo } from 'node:os';
import { test } from 'node:test';
import { unzipSync } from 'fflate';
import { type BundleFile, bundleName, makeBundle, zipBundle } from '../../main/diagnostics/bundle.ts';
import { type Ask, gather } from '../../main/diagnostics/gather.ts';
import { connectedStatus, FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { findingsOf } from './search.ts';

const key = Buffer.alloc(32, 5);
const now = new Date(fixtureNow);
const profileText = `# the key of alice is hunter2-in-a-comment
networks = ["10.1.0.0/16"]
[gateway]
address = "vpn.example.org"
[local]
identity = "alice@example.org"
[authentication]
method = "psk"
secret = "alices-password"
[[filter]]
action = "DISCARD"
destination = "203.0.113.25"
protocol = "tcp"
destination_ports = "25"
note = "no mail, says Carol"
`;

async function bundleOf(service: FakeService): Promise<readonly BundleFile[]> {
  await using fake = await runFake(service);
  const client = await fake.connect();
  const ask: Ask = (name, parameters) => client.call(name as 'status', parameters as never) as never;
  return makeBundle(await gather(ask, { command: '0.1.0' }), key, now);
}

function serviceWithNames(): FakeService {
  const service = new FakeService({
    'profiles.show': ({ profile }) => ({ profile, text: profileText }),
    'terminal.information': () => ({
      hostName: 'alices-laptop',
      links: [
        {
          name: 'enx02005e005301',
          index: 3,
          mtu: 1500,
          up: true,
          loopback: false,
          hardwareAddress: '02:00:5e:00:53:01',
          addresses: ['192.0.2.7/24', 'fe80::5eff:fe00:5301/64'],
          ssid: 'Widgets Guest 5G',
        },
      ],
      defaultLink4: 'enx02005e005301',
    }),
    'log.tail': () => ({
      lines: [
        { sequence: 1, at: fixtureNow, level: 'info', text: 'office: alice at 192.0.2.7 on alices-laptop' },
        { sequence: 2, at: fixtureNow, level: 'error', text: '/home/alice/key.pem; 02:00:5e:00:53:01' },
        { sequence: 3, at: fixtureNow, level: 'info', text: 'mail.example.org has 203.0.113.25' },
      ],
      newest: 3,
    }),
  });
  service.status = statusOf(connectedStatus());
  return service;
}

const forbidden = [
  'hunter2',
  'alices-password',
  'alice',
  'Carol',
  'example.org',
  'no mail',
  'office',
  '192.0.2.7',
  '198.51.100.1',
  '203.0.113.25',
  '10.1.0.53',
  'fd00:9::2',
  '5eff:fe00:5301',
  '02:00:5e:00:53:01',
  '02005e005301',
  'Widgets',
  ...[hostname(), userInfo().username].filter((name) => name.length > 5 && name !== 'localhost'),
];

test('no secret, name or address is in the archive: plain, in hexadecimal or in Base64', async () => {
  const archive = zipBundle(await bundleOf(serviceWithNames()), now);
  const files = Object.entries(unzipSync(archive));
  assert.ok(files.length >= 9, String(files.map(([name]) => name)));
  assert.deepEqual(findingsOf(archive, forbidden), []);
  for (const [name, content] of files) {
    assert.deepEqual(findingsOf(Buffer.from(name), forbidden), [], name);
    assert.deepEqual(findingsOf(content, forbidden), [], `${name}: ${Buffer.from(content)}`);
  }
});

test('the search finds what is there, in every encoding and at every place', () => {
  for (const encoding of ['utf8', 'hex', 'base64'] as const) {
    for (const before of ['', 'x', 'xy']) {
      const bytes = Buffer.from(`${before}alices-password`).toString(encoding);
      assert.deepEqual(findingsOf(Buffer.from(bytes), ['alices-password']), ['alices-password']);
    }
  }
});

test('what helps is in it: states, codes, algorithms, rows, and the same stand-in for the same name', async () => {
  const files = new Map((await bundleOf(serviceWithNames())).map(({ name, text }) => [name, text]));
  const read = (name: string) => JSON.parse(files.get(name) ?? 'null');
  const status = read('status.json');
  const [connection] = status.connections;
  assert.equal(connection.state, 'connected');
  assert.match(connection.profile, /^profile-\w{8}$/);
  assert.equal(connection.details.espAlgorithm, 'aes-256-gcm-16');
  assert.match(connection.details.protectedPrefixes[0], /^10\.\d+\.0\.0\/16$/);
  const [, network] = /^(10\.\d+)\.0\.0\/16$/.exec(connection.details.protectedPrefixes[0]) ?? [];
  assert.ok(connection.details.dns[0].startsWith(`${network}.`));
  assert.match(files.get('log.txt')!, new RegExp(`info ${connection.profile}: `));
  const profile = read(`profiles/${connection.profile}.json`);
  assert.equal(profile.authentication.method, 'psk');
  assert.equal(profile.gateway.address, connection.details.gateway);
  assert.equal(profile.networks[0], connection.details.protectedPrefixes[0]);
  assert.deepEqual(read('filter.json').rows[1].hits, { packets: 12, bytes: 720 });
  assert.equal(read('associations.json').children[0].spi, 'c0ffee01');
  assert.equal(read('findings.json')[1].code, 'leftover-routes');
  assert.equal(read('profiles.json')[2].notValid, 'line 3');
  assert.equal(read('versions.json').command, '0.1.0');
});

test('what is refused is left out, and the bundle says so', async () => {
  await using fake = await runFake(undefined, {
    peerOf: () => ({ pid: 1, uid: 4711, gid: 4711, groups: [], startTime: '1' }),
  });
  const client = await fake.connect();
  const ask: Ask = (name, parameters) => client.call(name as 'status', parameters as never) as never;
  const files = makeBundle(await gather(ask, {}), key, now);
  const names = files.map(({ name }) => name);
  assert.ok(names.includes('status.json') && !names.includes('filter.json') && !names.includes('log.txt'));
  assert.match(files[0]!.text, /- filter\.list: refused\n/);
});

test('its file is named after the moment', () => {
  assert.equal(bundleName(now), 'sealnic-20260612-080000.zip');
});
