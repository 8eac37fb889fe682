// ESP without UDP through the packet path: where it leaves, and what is taken from where.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryEnd } from '../../fakes/memory-end.ts';
import { echo, parameters, protectAll, tcp, udp } from './packets.ts';

/** Two ends that agreed to do without UDP: 0x1001 towards `other`, 0x2002 towards `one`. */
function nativePair() {
  const one = new MemoryEnd();
  const other = new MemoryEnd();
  const native = (spi: number) => parameters(spi, { encapsulation: 'native' });
  for (const end of [one, other]) end.path.setPolicy(protectAll);
  other.path.installInbound(native(0x1001));
  one.path.installOutbound(native(0x1001));
  one.path.installInbound(native(0x2002));
  other.path.installOutbound(native(0x2002));
  return { one, other };
}

const packets = [echo(), udp({ payload: 1000 }), tcp({ payload: 333 })];

test('a native association leaves by the underlay without UDP, and is opened from there', () => {
  const { one, other } = nativePair();
  one.outbound(...packets);
  assert.deepEqual([...new Set(one.sent.map(({ encapsulation }) => encapsulation))], ['native']);
  const sealed = one.takeSent();
  assert.deepEqual(
    sealed.map((bytes) => new DataView(bytes.buffer).getUint32(0)),
    [0x1001, 0x1001, 0x1001],
  );
  other.inboundNative(sealed);
  assert.deepEqual(
    other.takeWritten().map(({ bytes }) => bytes),
    packets,
  );
  assert.deepEqual([one.allDrops(), other.allDrops()], [{}, {}]);
  assert.equal(other.total('datagramsReceived'), packets.length);
});

test('what waited for a native association leaves without UDP too', () => {
  const one = new MemoryEnd();
  one.path.setPolicy(protectAll);
  one.outbound(...packets);
  one.steer((path) => path.installOutbound(parameters(0x1001, { encapsulation: 'native' })));
  const { other } = nativePair();
  assert.deepEqual([...new Set(one.sent.map(({ encapsulation }) => encapsulation))], ['native']);
  other.inboundNative(one.takeSent());
  assert.equal(other.takeWritten().length, packets.length);
});

test('an SA takes what comes either way, whichever was agreed', () => {
  const { one, other } = nativePair();
  one.outbound(...packets);
  other.inbound(one.takeSent());
  assert.equal(other.takeWritten().length, packets.length);

  other.path.installInbound(parameters(0x3003, { encapsulation: 'udp' }));
  one.path.installOutbound(parameters(0x3003, { encapsulation: 'udp' }));
  one.outbound(...packets);
  assert.deepEqual([...new Set(one.sent.map(({ encapsulation }) => encapsulation))], ['udp']);
  other.inboundNative(one.takeSent());
  assert.equal(other.takeWritten().length, packets.length);
  assert.deepEqual(other.allDrops(), {});
});

test('without UDP there is neither IKE nor keepalive: an SPI of zero is one that is unknown', () => {
  const { other } = nativePair();
  const likeIke = new Uint8Array(64);
  other.inboundNative([likeIke, Uint8Array.of(0xff), new Uint8Array(0)]);
  assert.deepEqual(other.allDrops(), { 'unknown-spi': 1, 'bad-length': 2 });
  assert.deepEqual([other.ike, other.total('keepalives'), other.total('ikeDatagrams')], [[], 0, 0]);
});
