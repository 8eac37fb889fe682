// What a module's process might answer: nothing but a CardError comes of garbage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CardError } from '../../../../main/keys/card/contract.ts';
import {
  frameLength,
  readKeyReports,
  readParts,
  readProblem,
  readSlotReports,
  writeFrame,
} from '../../../../main/keys/card/pkcs11/messages.ts';
import { ecdsaDer } from '../../../../main/keys/card/pkcs11/signature.ts';
import { seededRandom } from '../../../fakes/random.ts';

test('frames are read back', () => {
  const parts = [Buffer.from('{}'), new Uint8Array(0), Buffer.alloc(300, 7)];
  const frame = new Uint8Array(frameLength(parts, true));
  writeFrame(frame, parts, true);
  assert.equal(new DataView(frame.buffer).getUint32(0, true), frame.length - 4);
  assert.equal(frame[4], 1);
  assert.deepEqual(
    readParts(frame.subarray(5)).map((part) => Buffer.from(part)),
    parts.map((part) => Buffer.from(part)),
  );
});

test('20,000 mutated answers: parts or CardError, never anything else', () => {
  const random = seededRandom(11);
  const report = {
    slot: 1,
    reader: 'r',
    insertion: 1,
    label: 'l',
    manufacturer: 'm',
    model: 'm',
    serial: 's',
    flags: 5,
  };
  const key = { key: '01', label: 'l', sign: true, visible: false };
  for (let round = 0; round < 20_000; round++) {
    const json = round % 2 === 0 ? [report] : [key];
    const parts = [Buffer.from(JSON.stringify(json)), Buffer.alloc(8)];
    const frame = new Uint8Array(frameLength(parts, false));
    writeFrame(frame, parts);
    const body = frame.subarray(4, 4 + Math.floor(random() * (frame.length - 3)));
    for (let change = 0; change < 1 + random() * 3; change++) {
      body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
    }
    try {
      const [first] = readParts(round % 5 === 0 ? body : frame.subarray(4));
      readProblem(first);
      if (round % 2 === 0) readSlotReports(first);
      else readKeyReports(first);
    } catch (error) {
      assert.ok(error instanceof CardError, String(error));
      assert.equal(error.problem, 'bad-answer');
    }
  }
});

test('what a token calls itself is one line', () => {
  const told = Buffer.from(
    JSON.stringify([
      {
        slot: 1,
        reader: 'a\nb',
        insertion: 1,
        label: '\u001b[31m',
        manufacturer: '',
        model: '',
        serial: '',
        flags: 0,
      },
    ]),
  );
  const [report] = readSlotReports(told);
  assert.equal(report?.reader, 'a b');
  assert.equal(report?.label, ' [31m');
});

test('ECDSA: numbers side by side become DER, shortest form', () => {
  const signature = Buffer.alloc(64);
  signature[31] = 1;
  signature[32] = 0x80;
  const der = Buffer.from(ecdsaDer(signature, 32)).toString('hex');
  assert.equal(der, `3026${'020101'}${'022100'}80${'00'.repeat(31)}`);
  assert.throws(() => ecdsaDer(signature.subarray(1), 32), CardError);
});
