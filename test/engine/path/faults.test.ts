// Hostile and broken input: nothing is thrown, nothing of it is delivered, no state moves; and a lossy wire between
// two paths never makes a packet arrive twice or changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAssociations } from '../../../main/engine/path/counters.ts';
import { LossyWire } from '../../fakes/lossy-wire.ts';
import type { MemoryEnd } from '../../fakes/memory-end.ts';
import { randomBytes, seededRandom } from '../../fakes/random.ts';
import { createPair, echo, far6, near6, tcp, udp } from './packets.ts';

/** What a stranger must not be able to change. */
function stateOf(end: MemoryEnd) {
  return {
    associations: readAssociations(end.counters).map(({ badIcv: _, replayed: __, ...rest }) => rest),
    events: end.events.length,
    inbound: end.total('inboundPackets'),
    flows: end.total('flows'),
    held: end.total('heldPackets'),
    written: end.written.length,
  };
}

test('25,000 random and mutated ESP packets change nothing', () => {
  const { one, other } = createPair();
  one.outbound(udp({ payload: 200 }), tcp({ payload: 700 }), echo({ from: near6, to: far6 }));
  const [first, ...samples] = one.takeSent();
  other.inbound([first!]);
  other.takeWritten();
  other.advance(1);
  const before = stateOf(other);
  const random = seededRandom(17);
  const datagrams: Uint8Array[] = [];
  for (let count = 0; count < 25_000; count++) {
    if (count % 3 === 0) {
      const bytes = randomBytes(random, Math.floor(random() * 120));
      // Most shall look like ESP of an SA that exists.
      if (bytes.length >= 8 && random() < 0.7) bytes.set([0, 0, 0x10, 0x01]);
      if (bytes.length >= 4 && bytes.slice(0, 4).every((byte) => byte === 0)) bytes[0] = 1;
      datagrams.push(bytes);
    } else {
      datagrams.push(mutate(samples[count % samples.length]!, random));
    }
  }
  other.inbound(datagrams);
  other.advance(1);
  assert.deepEqual(stateOf(other), before);
  const dropped = Object.values(other.allDrops()).reduce((sum, count) => sum + count, 0);
  assert.equal(dropped + other.total('keepalives'), 25_000);
  other.inbound(samples);
  assert.equal(other.takeWritten().length, samples.length, 'what is authentic still arrives');
});

test('25,000 random and mutated IP packets from the terminal and from the link throw nothing', () => {
  const { one } = createPair();
  const samples = [
    udp({ payload: 64 }),
    tcp({ payload: 64 }),
    echo(),
    udp({ from: near6, to: far6 }),
    tcp({ from: near6, to: far6, payload: 900 }),
  ];
  const random = seededRandom(23);
  for (let count = 0; count < 12_500; count++) {
    const bytes =
      count % 4 === 0 ? randomBytes(random, Math.floor(random() * 100)) : mutate(samples[count % 5]!, random);
    one.outbound({
      bytes,
      segmentType: [0, 0, 0, 1, 4, 5][Math.floor(random() * 6)]!,
      segmentSize: Math.floor(random() * 300),
      checksum: Math.floor(random() * 3),
      checksumStart: Math.floor(random() * 120),
      checksumOffset: Math.floor(random() * 20),
    });
    one.inboundClear(bytes);
    one.now += 1;
    one.takeSent();
    one.takeWritten();
  }
  assert.ok(one.total('flows') <= 4096);
  one.outbound(udp());
  assert.equal(one.takeSent().length, 1, 'the path still works');
});

for (const seed of [1, 2, 3, 4]) {
  test(`a wire that loses, doubles, reorders and delays (seed ${seed})`, () => {
    const { one, other } = createPair();
    const wire = new LossyWire(seed, {
      loss: 0.05,
      duplication: 0.05,
      reordering: 0.2,
      delayMilliseconds: 40,
    });
    const arrived = new Set<number>();
    const receive = (): void => {
      other.inbound(wire.receive(one.now));
      for (const { bytes } of other.takeWritten()) {
        const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(28);
        assert.equal(arrived.has(number), false, `packet ${number} came twice`);
        assert.deepEqual(bytes, numbered(number));
        arrived.add(number);
      }
    };
    const count = 2000;
    for (let number = 0; number < count; number++) {
      one.outbound(numbered(number));
      for (const bytes of one.takeSent()) wire.send(bytes, one.now);
      one.advance(1);
      other.advance(1);
      receive();
    }
    one.advance(100);
    receive();
    assert.ok(wire.isEmpty);
    assert.equal(arrived.size, count - wire.lost, 'everything that was not lost arrived');
    assert.deepEqual(Object.keys(other.allDrops()), ['replayed']);
  });
}

function numbered(number: number): Uint8Array {
  const payload = new Uint8Array(40 + (number % 50));
  new DataView(payload.buffer).setUint32(0, number);
  return udp({ payload });
}

/** Some bits flipped, or cut short, or lengthened; never the same bytes. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const kind = Math.floor(random() * 4);
  if (kind === 0) return bytes.slice(0, Math.floor(random() * bytes.length));
  if (kind === 1) {
    const longer = new Uint8Array(bytes.length + 1 + Math.floor(random() * 40));
    longer.set(bytes);
    return longer;
  }
  const copy = bytes.slice();
  const flips = 1 + Math.floor(random() * 4);
  // In different bytes, so that they do not undo each other.
  const start = Math.floor(random() * bytes.length);
  for (let flip = 0; flip < flips; flip++) {
    copy[(start + flip) % copy.length]! ^= 1 << Math.floor(random() * 8);
  }
  // Not into IKE: that is handed over unseen.
  if (copy[0] === 0 && copy[1] === 0 && copy[2] === 0 && copy[3] === 0) copy[0] = 0x80;
  return copy;
}
