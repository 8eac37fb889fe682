// The SA store: what it finds, which limits it raises and how often, when keys go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AeadBackend } from '../../../main/engine/esp/aead-backend.ts';
import {
  associationFigureIndex,
  createPathCounters,
  readAssociations,
} from '../../../main/engine/path/counters.ts';
import type { PathEvent } from '../../../main/engine/path/data-plane.ts';
import type { Lifetime, SecurityAssociationParameters } from '../../../main/engine/sa/parameters.ts';
import { AssociationStore } from '../../../main/engine/sa/store.ts';

/** Counts the keys that are held. */
function createStore() {
  const events: PathEvent[] = [];
  const counters = createPathCounters();
  let keys = 0;
  const cipher = () => {
    keys += 1;
    let isHeld = true;
    return {
      begin() {},
      update() {},
      finish() {},
      open: () => true,
      destroy() {
        assert.equal(isHeld, true, 'a key is wiped once');
        isHeld = false;
        keys -= 1;
      },
    };
  };
  const backend: AeadBackend = { name: 'none', createSealer: cipher, createOpener: cipher };
  const buffer = new ArrayBuffer(64);
  const memory = { buffer, bytes: new Uint8Array(buffer), view: new DataView(buffer), address: 0 };
  const store = new AssociationStore({
    memory,
    backend,
    figures: counters.associations,
    emit: (event) => events.push(event),
  });
  return { store, events, counters, keys: () => keys };
}

function parameters(spi: number, lifetime: Lifetime = {}, association = 1): SecurityAssociationParameters {
  return {
    association,
    spi,
    algorithm: 'aes-128-gcm-16',
    keyMaterial: new Uint8Array(20),
    lifetime,
    replayWindow: 1024,
    localSelectors: [],
    remoteSelectors: [],
    peer: 0,
    encapsulation: 'udp',
  };
}

test('inbound SAs are found by SPI, and gone when removed', () => {
  const { store, keys } = createStore();
  store.installInbound(parameters(0xf0000001), 0);
  store.installInbound(parameters(0x100), 0);
  assert.equal(store.findInbound(0xf0000001)?.spi, 0xf0000001);
  assert.equal(store.findInbound(0x100)?.spi, 0x100);
  assert.equal(store.findInbound(0x101), undefined);
  store.removeInbound(0x100, 0, 0);
  assert.equal(store.findInbound(0x100), undefined);
  assert.equal(keys(), 1);
  store.close();
  assert.equal(keys(), 0);
});

test('a removed inbound SA lingers for as long as it was given, and no longer', () => {
  const { store, keys } = createStore();
  store.installInbound(parameters(0x100), 0);
  store.removeInbound(0x100, 5, 1000);
  store.tick(5999);
  assert.equal(store.findInbound(0x100)?.spi, 0x100);
  assert.equal(store.nextDeadlineMilliseconds, 6000);
  store.tick(6000);
  assert.equal(store.findInbound(0x100), undefined);
  assert.equal(keys(), 0);
  assert.equal(store.nextDeadlineMilliseconds, Number.POSITIVE_INFINITY);
});

test('the outbound SA that came last is used; when it goes the one before serves again', () => {
  const { store } = createStore();
  store.installOutbound(parameters(0x100), 0);
  store.installOutbound(parameters(0x200), 0);
  store.installOutbound(parameters(0x300, {}, 2), 0);
  assert.equal(store.findOutbound(1)?.spi, 0x200);
  assert.equal(store.findOutbound(2)?.spi, 0x300);
  store.removeOutbound(1, 0x200);
  assert.equal(store.findOutbound(1)?.spi, 0x100);
  store.removeOutbound(1, 0x100);
  assert.equal(store.findOutbound(1), undefined);
});

test('an outbound SA that is installed again goes on counting, so that no nonce is used twice', () => {
  const { store, keys } = createStore();
  store.installOutbound(parameters(0x100), 0);
  store.findOutbound(1)!.sequence = 1234;
  store.installOutbound(parameters(0x100), 0);
  assert.equal(store.findOutbound(1)?.sequence, 1234);
  store.installOutbound(parameters(0x200), 0);
  assert.equal(store.findOutbound(1)?.sequence, 0);
  assert.equal(keys(), 2);
});

test('soft limits are told once, hard limits end the SA', () => {
  const lifetime = { softPackets: 2, hardPackets: 4 };
  const { store, events, counters, keys } = createStore();
  store.installOutbound(parameters(0x100, lifetime), 0);
  const sa = store.findOutbound(1)!;
  for (let packet = 1; packet <= 5; packet++) {
    if (sa.ended) break;
    counters.associations[sa.place.base + associationFigureIndex.packets] = packet;
    store.checkOutbound(sa, 0);
  }
  assert.deepEqual(events, [
    { type: 'soft-expired', association: 1, spi: 0x100, limit: 'packets' },
    { type: 'hard-expired', association: 1, spi: 0x100, limit: 'packets' },
  ]);
  assert.equal(store.findOutbound(1), undefined);
  assert.equal(keys(), 0, 'its key is wiped at once');
  store.removeOutbound(1, 0x100);
  store.close();
});

test('limits in bytes', () => {
  const { store, events, counters } = createStore();
  store.installInbound(parameters(0x100, { softBytes: 1000, hardBytes: 2000 }), 0);
  const sa = store.findInbound(0x100)!;
  for (const bytes of [999, 1000, 1500, 1999, 2000]) {
    counters.associations[sa.place.base + associationFigureIndex.bytes] = bytes;
    store.checkInbound(sa, 0);
  }
  assert.deepEqual(
    events.map((event) => ('limit' in event ? [event.type, event.limit] : [])),
    [
      ['soft-expired', 'bytes'],
      ['hard-expired', 'bytes'],
    ],
  );
  assert.equal(store.findInbound(0x100)?.ended, true, 'it is still known, so that its packets have a reason');
});

test('limits in seconds come with the tick, and say when they are due', () => {
  const { store, events } = createStore();
  store.installOutbound(parameters(0x100, { softSeconds: 10, hardSeconds: 20 }), 1000);
  assert.equal(store.nextDeadlineMilliseconds, 11_000);
  store.tick(10_999);
  assert.deepEqual(events, []);
  store.tick(11_000);
  store.tick(12_000);
  assert.equal(events.length, 1);
  assert.equal(store.nextDeadlineMilliseconds, 21_000);
  store.tick(21_000);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['soft-expired', 'hard-expired'],
  );
  assert.equal(store.findOutbound(1), undefined);
});

test('an SA that was replaced or deleted asks for no successor', () => {
  const { store, events } = createStore();
  store.installOutbound(parameters(0x100, { softSeconds: 10 }), 0);
  store.installOutbound(parameters(0x200), 0);
  store.installInbound(parameters(0x300, { softSeconds: 10 }), 0);
  store.removeInbound(0x300, 60, 0);
  store.tick(11_000);
  assert.deepEqual(events, []);
});

test('without a packet limit the SA warns before its sequence numbers are used up', () => {
  const { store, events, counters } = createStore();
  store.installOutbound(parameters(0x100), 0);
  const sa = store.findOutbound(1)!;
  counters.associations[sa.place.base + associationFigureIndex.packets] = 0xf0000000;
  store.checkOutbound(sa, 0);
  assert.deepEqual(events, [{ type: 'soft-expired', association: 1, spi: 0x100, limit: 'packets' }]);
});

test('figures can be read by another thread while the SA lives', () => {
  const { store, counters } = createStore();
  const reader = createPathCounters(counters.buffer, counters.rowBuffer);
  store.installInbound(parameters(0xffffffff, {}, 9), 77);
  const [sa] = readAssociations(reader);
  assert.deepEqual(sa, {
    spi: 0xffffffff,
    association: 9,
    direction: 'inbound',
    algorithm: 'aes-128-gcm-16',
    packets: 0,
    bytes: 0,
    sequence: 0,
    installedAtMilliseconds: 77,
    lastUsedMilliseconds: undefined,
    replayed: 0,
    badIcv: 0,
  });
  store.removeInbound(0xffffffff, 0, 0);
  assert.deepEqual(readAssociations(reader), []);
});

test('parameters that cannot be are refused, and leave nothing behind', () => {
  const { store, counters, keys } = createStore();
  assert.throws(() => store.installInbound(parameters(255), 0), RangeError);
  const short = { ...parameters(0x100), keyMaterial: new Uint8Array(16) };
  assert.throws(() => store.installOutbound(short, 0), RangeError);
  const window = { ...parameters(0x100), replayWindow: 33 };
  assert.throws(() => store.installInbound(window, 0), RangeError);
  assert.equal(keys(), 0);
  assert.deepEqual(readAssociations(counters), []);
});
