// Two paths in memory: what crosses, what waits, what is answered, and under which reason everything else is dropped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nobleBackend } from '../../../main/engine/esp/noble-backend.ts';
import { parseAddress, parsePrefix } from '../../../main/engine/packet/address.ts';
import { readAssociations } from '../../../main/engine/path/counters.ts';
import type { PathEvent } from '../../../main/engine/path/data-plane.ts';
import { selectorFromPrefix } from '../../../main/engine/policy/selector.ts';
import { MemoryEnd } from '../../fakes/memory-end.ts';
import {
  checkPacket,
  createPair,
  echo,
  far,
  far6,
  near,
  near6,
  parameters,
  pattern,
  protectAll,
  row,
  table,
  tcp,
  udp,
} from './packets.ts';

const reply = { from: far, to: near };

function types(events: readonly PathEvent[]): string[] {
  return events.map(({ type }) => type);
}

test('packets of every kind cross the tunnel unchanged, and are counted on both sides', () => {
  const { one, other } = createPair();
  const packets = [
    echo(),
    udp({ payload: 0 }),
    udp({ payload: 1000 }),
    tcp({ payload: 333 }),
    tcp({ payload: 1360 }),
    echo({ from: near6, to: far6, payload: 1000 }),
    tcp({ from: near6, to: far6, payload: 1 }),
  ];
  one.outbound(...packets);
  other.inbound(one.takeSent());
  assert.deepEqual(
    other.takeWritten().map(({ bytes }) => bytes),
    packets,
  );
  assert.deepEqual(one.allDrops(), {});
  assert.deepEqual(other.allDrops(), {});
  const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);
  assert.equal(one.total('outboundBytes'), bytes);
  assert.equal(other.total('inboundBytes'), bytes);
  const sent = readAssociations(one.counters).find(({ direction }) => direction === 'outbound')!;
  assert.deepEqual([sent.packets, sent.bytes, sent.sequence], [packets.length, bytes, packets.length]);
  const heard = readAssociations(other.counters).find(({ direction }) => direction === 'inbound')!;
  assert.deepEqual([heard.packets, heard.bytes, heard.lastUsedMilliseconds], [packets.length, bytes, 1000]);
});

test('nothing of a packet is to be seen in what leaves', () => {
  const { one } = createPair();
  one.outbound(udp({ payload: new TextEncoder().encode('attack at dawn, attack at dawn') }));
  const [sealed] = one.takeSent();
  assert.ok(sealed);
  assert.equal(new DataView(sealed.buffer).getUint32(0), 0x1001);
  assert.equal(new TextDecoder('latin1').decode(sealed).includes('attack'), false);
  assert.equal((sealed.length - 32) % 4, 0);
});

test('equal datagrams leave as one run, a shorter one ends it', () => {
  const { one } = createPair();
  const large = udp({ payload: 500 });
  one.outbound(large, large, large, udp({ payload: 100 }), large, udp({ payload: 100 }));
  const runs = one.sent.map(({ bytes, segmentSize }) => [bytes.length, segmentSize]);
  const size = 16 + 532 + 16;
  const short = 16 + 132 + 16;
  assert.deepEqual(runs, [
    [3 * size + short, size],
    [size + short, size],
  ]);
});

// --- waiting for an SA ------------------------------------------------------------------------------------------------

test('packets without an SA ask for it once, wait, and leave in order when it is there', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  const packets = Array.from({ length: 5 }, (_, index) => udp({ payload: 100 + index }));
  end.outbound(...packets);
  assert.deepEqual(end.events, [
    {
      type: 'agreement-needed',
      association: 1,
      packet: {
        source: parseAddress(near),
        destination: parseAddress(far),
        protocol: 17,
        sourcePort: 40_000,
        destinationPort: 80,
      },
    },
  ]);
  assert.equal(end.total('heldPackets'), 5);
  assert.deepEqual(end.takeSent(), []);
  end.steer((path) => path.installOutbound(parameters(0x1001)));
  const other = createPair().other;
  other.inbound(end.takeSent());
  assert.deepEqual(
    other.takeWritten().map(({ bytes }) => bytes),
    packets,
  );
  assert.equal(end.total('heldPackets'), 0);
  assert.deepEqual(end.allDrops(), {});
});

test('a packet that waits counts once at its row', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  end.outbound(udp());
  end.steer((path) => path.installOutbound(parameters(0x1001)));
  assert.equal(end.total('outboundPackets'), 1);
  end.outbound(udp());
  assert.equal(end.total('outboundPackets'), 2);
});

test('what waits is bounded in packets and in bytes: hold-queue-full', () => {
  const packets = new MemoryEnd();
  packets.path.setPolicy(protectAll);
  for (let count = 0; count < 70; count++) packets.outbound(udp());
  assert.deepEqual(packets.allDrops(), { 'hold-queue-full': 6 });
  const bytes = new MemoryEnd();
  bytes.path.setPolicy(protectAll);
  for (let count = 0; count < 10; count++) {
    bytes.outbound({ ...{ bytes: tcp({ payload: 60_000 }) }, segmentType: 1, segmentSize: 1300 });
  }
  assert.deepEqual(bytes.allDrops(), { 'hold-queue-full': 6 });
});

test('a failed agreement answers what waited and what comes before the next try: agreement-failed', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  end.outbound(udp());
  end.steer((path) => path.agreementFailed(1, end.now + 1000));
  end.outbound(udp({ port: 81 }));
  const answers = end.takeWritten();
  assert.equal(answers.length, 2);
  for (const { bytes } of answers) {
    const view = checkPacket(bytes);
    assert.equal(view.protocol, 1);
    assert.equal(view.destinationPort >> 8, 3, 'destination unreachable');
  }
  assert.deepEqual(end.allDrops(), { 'agreement-failed': 2 });
  assert.deepEqual(types(end.events), ['agreement-needed']);
  end.advance(1000);
  end.outbound(udp());
  assert.deepEqual(types(end.events), ['agreement-needed', 'agreement-needed']);
});

test('answers to the terminal are limited in rate', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  end.steer((path) => path.agreementFailed(1, end.now + 100_000));
  for (let count = 0; count < 500; count++) end.outbound(udp());
  assert.equal(end.takeWritten().length, 64);
  assert.equal(end.drops('agreement-failed'), 500);
});

test('packets wait behind those for which there is no room yet, and none is lost', () => {
  const { one, other } = createPair({ sendBytes: 256 * 1024 });
  one.path.removeOutbound(1, 0x1001);
  const first = Array.from({ length: 4 }, (_, index) =>
    tcp({ payload: 60_000, sequence: 1 + index * 60_000 }),
  );
  for (const bytes of first) one.outbound({ bytes, segmentType: 1, segmentSize: 1300 });
  one.sends = false;
  one.steer((path) => path.installOutbound(parameters(0x1001)));
  one.sends = true;
  for (let index = 4; index < 8; index++) {
    const bytes = tcp({ payload: 60_000, sequence: 1 + index * 60_000 });
    one.outbound({ bytes, segmentType: 1, segmentSize: 1300 });
  }
  one.advance(1);
  other.inbound(one.takeSent());
  assert.deepEqual(one.allDrops(), {});
  assert.equal(types(one.events).length, 1, 'asked once');
  let sequence = 1;
  for (const { bytes } of other.takeWritten()) {
    assert.equal(new DataView(bytes.buffer).getUint32(24), sequence);
    sequence += bytes.length - 40;
  }
  assert.equal(sequence, 1 + 8 * 60_000);
});

// --- reasons, outbound ------------------------------------------------------------------------------------------------

test('malformed: what does not parse', () => {
  const { one } = createPair();
  one.outbound(new Uint8Array(20), udp().subarray(0, 20), Uint8Array.of(0x45));
  assert.deepEqual(one.allDrops(), { malformed: 3 });
  assert.deepEqual(one.takeSent(), []);
});

test('policy-discard: a row, or the default', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(table(row('DISCARD', { to: '10.9.0.2/32' }), row('PROTECT', { to: '10.9.0.0/24' })));
  end.outbound(udp(), udp({ to: '198.51.100.1' }));
  assert.deepEqual(end.allDrops(), { 'policy-discard': 2 });
});

test('policy-discard: what waited for an association that is no longer in the filter', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  end.outbound(udp(), udp());
  end.steer((path) => path.setPolicy(table()));
  assert.deepEqual(end.allDrops(), { 'policy-discard': 2 });
});

test('too-big: answered with the MTU, in both families', () => {
  const { one } = createPair();
  one.outbound(udp({ payload: 1400, dontFragment: true }), udp({ payload: 1400, from: near6, to: far6 }), {
    bytes: udp({ payload: 4000 }),
    segmentType: 5,
    segmentSize: 2000,
  });
  assert.deepEqual(one.allDrops(), { 'too-big': 3 });
  const [answer4, answer6] = one.takeWritten().map(({ bytes }) => bytes);
  assert.equal(checkPacket(answer4!).destinationPort, (3 << 8) | 4);
  assert.equal(new DataView(answer4!.buffer).getUint16(26), 1400);
  assert.equal(checkPacket(answer6!).destinationPort >> 8, 2);
  assert.equal(new DataView(answer6!.buffer).getUint32(44), 1400);
});

test('selector-mismatch: the packet lies outside what was agreed', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  const remoteSelectors = [selectorFromPrefix(parsePrefix('10.9.0.5/32')!)];
  end.path.installOutbound(parameters(0x1001, { remoteSelectors }));
  end.outbound(udp(), udp({ to: '10.9.0.5' }));
  assert.deepEqual(end.allDrops(), { 'selector-mismatch': 1 });
  assert.equal(end.takeSent().length, 1);
});

test('sa-expired: the rest of a super-packet in which a hard limit is reached', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(protectAll);
  end.path.installOutbound(parameters(0x1001, { lifetime: { hardPackets: 2 } }));
  end.outbound({ bytes: tcp({ payload: 3900 }), segmentType: 1, segmentSize: 1300 });
  assert.equal(end.takeSent().length, 2);
  assert.deepEqual(end.allDrops(), { 'sa-expired': 1 });
  assert.deepEqual(types(end.events), ['hard-expired']);
  end.outbound(udp());
  assert.deepEqual(types(end.events), ['hard-expired', 'agreement-needed']);
});

test('send-failed: the underlay takes nothing any more', () => {
  const { one } = createPair({ sendBytes: 4096 });
  one.sends = false;
  one.outbound(...Array.from({ length: 5 }, () => udp({ payload: 1300 })));
  assert.deepEqual(one.allDrops(), { 'send-failed': 2 });
});

test('no-bypass-link: BYPASS decided, and no link takes it', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(table(row('BYPASS', { to: '198.51.100.0/24' })));
  const packet = udp({ to: '198.51.100.1' });
  end.outbound(packet);
  assert.deepEqual(end.bypassed, [packet]);
  end.hasBypassLink = false;
  end.outbound(packet);
  assert.deepEqual(end.allDrops(), { 'no-bypass-link': 1 });
  assert.equal(end.total('bypassOutboundPackets'), 1);
});

// --- reasons, inbound -------------------------------------------------------------------------------------------------

test('unknown-spi, bad-length, keepalives and IKE', () => {
  const { other } = createPair();
  const esp = new Uint8Array(64);
  esp.set([0, 0, 0x99, 0x99]);
  const ike = Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5);
  other.inbound([esp, esp.subarray(0, 33), Uint8Array.of(0xff), Uint8Array.of(0xfe), ike]);
  assert.deepEqual(other.allDrops(), { 'unknown-spi': 1, 'bad-length': 2 });
  assert.equal(other.total('keepalives'), 1);
  assert.deepEqual(other.ike, [Uint8Array.of(1, 2, 3, 4, 5)]);
});

test('every segment of a run is looked at: IKE may trail ESP', () => {
  const { one, other } = createPair();
  one.outbound(udp({ payload: 20 }), udp({ payload: 20 }));
  const [first, second] = one.takeSent();
  const size = first!.length;
  const run = new Uint8Array(2 * size + 9);
  run.set(first!);
  run.set(second!, size);
  run.set([0, 0, 0, 0, 0xaa], 2 * size);
  other.inbound([run], size);
  assert.equal(other.takeWritten().length, 2);
  assert.equal(other.ike.length, 1);
  assert.equal(other.ike[0]![0], 0xaa);
});

test('replayed: a datagram that comes twice', () => {
  const { one, other } = createPair();
  one.outbound(udp());
  const [sealed] = one.takeSent();
  other.inbound([sealed!, sealed!]);
  assert.equal(other.takeWritten().length, 1);
  assert.deepEqual(other.allDrops(), { replayed: 1 });
});

test('bad-icv: a forged packet does not move the window', () => {
  const { one, other } = createPair();
  one.outbound(udp());
  const [sealed] = one.takeSent();
  const forged = sealed!.slice();
  new DataView(forged.buffer).setUint32(4, 0xfffffff0);
  other.inbound([forged, sealed!]);
  assert.deepEqual(other.allDrops(), { 'bad-icv': 1 });
  assert.equal(other.takeWritten().length, 1);
  const sa = readAssociations(other.counters).find(({ direction }) => direction === 'inbound')!;
  assert.deepEqual([sa.badIcv, sa.sequence], [1, 1]);
});

test('selector-mismatch and inbound-policy: an authentic peer sends what was not agreed', () => {
  const { one, other } = createPair();
  const localSelectors = [selectorFromPrefix(parsePrefix('10.9.0.7/32')!)];
  other.path.installInbound(parameters(0x1001, { localSelectors }));
  one.outbound(udp());
  other.inbound(one.takeSent());
  assert.deepEqual(other.allDrops(), { 'selector-mismatch': 1 });
  const second = createPair();
  second.other.path.setPolicy(table(row('BYPASS', { to: '10.9.0.0/24' })));
  second.one.outbound(udp());
  second.other.inbound(second.one.takeSent());
  assert.deepEqual(second.other.allDrops(), { 'inbound-policy': 1 });
  assert.equal(second.other.takeWritten().length, 0);
});

test('sa-expired: an inbound SA past its hard limit', () => {
  const { one, other } = createPair();
  other.path.installInbound(parameters(0x1001, { lifetime: { hardSeconds: 10 } }));
  one.outbound(udp(), udp());
  const [first, second] = one.takeSent();
  other.inbound([first!]);
  other.advance(10_000);
  other.inbound([second!]);
  assert.deepEqual(other.allDrops(), { 'sa-expired': 1 });
  assert.deepEqual(types(other.events), ['hard-expired']);
});

test('in the clear: should-have-been-protected, unsolicited, policy-discard, and the answer to our own', () => {
  const end = new MemoryEnd();
  const bypass = row('BYPASS', { to: '198.51.100.0/24' });
  end.path.setPolicy(
    table(bypass, row('PROTECT', { to: '10.9.0.0/24' }), row('DISCARD', { to: '203.0.113.0/24' })),
  );
  end.inboundClear(
    udp(reply),
    udp({ from: '198.51.100.1', to: near }),
    udp({ from: '203.0.113.1', to: near }),
  );
  assert.deepEqual(end.allDrops(), { 'should-have-been-protected': 1, unsolicited: 1, 'policy-discard': 1 });
  end.outbound(udp({ to: '198.51.100.1', sourcePort: 5000, port: 53 }));
  const answer = udp({ from: '198.51.100.1', to: near, sourcePort: 53, port: 5000 });
  end.inboundClear(answer);
  assert.deepEqual(
    end.takeWritten().map(({ bytes }) => bytes),
    [answer],
  );
  assert.equal(end.total('bypassInboundPackets'), 1);
});

test('fragment-without-first: where a port row could match', () => {
  const end = new MemoryEnd();
  end.path.setPolicy(
    table(row('PROTECT', { to: '10.9.0.0/24', remotePorts: [{ first: 443, last: 443 }], protocol: 17 })),
  );
  end.path.installOutbound(parameters(0x1001));
  const fragment = udp({ payload: 64 });
  new DataView(fragment.buffer).setUint16(6, 100);
  end.outbound(fragment);
  assert.deepEqual(end.allDrops(), { 'fragment-without-first': 1 });
});

test('adapter-refused: the write queue is full and the adapter takes nothing', () => {
  const { one, other } = createPair({ superPackets: false });
  other.writes = false;
  const sealed: Uint8Array[] = [];
  for (let batch = 0; batch < 4100 / 8; batch++) {
    one.outbound(...Array.from({ length: 8 }, () => udp({ payload: 0 })));
    sealed.push(...one.takeSent());
  }
  other.inbound(sealed.slice(0, 4100));
  assert.deepEqual(other.allDrops(), { 'adapter-refused': 4 });
});

test('dummy packets are counted and go no further', () => {
  const { other } = createPair();
  other.inbound([sealDummy()]);
  assert.equal(other.total('dummyPackets'), 1);
  assert.deepEqual(other.allDrops(), {});
  assert.equal(other.takeWritten().length, 0);
});

// --- early packets, rekeying ------------------------------------------------------------------------------------------

test('ESP for an announced SPI waits for its SA, 200 ms', () => {
  const { one } = createPair();
  const other = new MemoryEnd();
  other.path.setPolicy(protectAll);
  other.path.expectInbound(0x1001);
  const packets = [udp({ payload: 10 }), udp({ payload: 11 })];
  one.outbound(...packets);
  other.inbound(one.takeSent());
  assert.deepEqual(other.allDrops(), {});
  other.advance(199);
  other.steer((path) => path.installInbound(parameters(0x1001)));
  assert.deepEqual(
    other.takeWritten().map(({ bytes }) => bytes),
    packets,
  );
});

test('early packets that wait too long, are too many, or wait for nothing', () => {
  const { one } = createPair();
  const other = new MemoryEnd();
  other.path.setPolicy(protectAll);
  other.path.expectInbound(0x1001);
  for (let count = 0; count < 70; count += 7) one.outbound(...Array.from({ length: 7 }, () => udp()));
  other.inbound(one.takeSent());
  assert.deepEqual(other.allDrops(), { 'early-queue-full': 6 });
  assert.equal(other.path.nextDeadlineMilliseconds, other.now + 200);
  other.advance(200);
  assert.deepEqual(other.allDrops(), { 'early-queue-full': 6, 'unknown-spi': 64 });
  one.outbound(udp());
  other.inbound(one.takeSent());
  other.steer((path) => path.cancelExpected(0x1001));
  assert.equal(other.drops('unknown-spi'), 65);
});

test('a rekey loses nothing: the old inbound SA lingers for what is under way', () => {
  const { one, other } = createPair();
  const delivered: number[] = [];
  const underWay: Uint8Array[] = [];
  for (let number = 0; number < 300; number++) {
    if (number === 100) {
      other.steer((path) => path.installInbound(parameters(0x1003)));
      one.steer((path) => path.installOutbound(parameters(0x1003)));
      other.steer((path) => path.removeInbound(0x1001, 5));
    }
    if (number === 110) one.steer((path) => path.removeOutbound(1, 0x1001));
    one.outbound(udp({ payload: Uint8Array.of(number >> 8, number & 0xff) }));
    underWay.push(...one.takeSent());
    if (underWay.length > 20) other.inbound(underWay.splice(0, 1));
    one.advance(10);
    other.advance(10);
    delivered.push(...other.takeWritten().map(({ bytes }) => (bytes[28]! << 8) | bytes[29]!));
  }
  other.inbound(underWay);
  delivered.push(...other.takeWritten().map(({ bytes }) => (bytes[28]! << 8) | bytes[29]!));
  assert.deepEqual(
    delivered,
    Array.from({ length: 300 }, (_, number) => number),
  );
  assert.deepEqual(one.allDrops(), {});
  assert.deepEqual(other.allDrops(), {});
  other.advance(5000);
  assert.equal(readAssociations(other.counters).filter(({ spi }) => spi === 0x1001).length, 0);
});

test('an observer is told of every packet, its verdict and its row', () => {
  const { one, other } = createPair();
  const seen: unknown[] = [];
  for (const end of [one, other]) {
    end.path.observer = (direction, view, verdict, rowId) =>
      seen.push([direction, view.protocol, verdict, rowId]);
  }
  one.outbound(udp(), udp({ to: '198.51.100.1' }));
  other.inbound(one.takeSent());
  assert.deepEqual(seen, [
    ['outbound', 17, 'PROTECT', 'PROTECT 10.9.0.0/24'],
    ['outbound', 17, 'policy-discard', 'outside'],
    ['inbound', 17, 'PROTECT', 'PROTECT 10.9.0.0/24'],
  ]);
});

test('a translated source crosses with right checksums and its answers come back', () => {
  const { one, other } = createPair();
  one.path.setPolicy(table(row('PROTECT', { to: '10.9.0.0/24' })));
  const localSelectors = [selectorFromPrefix(parsePrefix('10.9.0.1/32')!)];
  one.path.installOutbound(parameters(0x1001, { localSelectors }));
  one.path.setTranslation({
    virtual: [{ association: 1, address: parseAddress(near)! }],
    link4: parseAddress('192.168.1.5')!,
  });
  one.outbound(udp({ from: '192.168.1.5', payload: pattern(77) }));
  other.inbound(one.takeSent());
  const [arrived] = other.takeWritten();
  const view = checkPacket(arrived!.bytes);
  assert.deepEqual([...arrived!.bytes.subarray(12, 16)], [10, 9, 0, 1]);
  other.outbound(udp({ from: far, to: near, sourcePort: 80, port: view.sourcePort }));
  one.inbound(other.takeSent());
  const [answer] = one.takeWritten();
  checkPacket(answer!.bytes);
  assert.deepEqual([...answer!.bytes.subarray(16, 20)], [192, 168, 1, 5]);
});

/** A dummy packet (RFC 4303 section 2.6) under the keys of SPI 0x1001. */
function sealDummy(): Uint8Array {
  const end = new MemoryEnd();
  const { memory, layout } = end;
  const sa = parameters(0x1001);
  const packet = new Uint8Array(16 + 20 + 16);
  const at = layout.scratch.start;
  memory.view.setUint32(at, 0x1001);
  memory.view.setUint32(at + 4, 1);
  memory.view.setUint32(at + 12, 1);
  memory.bytes.set(sa.keyMaterial.subarray(-4), layout.nonce);
  memory.view.setUint32(layout.nonce + 8, 1);
  memory.bytes[at + 16 + 19] = 59;
  const sealer = nobleBackend.createSealer(memory, sa.algorithm, sa.keyMaterial.subarray(0, -4));
  sealer.begin(layout.nonce, at, 8);
  sealer.update(at + 16, 20, at + 16);
  sealer.finish(at + 36);
  packet.set(memory.bytes.subarray(at, at + packet.length));
  return packet;
}
