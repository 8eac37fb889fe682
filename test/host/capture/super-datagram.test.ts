// What a packet socket hands over before the offloads are done becomes what is on the network, byte for byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOffloadFinisher, type Offload } from '../../../main/host/capture/super-datagram.ts';

const none: Offload = {
  checksumNeeded: false,
  segmentType: 0,
  segmentSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

/** Ones'-complement sum, written out anew. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let place = 0; place < bytes.length; place += 1) {
    total += place % 2 === 0 ? bytes[place]! << 8 : bytes[place]!;
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** A UDP packet behind `linkHeader` bytes, its checksum field holding nothing useful. */
function superDatagram(version: 4 | 6, linkHeader: number, payload: Uint8Array): Buffer {
  const ip = Buffer.alloc(version === 4 ? 20 : 40);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(40_000, 0);
  udp.writeUInt16BE(4500, 2);
  udp.writeUInt16BE(0xdead, 6);
  if (version === 4) {
    ip[0] = 0x45;
    ip.writeUInt16BE(0xfffe, 4);
    ip[8] = 64;
    ip[9] = 17;
    ip.set([192, 0, 2, 1, 192, 0, 2, 2], 12);
  } else {
    ip[0] = 0x60;
    ip[6] = 17;
    ip.set([0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 8);
    ip.set([0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 24);
  }
  return Buffer.concat([Buffer.alloc(linkHeader, 0xee), ip, udp, payload]);
}

function finish(packet: Uint8Array, linkHeader: number, offload: Offload): Buffer[] {
  const bytes = new Uint8Array(70_000);
  bytes.set(packet, 100);
  const memory = { buffer: bytes.buffer, bytes, view: new DataView(bytes.buffer), address: 0 };
  const packets: Buffer[] = [];
  createOffloadFinisher(memory, linkHeader).finish(100, packet.length, offload, (each) =>
    packets.push(Buffer.from(each)),
  );
  return packets;
}

test('UDP sent as one comes as the datagrams that are on the network, every length and checksum right', () => {
  const cases = fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    linkHeader: fc.constantFrom(0, 14),
    payload: fc.uint8Array({ minLength: 1, maxLength: 5000 }),
    segmentSize: fc.integer({ min: 1, max: 1500 }),
  });
  fc.assert(
    fc.property(cases, ({ version, linkHeader, payload, segmentSize }) => {
      const ipLength = version === 4 ? 20 : 40;
      const udpStart = linkHeader + ipLength;
      const packets = finish(superDatagram(version, linkHeader, payload), linkHeader, {
        checksumNeeded: true,
        segmentType: 5,
        segmentSize,
        checksumStart: udpStart,
        checksumOffset: 6,
      });
      assert.equal(packets.length, Math.ceil(payload.length / segmentSize));
      packets.forEach((packet, number) => {
        const ip = packet.subarray(linkHeader);
        const udp = packet.subarray(udpStart);
        assert.ok(packet.subarray(0, linkHeader).every((byte) => byte === 0xee));
        if (version === 4) {
          assert.equal(ip.readUInt16BE(2), ip.length);
          assert.equal(ip.readUInt16BE(4), (0xfffe + number) & 0xffff);
          assert.equal(sum(ip.subarray(0, 20)), 0xffff);
        } else {
          assert.equal(ip.readUInt16BE(4), ip.length - 40);
        }
        assert.equal(udp.readUInt16BE(4), udp.length);
        const pseudo = Buffer.alloc(4);
        pseudo.writeUInt16BE(17, 0);
        pseudo.writeUInt16BE(udp.length, 2);
        const addresses = version === 4 ? ip.subarray(12, 20) : ip.subarray(8, 40);
        assert.equal(sum(Buffer.concat([addresses, pseudo, udp])), 0xffff);
      });
      const joined = Buffer.concat(packets.map((packet) => packet.subarray(udpStart + 8)));
      assert.deepEqual(joined, Buffer.from(payload));
    }),
    { seed: 4500, numRuns: 200 },
  );
});

test('a checksum that the card would complete is completed', () => {
  const packet = superDatagram(4, 14, Buffer.from('hello'));
  const udp = packet.subarray(34);
  udp.writeUInt16BE(udp.length, 4);
  const pseudo = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0, 17, 0, udp.length]);
  udp.writeUInt16BE(sum(pseudo), 6);
  const [finished] = finish(packet, 14, {
    ...none,
    checksumNeeded: true,
    checksumStart: 34,
    checksumOffset: 6,
  });
  assert.equal(sum(Buffer.concat([pseudo, finished!.subarray(34)])), 0xffff);
});

test('anything else, and whatever the header says, comes as it is and once', () => {
  const wild = fc.record({
    checksumNeeded: fc.boolean(),
    segmentType: fc.integer({ min: 0, max: 255 }),
    segmentSize: fc.nat(0xffff),
    checksumStart: fc.nat(0xffff),
    checksumOffset: fc.nat(0xffff),
  });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 14, maxLength: 300 }), wild, (packet, offload) => {
      const packets = finish(packet, 14, offload);
      assert.ok(packets.length >= 1 && packets.length <= 300);
    }),
    { seed: 500, numRuns: 500 },
  );
  const packet = superDatagram(4, 0, Buffer.alloc(3000, 1));
  assert.deepEqual(finish(packet, 0, none), [packet]);
  assert.deepEqual(finish(packet, 0, { ...none, segmentType: 1, segmentSize: 1000 }), [packet]);
});
