import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../main/engine/packet/address.ts';
import { buildEcho, buildIp, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import { verifyHeaderChecksum, verifyTransportChecksum } from '../../../main/engine/packet/checksum.ts';
import {
  buildIcmpError,
  type IcmpErrorKind,
  maximumIcmpErrorLength,
} from '../../../main/engine/packet/icmp.ts';
import { PacketView, parseQuotedPacket } from '../../../main/engine/packet/view.ts';
import { address, hex, kernel, memory, parseAt } from './packets.ts';

const v4 = { source: address('10.9.0.2'), destination: address('203.0.113.5') };
const v6 = { source: address('fd00::2'), destination: address('2001:db8::5') };
const target = 100_000;

function answer(length: number, kind: IcmpErrorKind, mtu = 0): number {
  return buildIcmpError(memory, kernel, parseAt(0, length), kind, mtu, target);
}

test('an IPv4 packet that is too big is answered with the MTU (RFC 1191)', () => {
  const payload = new Uint8Array(1460).fill(0x5a);
  const sent = buildTcp(memory, kernel, 0, { ...v4, sourcePort: 4000, destinationPort: 443, payload });
  const length = answer(sent, 'too-big', 1400);
  assert.equal(length, 576);
  const view = parseAt(target, length);
  assert.equal(verifyHeaderChecksum(memory, target), true);
  assert.equal(verifyTransportChecksum(kernel, memory, view), true);
  assert.equal(view.destinationPort, (3 << 8) | 4);
  assert.equal(memory.view.getUint16(view.transportOffset + 6), 1400);
  const from = { family: 4 as const, bytes: memory.bytes.slice(view.sourceOffset, view.sourceOffset + 4) };
  const to = {
    family: 4 as const,
    bytes: memory.bytes.slice(view.destinationOffset, view.destinationOffset + 4),
  };
  assert.deepEqual([formatAddress(from), formatAddress(to)], ['203.0.113.5', '10.9.0.2']);
  assert.deepEqual(
    memory.bytes.slice(view.transportOffset + 8, target + length),
    memory.bytes.slice(0, length - 28),
    'it quotes what was sent',
  );
});

test('an IPv6 packet that is too big is answered within 1280 bytes (RFC 4443 section 3.2)', () => {
  const sent = buildUdp(memory, kernel, 0, {
    ...v6,
    sourcePort: 4000,
    destinationPort: 443,
    payload: new Uint8Array(1452).fill(1),
  });
  const length = answer(sent, 'too-big', 1380);
  assert.equal(length, maximumIcmpErrorLength);
  const view = parseAt(target, length);
  assert.equal(verifyTransportChecksum(kernel, memory, view), true);
  assert.equal(view.destinationPort, 2 << 8);
  assert.equal(memory.view.getUint32(view.transportOffset + 4), 1380);
  const quote = new PacketView();
  assert(parseQuotedPacket(memory, view.transportOffset + 8, length - 48, quote));
  assert.deepEqual([quote.sourcePort, quote.destinationPort], [4000, 443]);
});

test('forbidden and no route have the codes that hosts understand', () => {
  const codes = (length: number): number[] =>
    (['prohibited', 'no-route'] as const).map(
      (kind) => parseAt(target, answer(length, kind)).destinationPort,
    );
  const four = buildUdp(memory, kernel, 0, { ...v4, sourcePort: 1, destinationPort: 2 });
  assert.deepEqual(codes(four), [(3 << 8) | 13, 3 << 8]);
  const six = buildUdp(memory, kernel, 0, { ...v6, sourcePort: 1, destinationPort: 2 });
  assert.deepEqual(codes(six), [(1 << 8) | 1, 1 << 8]);
});

test('an echo request is answered, an ICMP error never is', () => {
  assert(answer(buildEcho(memory, kernel, 0, { ...v4, identifier: 1, sequence: 1 }), 'prohibited') > 0);
  assert(answer(buildEcho(memory, kernel, 0, { ...v6, identifier: 1, sequence: 1 }), 'prohibited') > 0);
  for (const type of [3, 4, 5, 11, 12]) {
    const payload = Uint8Array.from([type, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(answer(buildIp(memory, kernel, 0, 1, { ...v4, payload }), 'prohibited'), 0);
  }
  for (const type of [1, 2, 3, 4, 100, 137]) {
    const payload = Uint8Array.from([type, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(answer(buildIp(memory, kernel, 0, 58, { ...v6, payload }), 'prohibited'), 0);
  }
});

test('nothing is answered that is not from and to a single host, nor a later fragment', () => {
  const ports = { sourcePort: 1, destinationPort: 2 };
  for (const destination of ['224.0.0.251', '255.255.255.255', '240.0.0.1']) {
    const length = buildUdp(memory, kernel, 0, { ...v4, ...ports, destination: address(destination) });
    assert.equal(answer(length, 'prohibited'), 0, destination);
  }
  const unspecified = buildUdp(memory, kernel, 0, { ...v4, ...ports, source: address('0.0.0.0') });
  assert.equal(answer(unspecified, 'prohibited'), 0);
  const multicast = buildUdp(memory, kernel, 0, { ...v6, ...ports, destination: address('ff02::fb') });
  assert.equal(answer(multicast, 'prohibited'), 0);
  const noSource = buildUdp(memory, kernel, 0, { ...v6, ...ports, source: address('::') });
  assert.equal(answer(noSource, 'prohibited'), 0);
  const fragment = buildUdp(memory, kernel, 0, { ...v4, ...ports });
  memory.bytes.set(hex('2001'), 6);
  assert.equal(answer(fragment, 'prohibited'), 0);
  memory.bytes.set(hex('2000'), 6);
  assert(answer(fragment, 'prohibited') > 0, 'the first fragment is');
});
