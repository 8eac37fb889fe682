import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AddressRange,
  addressToNumber,
  compareAddresses,
  everyAddress,
  formatAddress,
  formatEndpoint,
  formatPrefix,
  formatRange,
  intersectRanges,
  numberToAddress,
  parseAddress,
  parsePrefix,
  parseRange,
  prefixToRange,
  rangeContains,
  rangeToPrefixes,
} from '../../../main/engine/packet/address.ts';
import { AddressSet } from '../../../main/engine/packet/address-set.ts';
import { address } from './packets.ts';

const anyAddress = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ({ family: 4 as const, bytes })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ({ family: 6 as const, bytes })),
  // Many zero groups, so that shortening has something to choose from.
  fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 }).map((groups) => ({
    family: 6 as const,
    bytes: Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 255])),
  })),
);

test('addresses are written as RFC 5952 wants them', () => {
  const cases = {
    '2001:DB8:0:0:0:0:2:1': '2001:db8::2:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '0:0:0:0:0:0:0:0': '::',
    '::1': '::1',
    '1::': '1::',
    '::ffff:192.0.2.1': '::ffff:192.0.2.1',
    '::ffff:c000:201': '::ffff:192.0.2.1',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    '192.0.2.1': '192.0.2.1',
  };
  for (const [text, canonical] of Object.entries(cases)) {
    assert.equal(formatAddress(address(text)), canonical);
  }
});

test('what is no address is refused', () => {
  const wrong = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.-4',
    ':',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
  ];
  wrong.push(
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    '::1.2.3',
    '1.2.3.4::',
    'g::',
  );
  wrong.push('::1.2.3.4:5', ' 1.2.3.4', '1.2.3.4 ', '0x1.2.3.4', '1:2:3:4:5:6:7:');
  for (const text of wrong) assert.equal(parseAddress(text), undefined, text);
});

test('every address survives being written and read, and the text is one that the platform knows', () => {
  fc.assert(
    fc.property(anyAddress, (value) => {
      const text = formatAddress(value);
      assert.equal(isIP(text), value.family);
      assert.deepEqual(parseAddress(text), value);
      assert.deepEqual(numberToAddress(addressToNumber(value), value.family), value);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('reading arbitrary text never throws and agrees with the platform', () => {
  const piece = fc.constantFrom(
    ':',
    '::',
    '.',
    '0',
    '1',
    'ff',
    'FFFF',
    '255',
    '256',
    '/',
    '-',
    '12345',
    'x',
    '01',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('');
      const family = parseAddress(text)?.family ?? 0;
      assert.equal(family, isIP(text), text);
      parsePrefix(text);
      parseRange(text);
    }),
    { seed: 2, numRuns: 20_000 },
  );
});

test('prefixes and ranges', () => {
  assert.equal(formatPrefix(parsePrefix('10.1.0.0/16')!), '10.1.0.0/16');
  assert.equal(formatPrefix(parsePrefix('10.1.0.7')!), '10.1.0.7/32');
  assert.equal(parsePrefix('10.1.0.1/16'), undefined);
  assert.equal(parsePrefix('10.1.0.0/33'), undefined);
  assert.equal(parsePrefix('10.1.0.0/016'), undefined);
  assert.equal(parsePrefix('fd00::/8/8'), undefined);
  assert.equal(formatRange(parseRange('10.1.0.0/16')!), '10.1.0.0/16');
  assert.equal(formatRange(parseRange('10.1.0.5-10.1.0.9')!), '10.1.0.5-10.1.0.9');
  assert.equal(formatRange(parseRange('10.1.0.4 - 10.1.0.7')!), '10.1.0.4/30');
  assert.equal(formatRange(parseRange('fd00::5')!), 'fd00::5');
  assert.equal(parseRange('10.1.0.9-10.1.0.5'), undefined);
  assert.equal(parseRange('10.1.0.9-fd00::'), undefined);
  assert.equal(formatRange(everyAddress(4)), '0.0.0.0/0');
  assert.equal(formatRange(everyAddress(6)), '::/0');
  assert.equal(formatEndpoint({ address: address('fd00::1'), port: 4500 }), '[fd00::1]:4500');
  assert.equal(formatEndpoint({ address: address('192.0.2.1'), port: 500 }), '192.0.2.1:500');
  assert.deepEqual(rangeToPrefixes(parseRange('10.0.0.1-10.0.0.6')!).map(formatPrefix), [
    '10.0.0.1/32',
    '10.0.0.2/31',
    '10.0.0.4/31',
    '10.0.0.6/32',
  ]);
});

test('the prefixes of a range cover it exactly and are the fewest', () => {
  const small = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }));
  fc.assert(
    fc.property(small, fc.constantFrom(4 as const, 6 as const), ([a, b], family) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const range = {
        first: numberToAddress(BigInt(low), family),
        last: numberToAddress(BigInt(high), family),
      };
      let next = BigInt(low);
      for (const prefix of rangeToPrefixes(range)) {
        const part = prefixToRange(prefix);
        assert.equal(addressToNumber(part.first), next);
        next = addressToNumber(part.last) + 1n;
      }
      assert.equal(next, BigInt(high) + 1n);
      // A known bound: at most two prefixes a bit.
      assert(rangeToPrefixes(range).length <= 18);
    }),
    { seed: 3, numRuns: 1000 },
  );
  assert.equal(rangeToPrefixes(everyAddress(6)).length, 1);
});

test('comparing, containing and intersecting agree with the numbers', () => {
  fc.assert(
    fc.property(anyAddress, anyAddress, anyAddress, (a, b, c) => {
      if (a.family === b.family) {
        const difference = addressToNumber(a) - addressToNumber(b);
        assert.equal(Math.sign(compareAddresses(a, b)), difference < 0n ? -1 : difference > 0n ? 1 : 0);
        const [first, last] = compareAddresses(a, b) <= 0 ? [a, b] : [b, a];
        const inside =
          c.family === a.family &&
          addressToNumber(first) <= addressToNumber(c) &&
          addressToNumber(c) <= addressToNumber(last);
        assert.equal(rangeContains({ first, last }, c), inside);
        const shared = intersectRanges({ first, last }, { first: c, last: c });
        assert.equal(shared !== undefined, inside);
      } else assert.equal(compareAddresses(a, b) < 0, a.family < b.family);
    }),
    { seed: 4, numRuns: 2000 },
  );
});

test('sets behave as sets of addresses', () => {
  const range = fc
    .tuple(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(4 as const, 6 as const),
    )
    .map(
      ([a, b, family]): AddressRange => ({
        first: numberToAddress(BigInt(Math.min(a, b)), family),
        last: numberToAddress(BigInt(Math.max(a, b)), family),
      }),
    );
  const ranges = fc.array(range, { maxLength: 6 });
  fc.assert(
    fc.property(ranges, ranges, (left, right) => {
      const a = new AddressSet(left);
      const b = new AddressSet(right);
      const [union, rest, shared] = [a.union(b), a.subtract(b), a.intersect(b)];
      const fromPrefixes = new AddressSet(union.toPrefixes().map(prefixToRange));
      for (const family of [4, 6] as const) {
        for (let value = 0; value < 256; value += 1) {
          const point = numberToAddress(BigInt(value), family);
          const inA = left.some((one) => rangeContains(one, point));
          const inB = right.some((one) => rangeContains(one, point));
          assert.equal(a.contains(point), inA);
          assert.equal(union.contains(point), inA || inB);
          assert.equal(fromPrefixes.contains(point), inA || inB);
          assert.equal(rest.contains(point), inA && !inB);
          assert.equal(shared.contains(point), inA && inB);
        }
      }
      assert.equal(union.containsSet(a), true);
      assert.equal(a.containsSet(union), b.subtract(a).isEmpty);
    }),
    { seed: 5, numRuns: 150 },
  );
});

test('the whole space of a family minus one address, and back', () => {
  const all = new AddressSet([everyAddress(4), everyAddress(6)]);
  const one = new AddressSet([parseRange('255.255.255.255')!, parseRange('::')!]);
  assert.deepEqual(all.subtract(one).ranges.map(formatRange), [
    '0.0.0.0-255.255.255.254',
    '::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ]);
  assert.deepEqual(all.subtract(one).union(one).toPrefixes().map(formatPrefix), ['0.0.0.0/0', '::/0']);
});
