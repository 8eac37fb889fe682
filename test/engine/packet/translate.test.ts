import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { IpAddress } from '../../../main/engine/packet/address.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import { buildEcho, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import {
  completeChecksum,
  pseudoHeaderSum,
  verifyHeaderChecksum,
  verifyTransportChecksum,
} from '../../../main/engine/packet/checksum.ts';
import { buildIcmpError } from '../../../main/engine/packet/icmp.ts';
import { type Replacement, rewriteSide } from '../../../main/engine/packet/translate.ts';
import { PacketView, parseQuotedPacket } from '../../../main/engine/packet/view.ts';
import { addressWords } from '../../../main/engine/policy/compiled-ranges.ts';
import { address, kernel, memory, parseAt } from './packets.ts';

const four = { source: address('10.9.0.2'), destination: address('203.0.113.5') };
const six = { source: address('fd00::2'), destination: address('2001:db8::5') };
const newFour = address('192.168.7.77');
const newSix = address('2001:db8:1:2:3:4:5:6');

function replacement(to: IpAddress, port = -1): Replacement {
  const [first = 0, second = 0, third = 0, fourth = 0] = addressWords(to);
  return {
    replacement0: first,
    replacement1: second,
    replacement2: third,
    replacement3: fourth,
    replacementPort: port,
  };
}

function addressAt(offset: number, like: IpAddress): Uint8Array {
  return memory.bytes.slice(offset, offset + like.bytes.length);
}

test('a rewritten packet is the one that would have been built with the new address and port', () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 80 });
  const port = fc.integer({ min: 0, max: 0xffff });
  const kind = fc.constantFrom('tcp', 'udp', 'echo');
  fc.assert(
    fc.property(
      fc.boolean(),
      kind,
      bytes,
      port,
      port,
      fc.boolean(),
      (isFour, name, payload, oldPort, newPort, isSource) => {
        const old = isFour ? four : six;
        const to = isFour ? newFour : newSix;
        const build = (fields: typeof old, ownPort: number): number => {
          const ports = isSource || name === 'echo' ? [ownPort, 99] : [99, ownPort];
          const common = { ...fields, payload, sourcePort: ports[0]!, destinationPort: ports[1]! };
          if (name === 'tcp') return buildTcp(memory, kernel, 40, common);
          if (name === 'udp') return buildUdp(memory, kernel, 40, common);
          return buildEcho(memory, kernel, 40, { ...fields, payload, identifier: ownPort, sequence: 1 });
        };
        const wanted = isSource ? { ...old, source: to } : { ...old, destination: to };
        const expected = memory.bytes.slice(40, 40 + build(wanted, newPort));
        const length = build(old, oldPort);
        const view = parseAt(40, length);
        rewriteSide(memory, kernel, view, isSource ? 'source' : 'destination', replacement(to, newPort), 0);
        const actual = memory.bytes.slice(40, 40 + length);
        // A checksum of 0 and of 0xffff are the same number, except in UDP.
        const checksum = view.transportOffset - 40 + (name === 'tcp' ? 16 : name === 'udp' ? 6 : 2);
        for (const place of isFour ? [10, checksum] : [checksum]) {
          const pair = actual.subarray(place, place + 2);
          if (pair[0] === 0xff && pair[1] === 0xff && name !== 'udp') pair.fill(0);
        }
        assert.deepEqual(actual, expected);
        assert.deepEqual({ ...parseAt(40, length) }, { ...view }, 'the view was rewritten too');
      },
    ),
    { seed: 1, numRuns: 1000 },
  );
});

test('a needed checksum stays a partial sum and completes to the right one', () => {
  for (const [old, to] of [
    [four, newFour],
    [six, newSix],
  ] as const) {
    const payload = new Uint8Array(2000).fill(9);
    const length = buildTcp(memory, kernel, 8, { ...old, sourcePort: 1, destinationPort: 2, payload });
    const view = parseAt(8, length);
    memory.view.setUint16(view.transportOffset + 16, pseudoHeaderSum(view, 6, view.transportLength));
    rewriteSide(memory, kernel, view, 'source', replacement(to, 50_000), checksumState.needed);
    completeChecksum(kernel, memory, 8, length, view.headerLength, 16);
    const rewritten = parseAt(8, length);
    assert.equal(verifyTransportChecksum(kernel, memory, rewritten), true);
    assert.equal(rewritten.sourcePort, 50_000);
  }
});

test('UDP without checksum stays without', () => {
  const length = buildUdp(memory, kernel, 0, { ...four, sourcePort: 1, destinationPort: 2 });
  memory.view.setUint16(26, 0);
  rewriteSide(memory, kernel, parseAt(0, length), 'source', replacement(newFour, 7), 0);
  assert.equal(memory.view.getUint16(26), 0);
  assert.equal(memory.view.getUint16(20), 7);
});

test('a later fragment has its address rewritten and its data left alone', () => {
  const payload = Uint8Array.from({ length: 64 }, (_, index) => index);
  const length = buildUdp(memory, kernel, 0, { ...four, sourcePort: 1, destinationPort: 2, payload });
  memory.view.setUint16(6, 0x2010);
  const data = memory.bytes.slice(20, length);
  const view = parseAt(0, length);
  rewriteSide(memory, kernel, view, 'source', replacement(newFour, 7), 0);
  assert.deepEqual(memory.bytes.slice(20, length), data);
  assert.deepEqual(addressAt(12, newFour), newFour.bytes);
});

for (const [name, sent, to] of [
  ['IPv4', four, newFour],
  ['IPv6', six, newSix],
] as const) {
  test(`an ICMP error over ${name} has the packet that it quotes rewritten on the opposite side`, () => {
    const payload = new Uint8Array(2000);
    const length = buildTcp(memory, kernel, 0, {
      ...sent,
      sourcePort: 60_000,
      destinationPort: 443,
      payload,
    });
    const target = 10_000;
    const errorLength = buildIcmpError(memory, kernel, parseAt(0, length), 'too-big', 1400, target);
    const view = parseAt(target, errorLength);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    rewriteSide(memory, kernel, view, 'destination', replacement(to, 1234), 0);
    const rewritten = parseAt(target, errorLength);
    assert.equal(verifyTransportChecksum(kernel, memory, rewritten), true);
    assert.deepEqual(addressAt(rewritten.destinationOffset, to), to.bytes);
    const quote = new PacketView();
    const quoteOffset = rewritten.transportOffset + 8;
    assert(parseQuotedPacket(memory, quoteOffset, rewritten.transportLength - 8, quote));
    assert.deepEqual(addressAt(quote.sourceOffset, to), to.bytes);
    assert.deepEqual(addressAt(quote.destinationOffset, to), sent.destination.bytes);
    assert.deepEqual([quote.sourcePort, quote.destinationPort], [1234, 443]);
    if (quote.family === 4) {
      assert.equal(verifyHeaderChecksum(memory, target), true);
      assert.equal(verifyHeaderChecksum(memory, quoteOffset), true);
    }
    // The quoted TCP checksum is the one of the packet as the terminal knows it.
    const asSent = buildTcp(memory, kernel, 0, {
      ...sent,
      source: to,
      sourcePort: 1234,
      destinationPort: 443,
      payload,
    });
    const expected = memory.view.getUint16(parseAt(0, asSent).transportOffset + 16);
    assert.equal(memory.view.getUint16(quote.transportOffset + 16), expected);
  });
}

test('an ICMP error whose quote is cut short or nonsense is rewritten without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (quote, outbound) => {
      const length = buildEcho(memory, kernel, 0, { ...four, identifier: 0, sequence: 0, payload: quote });
      memory.bytes[20] = 3;
      memory.bytes.fill(0xaa, length, length + 64);
      const view = parseAt(0, length);
      rewriteSide(memory, kernel, view, outbound ? 'source' : 'destination', replacement(newFour, 1), 0);
      assert(
        memory.bytes.subarray(length, length + 64).every((byte) => byte === 0xaa),
        'nothing behind it',
      );
      assert.equal(verifyHeaderChecksum(memory, 0), true);
    }),
    { seed: 2, numRuns: 2000 },
  );
});

test('an ICMP error whose quote ends ahead of the quoted checksum still verifies', () => {
  for (const [fields, to] of [
    [four, newFour],
    [six, newSix],
  ] as const) {
    const length = buildTcp(memory, kernel, 0, { ...fields, sourcePort: 1, destinationPort: 2 });
    const sent = parseAt(0, length);
    const cut = Object.assign(sent, { length: sent.headerLength + 8 });
    const errorLength = buildIcmpError(memory, kernel, cut, 'no-route', 0, 10_000);
    rewriteSide(memory, kernel, parseAt(10_000, errorLength), 'destination', replacement(to, 9), 0);
    assert.equal(verifyTransportChecksum(kernel, memory, parseAt(10_000, errorLength)), true);
  }
});

test('an ICMP query that is quoted without its identifier is not written beyond its end', () => {
  const quote = new Uint8Array(24);
  quote.set([0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1]);
  quote.set(newFour.bytes, 12);
  quote[20] = 8;
  const length = buildEcho(memory, kernel, 0, { ...four, identifier: 0, sequence: 0, payload: quote });
  memory.bytes[20] = 3;
  memory.bytes.fill(0xaa, length, length + 8);
  rewriteSide(memory, kernel, parseAt(0, length), 'destination', replacement(newFour, 0x1234), 0);
  assert.deepEqual(memory.bytes.slice(length, length + 8), new Uint8Array(8).fill(0xaa));
});

test('an ICMPv6 error whose checksum is still needed completes to the right one', () => {
  const length = buildTcp(memory, kernel, 0, { ...six, sourcePort: 1, destinationPort: 2 });
  // Quoted without its TCP checksum, which would make up for the address.
  const sent = Object.assign(parseAt(0, length), { length: 48 });
  const errorLength = buildIcmpError(memory, kernel, sent, 'no-route', 0, 10_000);
  const view = parseAt(10_000, errorLength);
  memory.view.setUint16(view.transportOffset + 2, pseudoHeaderSum(view, 58, view.transportLength));
  rewriteSide(memory, kernel, view, 'destination', replacement(newSix, 9), checksumState.needed);
  completeChecksum(kernel, memory, 10_000, errorLength, view.headerLength, 2);
  assert.equal(verifyTransportChecksum(kernel, memory, parseAt(10_000, errorLength)), true);
});
