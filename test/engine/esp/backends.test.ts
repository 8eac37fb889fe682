// Both AEAD backends against the published vectors, against each other, and against tampering.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nobleBackend } from '../../../main/engine/esp/noble-backend.ts';
import { OpenedPacket, openInPlace } from '../../../main/engine/esp/open.ts';
import type { PacketMemory } from '../../../main/engine/packet/batch.ts';
import { InboundAssociation } from '../../../main/engine/sa/association.ts';
import { opensslBackend } from '../../../main/service/data/openssl-backend.ts';
import { addressOf } from '../../../native/libc-memory.ts';
import { type EspVector, espVectors, hex, toHex } from './vectors.ts';

const nonceAt = 0;
const additionalAt = 16;
const dataAt = 64;

function createMemory(): PacketMemory {
  const buffer = new ArrayBuffer(8192);
  const bytes = new Uint8Array(buffer);
  return { buffer, bytes, view: new DataView(buffer), address: addressOf(bytes) };
}

function espPacket(vector: EspVector): Uint8Array {
  const packet = new Uint8Array(16 + vector.ciphertext.length / 2);
  new DataView(packet.buffer).setUint32(0, vector.spi);
  new DataView(packet.buffer).setUint32(4, vector.sequence);
  packet.set(hex(vector.iv), 8);
  packet.set(hex(vector.ciphertext), 16);
  return packet;
}

function associationFor(memory: PacketMemory, vector: EspVector, backend = nobleBackend): InboundAssociation {
  const keyMaterial = hex(vector.key + vector.salt);
  const parameters = {
    association: 1,
    spi: vector.spi,
    algorithm: vector.algorithm,
    keyMaterial,
    lifetime: {},
    replayWindow: 32,
    localSelectors: [],
    remoteSelectors: [],
    peer: 0,
    encapsulation: 'udp' as const,
  };
  const opener = backend.createOpener(memory, vector.algorithm, hex(vector.key));
  return new InboundAssociation(parameters, opener, { figures: new Float64Array(16), base: 0 }, 0);
}

for (const backend of [nobleBackend, opensslBackend]) {
  for (const vector of espVectors) {
    test(`${backend.name} seals ${vector.name}`, () => {
      const memory = createMemory();
      const plaintext = hex(vector.plaintext);
      const sealer = backend.createSealer(memory, vector.algorithm, hex(vector.key));
      // Twice with one context, whole and in parts: only the nonce may matter.
      for (const parts of [[plaintext.length], [20, 3, plaintext.length - 23]]) {
        memory.bytes.set(hex(vector.salt + vector.iv), nonceAt);
        memory.view.setUint32(additionalAt, vector.spi);
        memory.view.setUint32(additionalAt + 4, vector.sequence);
        memory.bytes.set(plaintext, dataAt);
        sealer.begin(nonceAt, additionalAt, 8);
        let place = dataAt;
        for (const length of parts) {
          sealer.update(place, length, place);
          place += length;
        }
        sealer.finish(place);
        assert.equal(toHex(memory.bytes.subarray(dataAt, place + 16)), vector.ciphertext);
      }
      sealer.destroy();
    });

    test(`${backend.name} opens ${vector.name}`, () => {
      const memory = createMemory();
      const packet = espPacket(vector);
      const sa = associationFor(memory, vector, backend);
      const opened = new OpenedPacket();
      memory.bytes.set(packet, dataAt);
      assert.equal(openInPlace(memory, nonceAt, sa, dataAt, packet.length, opened), true);
      assert.equal(opened.length, vector.innerLength);
      assert.equal(opened.offset, dataAt + 16);
      const inner = memory.bytes.subarray(opened.offset, opened.offset + opened.length);
      assert.equal(toHex(inner), vector.plaintext.slice(0, vector.innerLength * 2));
      sa.opener.destroy();
    });

    test(`${backend.name} refuses ${vector.name} with any one bit changed`, () => {
      const memory = createMemory();
      const packet = espPacket(vector);
      const sa = associationFor(memory, vector, backend);
      const opened = new OpenedPacket();
      for (let bit = 0; bit < packet.length * 8; bit += 5) {
        memory.bytes.set(packet, dataAt);
        memory.bytes[dataAt + (bit >> 3)]! ^= 1 << (bit & 7);
        const accepted = openInPlace(memory, nonceAt, sa, dataAt, packet.length, opened);
        assert.equal(accepted, false, `bit ${bit}`);
      }
      memory.bytes.set(packet, dataAt);
      assert.equal(openInPlace(memory, nonceAt, sa, dataAt, packet.length, opened), true);
      sa.opener.destroy();
    });
  }
}
