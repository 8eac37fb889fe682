// Runs in node.exe: drives the Windows adapter and says what it saw, one line of JSON a subject.

import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import {
  checksumState,
  createPacketBatch,
  packetHeadroom,
  segmentation,
} from '../../../main/engine/packet/batch.ts';
import { openWintunAdapter, type WintunAdapter } from '../../../main/host/adapter/win32.ts';
import { createReadinessSet } from '../../../main/host/readiness/win32.ts';
import { closeHandle, createEvent, raiseEvent } from '../../../native/kernel32.ts';
import { addressOf, allocateBlock } from '../../../native/libc-memory.ts';
import { loadWintun, WintunError } from '../../../native/wintun.ts';

const [subject = '', folder = '', genuine = '', otherArchitecture = ''] = process.argv.slice(2);
const genuineSha256 = 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce';
const libraryPath = join(folder, 'wintun.dll');
const region = { start: 0, slotSize: 65_536 + 64, slotCount: 16 };
const name = 'sealnic-test';
const mtu = 1400;

/** As in wintun.c. */
const option = { failCreate: 0, driverInUse: 1, missWakeUps: 2, stallSessions: 3, hide: 4 } as const;

const bytes = new Uint8Array(region.slotSize * region.slotCount);
const memory = { buffer: bytes.buffer, bytes, view: new DataView(bytes.buffer), address: addressOf(bytes) };
const log: string[] = [];
const ring = { ringBytes: 0x2_0000, stallMilliseconds: 0 };

function say(what: string, value: unknown): void {
  console.log(JSON.stringify([what, value]));
}

function failureOf(work: () => unknown): unknown {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof WintunError ? error.reason : String(error);
  }
}

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

if (subject === 'library') checkLibrary();
else driveStandIn();

function checkLibrary(): void {
  const changed = join(folder, 'changed.dll');
  copyFileSync(genuine, changed);
  writeFileSync(changed, 'x', { flag: 'a' });
  const text = join(folder, 'text.dll');
  writeFileSync(text, 'no library');
  say(
    'missing',
    failureOf(() => loadWintun(join(folder, 'nowhere', 'wintun.dll'), genuineSha256)),
  );
  say(
    'relative',
    failureOf(() => loadWintun('wintun.dll', genuineSha256)),
  );
  say(
    'changed',
    failureOf(() => loadWintun(changed, genuineSha256)),
  );
  say(
    'text',
    failureOf(() => loadWintun(text, genuineSha256)),
  );
  say(
    'other architecture',
    failureOf(() => loadWintun(otherArchitecture, genuineSha256)),
  );
  const library = loadWintun(genuine, genuineSha256);
  say('driver of the genuine one', library.driverVersion() ?? 'none');
  library.unload();
}

function driveStandIn(): void {
  const library = loadWintun(libraryPath, sha256Of(libraryPath));
  const standIn = koffi.load(libraryPath);
  const set = standIn.func('void __stdcall StandInSet(int option, int value)');
  const inject = standIn.func('int __stdcall StandInInject(const uint8_t *bytes, uint32_t size)');
  const terminate = standIn.func('void __stdcall StandInTerminate()');
  const reportCall = standIn.func('void __stdcall StandInReport(uintptr_t report)');
  const report = () => {
    const block = allocateBlock(28);
    reportCall(block.address);
    const [adapters, sessions, notReleased] = [0, 4, 8].map((at) => block.view.getUint32(at, true));
    return { adapters, sessions, notReleased, guid: Buffer.from(block.bytes.subarray(12)).toString('hex') };
  };
  const open = (settings = ring) =>
    openWintunAdapter(library, { name, mtu }, memory, settings, (level, message) =>
      log.push(`${level}: ${message}`),
    );
  const batch = createPacketBatch(16);
  const stop = createEvent();

  if (subject === 'crash') {
    open();
    say('open', report().adapters);
    process.kill(process.pid, 'SIGKILL');
  }
  if (subject === 'echo') {
    echo(open({ ringBytes: 0x40_0000, stallMilliseconds: 2_000 }), stop);
    say('closed', report());
    return;
  }

  const orphan = open();
  say('log after a crash', log.splice(0));
  orphan.close();
  orphan.close();
  say('closed', { ...report(), counted: library.open });

  set(option.failCreate, 5);
  say('access denied', failureOf(open));
  say('log of a failure', log.splice(0));
  set(option.failCreate, 0);

  const driver = join(process.env.SEALNIC_STANDIN_STATE ?? '', 'driver');
  writeFileSync(driver, '13');
  set(option.driverInUse, 1);
  say('old driver in use', failureOf(open));
  set(option.driverInUse, 0);
  const upgraded = open();
  say('driver after the exchange', library.driverVersion());
  upgraded.close();
  say(
    'a ring of a wrong size',
    failureOf(() => open({ ringBytes: 0x3_0000, stallMilliseconds: 0 })),
  );

  reading(open(), inject, set, stop);
  const writer = open();
  say('written', writing(writer, set));
  writer.close();
  say('rearmed', rearming(set, open));

  const lost = open();
  terminate();
  say(
    'lost when waiting',
    failureOf(() => wait(lost, stop, 1_000)),
  );
  say(
    'lost when reading',
    failureOf(() => lost.read(batch, region)),
  );
  memoryPacket(batch, 40);
  say(
    'lost when writing',
    failureOf(() => lost.write(batch, 0)),
  );
  lost.close();

  say('in the end', { ...report(), counted: library.open });
  closeHandle(stop);
  library.unload();
}

/** As the data thread waits. */
function wait(
  adapter: WintunAdapter,
  stop: number,
  milliseconds: number,
): 'readable' | 'stopped' | 'nothing' {
  const set = createReadinessSet([stop, adapter.waitable]);
  set.wait(adapter.hasWaiting() ? 0 : milliseconds);
  if (set.isReady(0)) return 'stopped';
  return set.isReady(1) || adapter.hasWaiting() ? 'readable' : 'nothing';
}

function reading(
  adapter: WintunAdapter,
  inject: (bytes: Uint8Array, size: number) => number,
  set: (option: number, value: number) => void,
  stop: number,
): void {
  const batch = createPacketBatch(16);
  const sizes = [1, 20, 1400, 65_535];
  for (const size of sizes) inject(packetOf(size), size);
  say('wait', wait(adapter, stop, 60_000));
  adapter.read(batch, region);
  say(
    'read',
    sizes.map((size, index) => {
      const offset = batch.offset[index]!;
      const found = memory.bytes.subarray(offset, offset + batch.length[index]!);
      return (
        Buffer.compare(found, packetOf(size)) === 0 && offset === index * region.slotSize + packetHeadroom
      );
    }),
  );
  adapter.read(batch, region);
  say('read of an empty ring', batch.count);
  say('wait for nothing', wait(adapter, stop, 0));
  raiseEvent(stop);
  say('wait with stop', wait(adapter, stop, 60_000));

  // Three times around the ring, of which a part is left over each time.
  let wrong = 0;
  let taken = 0;
  let sent = 0;
  for (let round = 0; round < 300 && taken < 300; round += 1) {
    while (sent < 300 && inject(packetOf(1_301, sent), 1_301) !== 0) sent += 1;
    adapter.read(batch, region);
    for (let index = 0; index < batch.count; index += 1, taken += 1) {
      if (batch.length[index] !== 1_301 || memory.bytes[batch.offset[index]!] !== (taken & 0xff)) wrong += 1;
    }
  }
  say('around the ring', { taken, wrong });

  inject(packetOf(1), 0);
  inject(packetOf(1_000), 1_000);
  inject(packetOf(100), 100);
  adapter.read(batch, { start: 0, slotSize: 256, slotCount: 16 });
  say('empty and oversized', { read: batch.count, length: batch.length[0], ...adapter.counters });

  // The packet comes after the look that precedes a wait, and the driver says nothing.
  wait(adapter, stop, 0);
  adapter.read(batch, region);
  wait(adapter, stop, 0);
  set(option.missWakeUps, 1);
  set(option.hide, 1);
  inject(packetOf(100), 100);
  const waited = wait(adapter, stop, 100);
  adapter.read(batch, region);
  say('missed wake-up', { waited, read: batch.count });
  set(option.missWakeUps, 0);

  raiseEvent(stop);
  for (let index = 0; index < 20; index += 1) inject(packetOf(100), 100);
  let waits = 0;
  while (wait(adapter, stop, 0) !== 'stopped' && waits < 1_000) waits += 1;
  say('stop under load is seen', waits < 10);
  adapter.close();
}

function writing(adapter: WintunAdapter, set: (option: number, value: number) => void): unknown {
  const batch = createPacketBatch(16);
  for (const length of [100, 0, 65_536, 200, 300, 65_535]) memoryPacket(batch, length, batch.count);
  batch.segmentType[3] = segmentation.tcp4;
  batch.checksum[4] = checksumState.needed;
  const dealtWith = adapter.write(batch, 0);
  set(option.stallSessions, 0);
  return { dealtWith, refused: adapter.refused };
}

/** A ring of which the driver takes nothing: full after a while, then begun anew, then it works. */
function rearming(
  set: (option: number, value: number) => void,
  open: (settings?: typeof ring) => WintunAdapter,
): unknown {
  set(option.stallSessions, 1);
  const adapter = open({ ...ring, stallMilliseconds: 1 });
  const batch = createPacketBatch(16);
  for (let index = 0; index < 16; index += 1) memoryPacket(batch, 60_000, index);
  const beforeEvent = adapter.waitable;
  const first = adapter.write(batch, 0);
  const tries = { first, again: adapter.write(batch, first), rearmed: 0, taken: 0 };
  const end = performance.now() + 10_000;
  while (adapter.counters.rearmed === 0 && performance.now() < end) adapter.write(batch, first);
  tries.rearmed = adapter.counters.rearmed;
  tries.taken = adapter.write(batch, first);
  const newEvent = adapter.waitable !== 0 && beforeEvent !== 0;
  adapter.close();
  return { ...tries, newEvent, log: log.splice(0).filter((line) => line.startsWith('warning')) };
}

/** Answers pings until twenty were answered and no more come. */
function echo(adapter: WintunAdapter, stop: number): void {
  const batch = createPacketBatch(16);
  const end = performance.now() + 60_000;
  let answered = 0;
  let lastPacket = performance.now();
  while (performance.now() < end && (answered < 20 || performance.now() - lastPacket < 1_000)) {
    if (wait(adapter, stop, 1_000) !== 'readable') continue;
    adapter.read(batch, region);
    for (let index = 0; index < batch.count; index += 1) {
      const packet = memory.bytes.subarray(batch.offset[index]!, batch.offset[index]! + batch.length[index]!);
      if (packet[0] !== 0x45 || packet[9] !== 1 || packet[20] !== 8) {
        batch.length[index] = 0;
        continue;
      }
      const source = packet.slice(12, 16);
      packet.copyWithin(12, 16, 20);
      packet.set(source, 16);
      packet[20] = 0;
      const sum = ((packet[22]! << 8) | packet[23]!) + 0x0800;
      packet[22] = ((sum >> 8) + (sum >> 16)) & 0xff;
      packet[23] = sum & 0xff;
      answered += 1;
      lastPacket = performance.now();
    }
    adapter.write(batch, 0);
  }
  say('answered', answered >= 20);
  adapter.close();
}

function packetOf(size: number, number = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (number + index * 7) & 0xff);
}

function memoryPacket(batch: ReturnType<typeof createPacketBatch>, length: number, index = 0): void {
  batch.offset[index] = region.start + index * region.slotSize + packetHeadroom;
  batch.length[index] = length;
  batch.segmentType[index] = segmentation.none;
  batch.checksum[index] = checksumState.complete;
  batch.count = index + 1;
}
