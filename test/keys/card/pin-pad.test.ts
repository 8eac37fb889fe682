import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPinPad, readFeatures, verifyStructure } from '../../../main/keys/card/pin-pad.ts';
import type { Pcsc } from '../../../native/pcsc/binding.ts';
import { platform } from '../../../native/pcsc/linux.ts';

test("a reader's features are read, whatever their bytes", () => {
  const bytes = Buffer.from('0604420100060704420100071204420100', 'hex');
  assert.deepEqual(
    [...readFeatures(bytes)],
    [
      [6, 0x42010006],
      [7, 0x42010007],
    ],
  );
  assert.equal(readFeatures(Buffer.from('0605')).size, 0);
  assert.equal(readFeatures(new Uint8Array(0)).size, 0);
});

test('what the reader is told: 4 to 8 digits in ASCII, into a VERIFY of 8 bytes', () => {
  assert.equal(
    Buffer.from(verifyStructure(0x80)).toString('hex'),
    `1e1e820800080402010904000000000d000000${'0020008008'}${'ff'.repeat(8)}`,
  );
});

test('the PIN is typed at the reader, whose answer is the status of the card', () => {
  const controls: number[] = [];
  const pcsc = {
    platform,
    control(_card: number, code: number) {
      controls.push(code);
      return Buffer.from(code === platform.controlCode(3400) ? '060442010006' : '63c2', 'hex');
    },
  } as unknown as Pcsc;
  assert.equal(findPinPad(pcsc, 1)?.verify(0x80), 0x63c2);
  assert.deepEqual(controls, [0x42000d48, 0x42010006]);
  const without = { platform, control: () => new Uint8Array(0) } as unknown as Pcsc;
  assert.equal(findPinPad(without, 1), undefined);
});
