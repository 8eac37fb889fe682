// Frames: any chunking gives the same frames; bad ones end in FrameError; memory follows what was received.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeBinary,
  encodeJson,
  type Frame,
  FrameDecoder,
  FrameError,
  frameType,
  maximumBinaryBytes,
  maximumRequestBytes,
} from '../../main/control/frame.ts';

const frameBytes = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }).map((value) => ({ sent: encodeJson(value), text: JSON.stringify(value) })),
  fc
    .record({ stream: fc.nat(0xffffffff), bytes: fc.uint8Array({ maxLength: 300 }) })
    .map(({ stream, bytes }) => ({ sent: encodeBinary(stream, bytes), stream, bytes })),
);

test('frames survive any chunking', () => {
  fc.assert(
    fc.property(
      fc.array(frameBytes, { maxLength: 8 }),
      fc.array(fc.nat(40), { maxLength: 200 }),
      (frames, cuts) => {
        const decoder = new FrameDecoder(maximumRequestBytes);
        const received: Frame[] = [];
        let rest = Buffer.concat(frames.map((frame) => frame.sent));
        for (const cut of [...cuts, rest.length]) {
          received.push(...decoder.push(Buffer.from(rest.subarray(0, cut))));
          rest = rest.subarray(cut);
        }
        const expected = frames.map((frame) =>
          'text' in frame
            ? { type: frameType.json, text: frame.text }
            : { type: frameType.binary, stream: frame.stream, bytes: Buffer.from(frame.bytes) },
        );
        assert.deepEqual(received, expected);
        assert.equal(decoder.partial, false);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

test('random bytes give frames or FrameError, nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
      const decoder = new FrameDecoder(1000);
      try {
        for (const chunk of chunks)
          for (const frame of decoder.push(Buffer.from(chunk))) assert.ok(frame.type);
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
    { seed: 12, numRuns: 3000 },
  );
});

test('lengths and types out of bounds are refused with the header', () => {
  const refused: [number, number][] = [
    [0, frameType.json],
    [maximumRequestBytes + 1, frameType.json],
    [0xffffffff, frameType.json],
    [3, frameType.binary],
    [maximumBinaryBytes + 1, frameType.binary],
    [1, 0],
    [1, 3],
    [1, 255],
  ];
  for (const [length, type] of refused) {
    const decoder = new FrameDecoder(maximumRequestBytes);
    assert.throws(() => [...decoder.push(header(length, type))], FrameError, `${length} ${type}`);
  }
  for (const [length, type] of [
    [maximumRequestBytes, frameType.json] as const,
    [4, frameType.binary] as const,
  ]) {
    const decoder = new FrameDecoder(maximumRequestBytes);
    assert.deepEqual([...decoder.push(header(length, type))], []);
    assert.equal(decoder.partial, true);
  }
});

test('a promised length costs nothing until the bytes come', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 500 }, () => {
    const decoder = new FrameDecoder(maximumRequestBytes);
    for (const _ of decoder.push(header(maximumRequestBytes, frameType.json))) assert.fail();
    for (const _ of decoder.push(Buffer.from('['))) assert.fail();
    return decoder;
  });
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(decoders.every((decoder) => decoder.partial));
  assert.ok(grown < 10 * 1024 * 1024, `${grown} bytes for 500 promises of 1 MiB`);
});

test('the chunk that carried a secret is wiped, its bytes stand alone', () => {
  const chunk = Buffer.concat([encodeBinary(7, Buffer.from('s3cret')), encodeJson('kept')]);
  const [secret, message] = [...new FrameDecoder(maximumRequestBytes).push(chunk)];
  assert.deepEqual(secret, { type: frameType.binary, stream: 7, bytes: Buffer.from('s3cret') });
  assert.deepEqual(message, { type: frameType.json, text: '"kept"' });
  assert.equal(chunk.includes('s3cret'), false);
  assert.ok(secret?.type === frameType.binary && secret.bytes.buffer.byteLength === 4 + 6);
});

function header(length: number, type: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt8(type, 4);
  return bytes;
}
