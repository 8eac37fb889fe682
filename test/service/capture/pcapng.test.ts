// The pcapng writer: what it writes is read back field by field here, and by tshark and capinfos where they are.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  enhancedPacket,
  interfaceDescription,
  interfaceStatistics,
  linkType,
  maximumBlockBytes,
  sectionHeader,
} from '../../../main/service/capture/pcapng.ts';
import { findProgram } from '../../interop/lab/requirements.ts';

const seed = 20260729;

interface ReadBlock {
  readonly type: number;
  readonly body: DataView;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Checks what holds for every block, and takes it apart; `fixed` tells the length of the fixed fields. */
function read(bytes: Uint8Array, fixed: (body: DataView) => number): ReadBlock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.equal(bytes.length % 4, 0);
  assert.equal(view.getUint32(4, true), bytes.length);
  assert.equal(view.getUint32(bytes.length - 4, true), bytes.length);
  const body = new DataView(bytes.buffer, bytes.byteOffset + 8, bytes.length - 12);
  const options = new Map<number, Uint8Array>();
  for (let place = fixed(body); place < body.byteLength; ) {
    const code = body.getUint16(place, true);
    const length = body.getUint16(place + 2, true);
    if (code === 0) {
      assert.deepEqual([length, place + 4], [0, body.byteLength]);
      break;
    }
    options.set(code, new Uint8Array(body.buffer, body.byteOffset + place + 4, length));
    place += 4 + ((length + 3) & ~3);
  }
  return { type: view.getUint32(0, true), body, options };
}

const timestamps = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
const directions = fc.constantFrom('inbound' as const, 'outbound' as const, undefined);

function time(body: DataView): bigint {
  return (BigInt(body.getUint32(4, true)) << 32n) | BigInt(body.getUint32(8, true));
}

test('every packet comes back as it was, cut to the snap length', () => {
  const cases = fc.record({
    interfaceId: fc.nat(0xffff_ffff),
    timestamp: timestamps,
    direction: directions,
    bytes: fc.uint8Array({ maxLength: 2000 }),
    cutBefore: fc.nat(70_000),
    snapLength: fc.integer({ min: 64, max: 65_535 }),
  });
  fc.assert(
    fc.property(cases, ({ cutBefore, bytes, ...packet }) => {
      const originalLength = bytes.length + cutBefore;
      const { type, body, options } = read(
        enhancedPacket({ ...packet, bytes, originalLength }),
        (fields) => 20 + ((fields.getUint32(12, true) + 3) & ~3),
      );
      const kept = Math.min(bytes.length, packet.snapLength);
      assert.equal(type, 6);
      assert.equal(body.getUint32(0, true), packet.interfaceId);
      const { seconds, nanoseconds } = packet.timestamp;
      assert.equal(time(body), BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
      assert.deepEqual([body.getUint32(12, true), body.getUint32(16, true)], [kept, originalLength]);
      assert.deepEqual(new Uint8Array(body.buffer, body.byteOffset + 20, kept).slice(), bytes.slice(0, kept));
      const flags = options.get(2)?.[0];
      assert.equal(flags, packet.direction && { inbound: 1, outbound: 2 }[packet.direction]);
    }),
    { seed, numRuns: 300 },
  );
});

test('the biggest packet still fits a frame of the control endpoint', () => {
  const bytes = new Uint8Array(70_000).fill(7);
  const packet = {
    interfaceId: 0,
    timestamp: { seconds: 0, nanoseconds: 0 },
    direction: 'inbound',
    snapLength: 65_535,
  } as const;
  for (const length of [65_480, 65_487, 65_488, 65_489, 65_535, 70_000]) {
    const block = enhancedPacket({
      ...packet,
      bytes: bytes.subarray(0, length),
      originalLength: length,
    });
    assert.ok(block.length <= maximumBlockBytes, `${length}: ${block.length}`);
    const { body } = read(block, (fields) => 20 + ((fields.getUint32(12, true) + 3) & ~3));
    assert.deepEqual(
      [body.getUint32(12, true), body.getUint32(16, true)],
      [Math.min(length, 65_488), length],
    );
  }
});

test('headers and statistics', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(), (name, number) => {
      const utf8 = new TextEncoder().encode(name);
      const section = read(sectionHeader(name), () => 16);
      assert.equal(section.type, 0x0a0d0d0a);
      assert.equal(section.body.getUint32(0, true), 0x1a2b3c4d);
      assert.deepEqual(section.options.get(4)?.slice(), utf8);
      const link = read(interfaceDescription({ linkType: linkType.raw, snapLength: number, name }), () => 8);
      assert.deepEqual(
        [link.type, link.body.getUint16(0, true), link.body.getUint32(4, true)],
        [1, 101, number],
      );
      assert.deepEqual(link.options.get(2)?.slice(), utf8);
      assert.deepEqual([...(link.options.get(9) ?? [])], [9]);
      const statistics = read(interfaceStatistics(3, { seconds: 1, nanoseconds: 2 }, number), () => 12);
      assert.deepEqual([statistics.type, time(statistics.body)], [5, 1_000_000_002n]);
      const drops = statistics.options.get(5)!;
      assert.equal(new DataView(drops.buffer, drops.byteOffset, 8).getBigUint64(0, true), BigInt(number));
    }),
    { seed, numRuns: 100 },
  );
});

const missing = ['tshark', 'capinfos'].filter((program) => findProgram(program) === undefined);
const skip = missing.length > 0 && process.env.CI !== 'true' ? `not installed: ${missing.join(', ')}` : false;
if (skip !== false) process.stderr.write(`SKIPPED, pcapng read by others: ${skip}\n`);

test('tshark and capinfos read it', { skip }, () => {
  const echo = Buffer.from(
    '450000240001400040010000c0000201c0000202080000000001000101020304050607080',
    'hex',
  );
  const frame = Buffer.concat([Buffer.from('0200000000010200000000020800', 'hex'), echo]);
  const common = { direction: 'outbound', snapLength: 40 } as const;
  const file = Buffer.concat([
    sectionHeader('SealNIC 1.2.3'),
    interfaceDescription({ linkType: linkType.raw, snapLength: 40, name: 'sealnic0' }),
    enhancedPacket({
      ...common,
      interfaceId: 0,
      timestamp: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
      bytes: echo,
      originalLength: echo.length,
    }),
    interfaceDescription({ linkType: linkType.ethernet, snapLength: 40, name: 'wlan0' }),
    enhancedPacket({
      ...common,
      interfaceId: 1,
      direction: 'inbound',
      timestamp: { seconds: 1_700_000_001, nanoseconds: 1 },
      bytes: frame,
      originalLength: 1400,
    }),
    interfaceStatistics(0, { seconds: 1_700_000_002, nanoseconds: 0 }, 5),
  ]);
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-pcapng-'));
  try {
    const path = join(directory, 'two.pcapng');
    writeFileSync(path, file);
    const fields = [
      'frame.time_epoch',
      'frame.interface_name',
      'frame.cap_len',
      'frame.len',
      'ip.dst',
      'icmp.type',
    ];
    const listing = execFileSync(
      'tshark',
      ['-r', path, '-T', 'fields', '-E', 'separator=,', ...fields.flatMap((field) => ['-e', field])],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );
    assert.deepEqual(listing.trim().split('\n'), [
      `1700000000.123456789,sealnic0,${echo.length},${echo.length},192.0.2.2,8`,
      '1700000001.000000001,wlan0,40,1400,192.0.2.2,8',
    ]);
    const summary = execFileSync('capinfos', [path], { encoding: 'utf8' });
    assert.match(summary, /SealNIC 1\.2\.3/);
    assert.match(summary, /Number of packets:\s+2/);
    assert.match(summary, /Number of interfaces in file:\s+2/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
