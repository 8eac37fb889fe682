import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildEcho, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import {
  completeChecksum,
  foldSum,
  pseudoHeaderSum,
  updateChecksum,
  updatePartialSum,
  verifyHeaderChecksum,
  verifyTransportChecksum,
} from '../../../main/engine/packet/checksum.ts';
import { address, hex, kernel, memory, parseAt, parseBytes } from './packets.ts';

const v4 = { source: address('10.9.0.2'), destination: address('203.0.113.5') };
const v6 = { source: address('fd00::2'), destination: address('2001:db8::5') };

/** RFC 1071 section 1, word by word. */
function naiveSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    sum += (bytes[index]! << 8) | (bytes[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

test('the example of RFC 1071 section 3', () => {
  memory.bytes.set(hex('0001 f203 f4f5 f6f7'), 8);
  assert.equal(kernel.sum(8, 8), 0xddf2);
});

test('the kernel agrees with the naive sum at every offset and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 9 }), (bytes, offset) => {
      memory.bytes.set(bytes, offset);
      assert.equal(kernel.sum(offset, bytes.length) % 0xffff, naiveSum(bytes) % 0xffff);
    }),
    { seed: 1, numRuns: 1000 },
  );
  memory.bytes.fill(0xff, 0, 65_536);
  assert.equal(kernel.sum(0, 65_535) % 0xffff, naiveSum(new Uint8Array(65_535).fill(0xff)) % 0xffff);
});

test('packets that others made have right checksums', () => {
  // The much-quoted IPv4 header of 192.168.0.1 to 192.168.0.199, checksum b861.
  memory.bytes.set(hex('4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7'), 3);
  assert.equal(verifyHeaderChecksum(memory, 3), true);
  // Echo request as Linux sends it on the loopback.
  const ping = parseBytes(
    hex(`4500 0054 d98e 4000 4001 6318 7f000001 7f000001 0800 f7ff 0000 0000 ${'00'.repeat(56)}`),
  );
  assert(ping);
  assert.equal(verifyHeaderChecksum(memory, ping.offset), true);
  assert.equal(verifyTransportChecksum(kernel, memory, ping), true);
});

test('built packets verify, and no longer once a bit is wrong', () => {
  const payload = Uint8Array.from({ length: 41 }, (_, index) => index * 7);
  const ports = { sourcePort: 1000, destinationPort: 2000, payload };
  const builders = [
    () => buildTcp(memory, kernel, 33, { ...v4, ...ports }),
    () => buildTcp(memory, kernel, 33, { ...v6, ...ports }),
    () => buildUdp(memory, kernel, 33, { ...v4, ...ports }),
    () => buildUdp(memory, kernel, 33, { ...v6, ...ports }),
    () => buildEcho(memory, kernel, 33, { ...v4, identifier: 3, sequence: 4, payload }),
    () => buildEcho(memory, kernel, 33, { ...v6, identifier: 3, sequence: 4, payload }),
  ];
  for (const build of builders) {
    const length = build();
    const view = parseAt(33, length);
    if (view.family === 4) assert.equal(verifyHeaderChecksum(memory, 33), true);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    for (const place of [view.transportOffset, 33 + length - 1]) {
      memory.bytes[place]! ^= 0x10;
      assert.equal(verifyTransportChecksum(kernel, memory, view), false);
      memory.bytes[place]! ^= 0x10;
    }
    if (view.protocol === 1) continue;
    memory.bytes[view.sourceOffset + 1]! ^= 1;
    assert.equal(verifyTransportChecksum(kernel, memory, parseAt(33, length)), false, 'pseudo header');
  }
});

test('UDP without checksum, and fragments, are not called verified', () => {
  const length = buildUdp(memory, kernel, 0, { ...v4, sourcePort: 1, destinationPort: 2 });
  memory.view.setUint16(26, 0);
  assert.equal(verifyTransportChecksum(kernel, memory, parseAt(0, length)), false);
  buildUdp(memory, kernel, 0, { ...v4, sourcePort: 1, destinationPort: 2 });
  memory.bytes[6] = 0x20;
  assert.equal(verifyTransportChecksum(kernel, memory, parseAt(0, length)), false);
});

test('a needed checksum is completed to the right one', () => {
  for (const addresses of [v4, v6]) {
    for (const size of [0, 1, 64, 1001]) {
      const payload = Uint8Array.from({ length: size }, (_, index) => index);
      const length = buildTcp(memory, kernel, 7, {
        ...addresses,
        sourcePort: 5,
        destinationPort: 6,
        payload,
      });
      const view = parseAt(7, length);
      const right = memory.view.getUint16(view.transportOffset + 16);
      const partial = pseudoHeaderSum(view, 6, view.transportLength);
      memory.view.setUint16(view.transportOffset + 16, partial);
      completeChecksum(kernel, memory, 7, length, view.headerLength, 16);
      assert.equal(memory.view.getUint16(view.transportOffset + 16), right);
    }
  }
});

test('a UDP checksum that comes out as 0 is written as 0xffff (RFC 768)', () => {
  const fields = { ...v4, sourcePort: 5, destinationPort: 6 };
  const length = buildUdp(memory, kernel, 0, { ...fields, payload: new Uint8Array(2) });
  // Data that is the checksum of the rest makes the sum all ones.
  const payload = memory.bytes.slice(26, 28);
  buildUdp(memory, kernel, 0, { ...fields, payload });
  assert.equal(memory.view.getUint16(26), 0xffff);
  const view = parseAt(0, length);
  assert.equal(verifyTransportChecksum(kernel, memory, view), true);
  memory.view.setUint16(26, pseudoHeaderSum(view, 17, view.transportLength));
  completeChecksum(kernel, memory, 0, length, 20, 6);
  assert.equal(memory.view.getUint16(26), 0xffff);
});

test('incremental update gives what a new sum gives, except for the two zeros', () => {
  const word = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 2, maxLength: 20 }),
      word,
      fc.nat(),
      (words, replacement, place) => {
        const index = place % words.length;
        const before = foldSum(words.reduce((sum, value) => sum + value, 0));
        const old = words[index]!;
        const changed = words.with(index, replacement);
        const after = foldSum(changed.reduce((sum, value) => sum + value, 0));
        assert.equal(updateChecksum(~before & 0xffff, old, replacement) % 0xffff, (~after & 0xffff) % 0xffff);
        assert.equal(updatePartialSum(before, old, replacement) % 0xffff, after % 0xffff);
      },
    ),
    { seed: 2, numRuns: 2000 },
  );
  // RFC 1624 section 4.
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});
