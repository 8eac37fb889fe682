// Stand-ins: stable under one key, gone under another, and nothing of what they stand for is left in a text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressPseudonyms } from '../../main/diagnostics/address-pseudonyms.ts';
import { Pseudonyms } from '../../main/diagnostics/pseudonyms.ts';
import { formatAddress, numberToAddress, parsePrefix } from '../../main/engine/packet/address.ts';

const key = Buffer.alloc(32, 7);
const otherKey = Buffer.alloc(32, 8);

test('addresses that share their first bits share them afterwards, and no two become one', () => {
  const addresses = new AddressPseudonyms(key);
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 6 as const),
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
      fc.nat(128),
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
      (family, one, shared, other) => {
        const bits = family === 4 ? 32n : 128n;
        const first = one >> (128n - bits);
        const behind = bits - (BigInt(shared) % (bits + 1n));
        const second = ((first >> behind) << behind) | (other & ((1n << behind) - 1n));
        const common = (a: bigint, b: bigint): number => {
          let count = 0;
          while (count < bits && a >> (bits - BigInt(count) - 1n) === b >> (bits - BigInt(count) - 1n))
            count++;
          return count;
        };
        const standIn = (value: bigint) => {
          let number = 0n;
          for (const byte of addresses.address(numberToAddress(value, family)).bytes) {
            number = (number << 8n) | BigInt(byte);
          }
          return number;
        };
        assert.equal(common(standIn(first), standIn(second)), common(first, second));
      },
    ),
    { seed: 3, numRuns: 300 },
  );
});

test('what an address is for can still be seen', () => {
  const addresses = new AddressPseudonyms(key);
  const inside = (text: string, prefix: string) => {
    const { address, length } = parsePrefix(prefix)!;
    const standIn = addresses.text(text)!;
    assert.notEqual(standIn, text);
    assert.equal(parsePrefix(`${standIn}`)?.address.family, address.family);
    const start = formatAddress(address).split(/[.:]/)[0]!;
    if (length >= 8) assert.ok(standIn.startsWith(start), `${text} became ${standIn}`);
  };
  inside('10.9.0.2', '10.0.0.0/8');
  inside('192.168.7.13', '192.168.0.0/16');
  inside('fe80::7:1234', 'fe80::/64');
  for (const plain of ['127.0.0.1', '0.0.0.0/0', '::/0', '::1', '0.0.0.0', '255.255.255.255']) {
    assert.equal(addresses.text(plain), plain);
  }
  for (let index = 0; index < 64; index++) {
    const standIn = new AddressPseudonyms(Buffer.alloc(32, index)).text('198.51.100.1')!;
    assert.doesNotMatch(standIn, /^(10|127|0)\.|^192\.168\.|^169\.254\.|^22[4-9]\./);
  }
});

test('a network stays a network, and holds what it held', () => {
  const addresses = new AddressPseudonyms(key);
  const network = addresses.text('10.1.0.0/16')!;
  assert.match(network, /^10\.\d+\.0\.0\/16$/);
  assert.ok(addresses.text('10.1.0.53')!.startsWith(network.split('.').slice(0, 2).join('.')));
  assert.match(addresses.text('192.0.2.7/24')!, /\/24$/);
  assert.equal(addresses.text('2001:db8::/32')!.endsWith('::/32'), true);
});

test('the same is the same under one key, and different under another', () => {
  const [one, again, other] = [new Pseudonyms(key), new Pseudonyms(key), new Pseudonyms(otherKey)];
  for (const text of ['vpn.example.org', 'alice@example.org', '198.51.100.1', '02:00:5e:00:53:01']) {
    assert.equal(one.text(text), again.text(text));
    assert.notEqual(one.text(text), other.text(text));
    assert.notEqual(one.text(text), text);
  }
  assert.equal(one.name('host', 'VPN.example.org'), one.name('host', 'vpn.example.org'));
});

test('nothing of a name is left in a text, wherever it stands', () => {
  const pseudonyms = new Pseudonyms(key);
  pseudonyms.learn('identity', 'alice@acme.example');
  pseudonyms.learn('identity', 'C=CH, O=Acme Widgets, CN=gate.acme.example');
  pseudonyms.learn('profile', 'hauptsitz');
  pseudonyms.learn('user', 'al');
  pseudonyms.learn('network', 'Acme Guest 5G');
  const texts = [
    'hauptsitz: connecting to gate.acme.example (198.51.100.1:4500)',
    '/etc/sealnic/profiles/hauptsitz.toml: line 3',
    'peer "C=CH, O=Acme Widgets, CN=gate.acme.example" is not trusted',
    'ACME WIDGETS and alice, from al at 2001:db8:40::1: timed out.',
    'joined Acme Guest 5G; bssid 02:00:5e:00:53:01',
    '/home/alice/x /Users/Alice/y hauptsitzung',
    '[2001:db8:40::1]:4500 fe80::1%wlan0 10.1.0.0/16-10.2.0.0/16 "10.1.0.53"',
    'carol@other.example at mail.other.example.',
    'see https://carol:pw@portal.other.example:8080/login?user=alice&token=acme and http://198.51.100.1/alice',
  ];
  for (const text of texts) {
    const shown = pseudonyms.text(text);
    assert.doesNotMatch(
      shown,
      /alice|acme|hauptsitz|198\.51|2001:db8|10\.1\.0\.53|5G|02:00:5e|carol|other|token|login|:pw|\bal\b|wlan0\b.*2001/i,
      shown,
    );
  }
  assert.match(
    pseudonyms.text(texts[0]!),
    /^profile-\w{8}: connecting to identity-\w{8} \(\d+\.\d+\.\d+\.\d+:4500\)$/,
  );
});

test('what names nobody stays readable', () => {
  const pseudonyms = new Pseudonyms(key);
  pseudonyms.learn('user', 'root');
  for (const text of [
    'SealNIC 0.1.0 serves at /run/sealnic/control.sock',
    'nft -j list tables: exit code 1; see main/host/firewall/linux.ts:12:3',
    'the service runs as root; 12:34:56; 3.5 Gb/s',
    'undone after an earlier service: /etc/resolv.conf',
    '/usr/lib/libssl.so.3 and /etc/systemd/system/sealnic.service. Done.',
  ]) {
    assert.equal(pseudonyms.text(text), text);
  }
});
