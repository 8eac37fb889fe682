// Segmentation, fragmentation and coalescing, byte for byte against references that are written differently.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AdapterPacket, MemoryEnd } from '../../fakes/memory-end.ts';
import {
  checkPacket,
  createPair,
  far6,
  near6,
  parameters,
  pattern,
  protectAll,
  tcp,
  udp,
  withPartialChecksum,
} from './packets.ts';

const families = [
  { name: 'IPv4', addresses: {}, ipLength: 20 },
  { name: 'IPv6', addresses: { from: near6, to: far6 }, ipLength: 40 },
] as const;

/** What a network card would make of the super-packet: every segment built anew from its fields. */
function expectedTcp(
  addresses: { from?: string; to?: string },
  payload: Uint8Array,
  size: number,
  flags: number,
  identification: number,
): Uint8Array[] {
  const count = Math.ceil(payload.length / size);
  return Array.from({ length: count }, (_, index) =>
    tcp({
      ...addresses,
      payload: payload.subarray(index * size, (index + 1) * size),
      sequence: (0xffffff00 + index * size) >>> 0,
      flags: (index < count - 1 ? flags & ~0x09 : flags) & (index > 0 ? ~0x80 : 0xff),
      identification: (identification + index) & 0xffff,
    }),
  );
}

function superPacket(bytes: Uint8Array, segmentType: number, segmentSize: number): AdapterPacket {
  return { ...withPartialChecksum(bytes), segmentType, segmentSize };
}

/** What the far end's adapter is given when it takes no super-packets. */
function cross(packets: readonly AdapterPacket[], mtu = 1400): Uint8Array[] {
  const { one, other } = createPair({ superPackets: false });
  one.path.setTunnelMtu(mtu);
  one.outbound(...packets);
  other.inbound(one.takeSent());
  assert.deepEqual(one.allDrops(), {});
  assert.deepEqual(other.allDrops(), {});
  return other.takeWritten().map(({ bytes }) => bytes);
}

for (const { name, addresses, ipLength } of families) {
  test(`a TCP super-packet over ${name} becomes the segments that a network card would make`, () => {
    for (const [length, size, flags] of [
      [5000, 1300, 0x18],
      [1301, 1300, 0x19],
      [1300, 1300, 0x90],
      [60_000, 1321, 0x98],
      [7, 3, 0x10],
    ] as const) {
      const payload = pattern(length);
      const words = { ...addresses, payload, sequence: 0xffffff00, flags, identification: 0xfffe };
      const arrived = cross([superPacket(tcp(words), ipLength === 20 ? 1 : 4, size)]);
      assert.deepEqual(arrived, expectedTcp(addresses, payload, size, flags, 0xfffe));
      for (const bytes of arrived) checkPacket(bytes);
    }
  });

  test(`TCP segments over ${name} that the tunnel cannot carry are made smaller`, () => {
    const payload = pattern(4000);
    const words = { ...addresses, payload, sequence: 0xffffff00, identification: 1 };
    const arrived = cross([superPacket(tcp(words), ipLength === 20 ? 1 : 4, 1400)], 1280);
    assert.deepEqual(arrived, expectedTcp(addresses, payload, 1280 - ipLength - 20, 0x10, 1));
  });

  test(`a UDP super-packet over ${name} becomes its datagrams`, () => {
    const payload = pattern(3000);
    const words = { ...addresses, payload, identification: 5 };
    const arrived = cross([superPacket(udp(words), 5, 1200)]);
    const expected = [0, 1200, 2400].map((start, index) =>
      udp({ ...words, payload: payload.subarray(start, start + 1200), identification: 5 + index }),
    );
    assert.deepEqual(arrived, expected);
    for (const bytes of arrived) checkPacket(bytes);
  });

  test(`a partial checksum over ${name} is completed`, () => {
    const packets = [tcp({ ...addresses, payload: 777 }), udp({ ...addresses, payload: 778 })];
    assert.deepEqual(cross(packets.map(withPartialChecksum)), packets);
  });
}

test('super-packets for a bypass link are taken apart too', () => {
  const end = new MemoryEnd();
  const payload = pattern(4000);
  end.path.setPolicy({
    ...protectAll,
    rows: [],
    protectedRanges: [],
    defaultOutside: { ...protectAll.defaultOutside, action: 'BYPASS' },
  });
  end.outbound(superPacket(tcp({ payload, sequence: 0xffffff00, identification: 3 }), 1, 1448));
  assert.deepEqual(end.bypassed, expectedTcp({}, payload, 1448, 0x10, 3));
});

test('a super-packet that is none is dropped: malformed', () => {
  const { one } = createPair();
  one.outbound({ bytes: udp({ payload: 3000 }), segmentType: 1, segmentSize: 1000 });
  one.outbound({ bytes: tcp({ payload: 3000 }), segmentType: 1, segmentSize: 0 });
  assert.deepEqual(one.allDrops(), { malformed: 2 });
});

test('an IPv4 packet that may be fragmented is, and comes together again', () => {
  const packet = udp({ payload: pattern(5000), identification: 99 });
  const fragments = cross([{ bytes: packet }], 1000);
  assert.equal(fragments.length, 6);
  const whole = new Uint8Array(packet.length);
  whole.set(packet.subarray(0, 20));
  let reach = 0;
  for (const [index, bytes] of fragments.entries()) {
    const view = checkPacket(bytes);
    assert.ok(bytes.length <= 1000);
    assert.equal(view.fragmentId, 99);
    assert.equal(view.fragmentOffset, reach);
    assert.equal(view.moreFragments, index < fragments.length - 1);
    whole.set(bytes.subarray(20), 20 + view.fragmentOffset);
    reach += bytes.length - 20;
  }
  assert.deepEqual(whole, packet);
});

test('only options with the copied flag are in later fragments', () => {
  const plain = udp({ payload: pattern(2000) });
  const packet = new Uint8Array(plain.length + 8);
  packet.set(plain.subarray(0, 20));
  // Timestamp-like option 68 (not copied), then router alert 148 (copied).
  packet.set([68, 4, 5, 0, 148, 4, 0, 0], 20);
  packet.set(plain.subarray(20), 28);
  const view = new DataView(packet.buffer);
  packet[0] = 0x47;
  view.setUint16(2, packet.length);
  view.setUint16(10, 0);
  let sum = 0;
  for (let place = 0; place < 28; place += 2) sum += view.getUint16(place);
  view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  const [first, second] = cross([{ bytes: packet }], 1400);
  assert.deepEqual([...first!.subarray(20, 28)], [68, 4, 5, 0, 148, 4, 0, 0]);
  assert.equal(second![0], 0x46);
  assert.deepEqual([...second!.subarray(20, 24)], [148, 4, 0, 0]);
  checkPacket(second!);
});

// --- coalescing -------------------------------------------------------------------------------------------------------

/** Sends plain packets across to an end that takes super-packets, all in one batch of runs. */
function coalesce(packets: readonly Uint8Array[]): AdapterPacket[] {
  const { one, other } = createPair();
  other.path.setTunnelMtu(1400);
  const sealed: Uint8Array[] = [];
  for (let first = 0; first < packets.length; first += 8) {
    one.outbound(...packets.slice(first, first + 8));
    sealed.push(...one.sent.splice(0).map(({ bytes }) => bytes));
  }
  one.outbound(...[]);
  // One run holds them all where they are of one size; else each run is one entry.
  const size = sealed.length > 0 ? 16 + ((packets[0]!.length + 2 + 3) & -4) + 16 : 0;
  const isUniform = sealed.every((bytes) => bytes.length % size === 0);
  other.inbound(isUniform ? [join(sealed)] : sealed, isUniform ? size : 0);
  assert.deepEqual(other.allDrops(), {});
  return other.takeWritten();
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function stream(count: number, size: number, words: Parameters<typeof tcp>[0] = {}): Uint8Array[] {
  const whole = pattern(count * size);
  return Array.from({ length: count }, (_, index) =>
    tcp({
      ...words,
      payload: whole.subarray(index * size, (index + 1) * size),
      sequence: (0xfffff000 + index * size) >>> 0,
      identification: index,
    }),
  );
}

for (const { name, addresses, ipLength } of families) {
  test(`consecutive segments over ${name} become one super-packet that the system can take apart again`, () => {
    const segments = stream(8, 1000, addresses);
    const written = coalesce(segments);
    assert.equal(written.length, 1);
    const [packet] = written;
    assert.deepEqual(
      [
        packet!.segmentType,
        packet!.segmentSize,
        packet!.checksum,
        packet!.checksumStart,
        packet!.checksumOffset,
      ],
      [ipLength === 20 ? 1 : 4, 1000, 1, ipLength, 16],
    );
    const expected = tcp({ ...addresses, payload: pattern(8000), sequence: 0xfffff000, identification: 0 });
    assert.deepEqual(packet!.bytes, withPartialChecksum(expected).bytes);
    // There and back: a second pair segments what the first one merged.
    assert.deepEqual(cross([packet!]), segments);
  });
}

test('what does not continue a segment is left alone, and the order of a flow is kept', () => {
  const [first, second, third] = stream(3, 100);
  const cases: [string, Uint8Array[], number[]][] = [
    ['a gap', [first!, third!], [140, 140]],
    [
      'a pure acknowledgement between',
      [first!, tcp({ payload: 0, sequence: 0xfffff064 }), second!],
      [140, 40, 140],
    ],
    ['another flow between', [first!, tcp({ payload: 100, port: 443 }), second!], [240, 140]],
    ['FIN', [first!, tcp({ payload: 100, sequence: 0xfffff064, flags: 0x11 })], [140, 140]],
    ['PSH ends it', [first!, tcp({ payload: 100, sequence: 0xfffff064, flags: 0x18 }), third!], [240, 140]],
    [
      'a shorter one ends it',
      [first!, tcp({ payload: 50, sequence: 0xfffff064 }), tcp({ payload: 50, sequence: 0xfffff096 })],
      [190, 90],
    ],
    ['a larger one', [first!, tcp({ payload: 101, sequence: 0xfffff064 })], [140, 141]],
    ['UDP between', [first!, udp({ payload: 4 }), second!], [240, 32]],
  ];
  for (const [name, packets, lengths] of cases) {
    const { one, other } = createPair();
    one.outbound(...packets);
    other.inbound(one.takeSent());
    assert.deepEqual(
      other.takeWritten().map(({ bytes }) => bytes.length),
      lengths,
      name,
    );
  }
});

test('a segment with a wrong checksum is never vouched for', () => {
  const [first, second, third] = stream(3, 100);
  const broken = second!.slice();
  broken[60]! ^= 1;
  const { one, other } = createPair();
  one.outbound(first!, broken, third!);
  other.inbound(one.takeSent());
  const written = other.takeWritten();
  assert.deepEqual(
    written.map(({ checksum }) => checksum),
    [2, 0, 2],
  );
  assert.deepEqual(written[1]!.bytes, broken);
});

test('super-packets stay below 64 KiB', () => {
  const segments = stream(50, 1348);
  const written = coalesce(segments);
  assert.ok(written.every(({ bytes }) => bytes.length <= 65_535));
  assert.equal(written.length, 2);
  const payload = join(written.map(({ bytes }) => bytes.subarray(40)));
  assert.deepEqual(payload, pattern(50 * 1348));
});

test('any sequence of TCP segments arrives with every byte of every flow in order', () => {
  const segment = fc.record({
    flow: fc.integer({ min: 0, max: 20 }),
    size: fc.integer({ min: 0, max: 300 }),
    push: fc.boolean(),
    gap: fc.boolean(),
    isSix: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 60 }), (segments) => {
      const next = new Map<string, number>();
      const sentBytes = new Map<string, number[]>();
      const { one, other } = createPair();
      const sealed: Uint8Array[] = [];
      for (const { flow, size, push, gap, isSix } of segments) {
        const key = `${isSix} ${flow}`;
        const sequence = ((next.get(key) ?? 0xffffff80) + (gap ? 5 : 0)) >>> 0;
        const payload = pattern(size, flow + sequence);
        const words = isSix ? { from: near6, to: far6 } : {};
        one.outbound(
          tcp({ ...words, sourcePort: 1000 + flow, payload, sequence, flags: push ? 0x18 : 0x10 }),
        );
        next.set(key, (sequence + size) >>> 0);
        sentBytes.set(key, [...(sentBytes.get(key) ?? []), ...payload]);
        sealed.push(...one.takeSent());
      }
      other.inbound(sealed);
      const arrivedBytes = new Map<string, number[]>();
      for (const { bytes, segmentType } of other.takeWritten()) {
        if (segmentType === 0) checkPacket(bytes);
        const isSix = bytes[0]! >> 4 === 6;
        const start = isSix ? 40 : 20;
        const key = `${isSix} ${new DataView(bytes.buffer).getUint16(start) - 1000}`;
        arrivedBytes.set(key, [...(arrivedBytes.get(key) ?? []), ...bytes.subarray(start + 20)]);
      }
      for (const [key, bytes] of sentBytes) assert.deepEqual(arrivedBytes.get(key) ?? [], bytes);
      assert.deepEqual(other.allDrops(), {});
    }),
    { seed: 11, numRuns: 60 },
  );
});

test('keys can be installed for all three transforms', () => {
  for (const algorithm of ['aes-128-gcm-16', 'aes-256-gcm-16', 'chacha20-poly1305'] as const) {
    const { one, other } = createPair();
    one.path.installOutbound(parameters(0x5000, { algorithm }));
    other.path.installInbound(parameters(0x5000, { algorithm }));
    const packet = udp({ payload: 1234 });
    one.outbound(packet);
    other.inbound(one.takeSent());
    assert.deepEqual(other.takeWritten()[0]?.bytes, packet);
  }
});
