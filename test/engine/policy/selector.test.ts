import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { everyAddress, numberToAddress } from '../../../main/engine/packet/address.ts';
import {
  anyPort,
  formatSelector,
  formatSelectors,
  intersectSelectors,
  opaquePort,
  selectorContains,
  selectorForFamily,
  selectorFromPrefix,
  selectorFromRange,
  selectorsContain,
  selectorsContainSelectors,
  type TrafficSelector,
} from '../../../main/engine/policy/selector.ts';
import { address } from '../packet/packets.ts';
import { range } from './tables.ts';

const port = (value: number) => ({ first: value, last: value });

test('narrowing keeps what both sides want (RFC 7296 section 2.9)', () => {
  const narrowed = intersectSelectors([selectorForFamily(4)], [selectorFromPrefix('10.1.0.0/16')]);
  assert.equal(formatSelectors(narrowed), '10.1.0.0/16');
  const byPort = intersectSelectors(
    [selectorFromPrefix('10.0.0.0/8', 6)],
    [selectorFromPrefix('10.1.0.0/16', 0, { first: 0, last: 1023 }), selectorFromPrefix('fd00::/8')],
  );
  assert.equal(formatSelectors(byPort), '10.1.0.0/16[tcp/0-1023]');
  assert.deepEqual(
    intersectSelectors([selectorFromPrefix('10.0.0.0/8')], [selectorFromPrefix('11.0.0.0/8')]),
    [],
  );
  assert.deepEqual(
    intersectSelectors([selectorFromPrefix('10.0.0.0/8', 6)], [selectorFromPrefix('10.0.0.0/8', 17)]),
    [],
  );
});

test('the initiator’s first, specific selector stands first or is covered by what stands first', () => {
  const wanted = [selectorFromPrefix('10.1.2.3', 6, port(443)), selectorFromPrefix('10.0.0.0/8')];
  const apart = intersectSelectors(wanted, [
    selectorFromPrefix('10.1.2.3', 6),
    selectorFromPrefix('10.9.0.0/16'),
  ]);
  assert.equal(formatSelectors(apart), '10.1.2.3[tcp] 10.9.0.0/16');
  const whole = intersectSelectors(wanted, [selectorFromPrefix('10.1.0.0/16')]);
  assert.equal(formatSelectors(whole), '10.1.0.0/16');
});

test('OPAQUE and ANY ports', () => {
  const opaque = selectorFromPrefix('10.0.0.0/8', 17, opaquePort);
  const any = selectorFromPrefix('10.0.0.0/8', 17);
  const one = selectorFromPrefix('10.0.0.0/8', 17, port(53));
  assert.deepEqual(intersectSelectors([opaque], [any]), [opaque]);
  assert.deepEqual(intersectSelectors([opaque], [opaque]), [opaque]);
  assert.deepEqual(intersectSelectors([opaque], [one]), []);
  const host = address('10.0.0.1');
  assert.equal(selectorsContain([opaque], 17, host, undefined), true);
  assert.equal(selectorsContain([opaque], 17, host, 53), false);
  assert.equal(selectorsContain([one], 17, host, undefined), false);
  assert.equal(selectorsContain([any], 17, host, undefined), true);
  assert.equal(selectorsContain([one], 17, host, 53), true);
  assert.equal(selectorsContain([one], 6, host, 53), false);
  assert.equal(selectorsContain([one], 17, address('11.0.0.1'), 53), false);
});

test('selectors as text', () => {
  assert.equal(formatSelector(selectorFromPrefix('10.1.0.0/16', 6, port(443))), '10.1.0.0/16[tcp/443]');
  assert.equal(formatSelector(selectorFromPrefix('10.1.0.0/16', 17)), '10.1.0.0/16[udp]');
  assert.equal(formatSelector(selectorFromPrefix('::/0', 58, port(128 << 8))), '::/0[icmpv6/128:0]');
  assert.equal(formatSelector(selectorFromPrefix('10.0.0.1', 0, opaquePort)), '10.0.0.1[any/opaque]');
  const between = selectorFromRange(range('10.0.0.5-10.0.0.9'), 99, { first: 1, last: 9 });
  assert.equal(formatSelector(between), '10.0.0.5-10.0.0.9[99/1-9]');
  assert.throws(() => selectorFromPrefix('10.0.0.1/8'), RangeError);
});

const anySelector = fc
  .record({
    protocol: fc.constantFrom(0, 0, 6, 17),
    ports: fc.oneof(
      fc.constant(anyPort),
      fc.constant(opaquePort),
      fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })).map(([a, b]) => ({
        first: Math.min(a, b),
        last: Math.max(a, b),
      })),
    ),
    ends: fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })),
  })
  .map(
    ({ protocol, ports, ends }): TrafficSelector => ({
      protocol,
      ports,
      addresses: {
        first: numberToAddress(BigInt(Math.min(...ends)), 4),
        last: numberToAddress(BigInt(Math.max(...ends)), 4),
      },
    }),
  );

test('a packet is covered by the narrowed list exactly if both lists cover it pairwise', () => {
  const lists = fc.array(anySelector, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(lists, lists, (wanted, allowed) => {
      const common = intersectSelectors(wanted, allowed);
      for (const protocol of [6, 17, 50]) {
        for (const value of [undefined, 0, 1, 3, 7, 9]) {
          for (let host = 0n; host < 8n; host += 1n) {
            const at = numberToAddress(host, 4);
            const expected = wanted.some(
              (one) =>
                selectorsContain([one], protocol, at, value) &&
                selectorsContain(allowed, protocol, at, value),
            );
            assert.equal(selectorsContain(common, protocol, at, value), expected);
          }
        }
      }
      for (const [index, one] of common.entries()) {
        assert(!common.some((other, place) => place !== index && selectorContains(other, one)), 'none twice');
        assert(selectorsContainSelectors(allowed, [one]));
        assert(selectorsContainSelectors(wanted, [one]));
      }
    }),
    { seed: 1, numRuns: 400 },
  );
  assert.equal(
    selectorsContainSelectors([selectorForFamily(4)], [selectorFromRange(everyAddress(6))]),
    false,
  );
});
