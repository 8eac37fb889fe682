// Numbers and times as the window shows them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesText,
  clockText,
  countText,
  durationParts,
  instantText,
  rateText,
} from '../../../renderer/logic/format.ts';

test('bytes have three digits and never 1000 of a unit', () => {
  const shown = [0, 999, 1000, 1234, 99_949, 99_951, 999_499, 999_500, 1_512_993_211].map((bytes) => {
    const { number, unit } = bytesText(bytes);
    return `${number} ${unit}`;
  });
  assert.deepEqual(shown, [
    '0 B',
    '999 B',
    '1.00 kB',
    '1.23 kB',
    '99.9 kB',
    '100 kB',
    '999 kB',
    '1.00 MB',
    '1.51 GB',
  ]);
});

test('rates are bits per second', () => {
  assert.deepEqual(rateText(125_000), { number: '1.00', unit: 'Mbit/s' });
  assert.deepEqual(rateText(-5), { number: '0', unit: 'bit/s' });
});

test('durations have their two largest parts', () => {
  const text = (milliseconds: number) =>
    durationParts(milliseconds)
      .map(({ value, unit }) => `${value} ${unit}`)
      .join(' ');
  assert.equal(text(0), '0 seconds');
  assert.equal(text(-1), '0 seconds');
  assert.equal(text(8_900), '8 seconds');
  assert.equal(text(60_000), '1 minutes 0 seconds');
  assert.equal(text(3 * 3_600_000 + 5 * 60_000 + 9_000), '3 hours 5 minutes');
  assert.equal(text(86_400_000), '1 days 0 hours');
});

test('moments of today are times, others have their day', () => {
  const noon = new Date(2026, 4, 3, 12, 5, 9).getTime();
  assert.equal(instantText(noon, noon + 60_000, 'en'), '12:05');
  assert.equal(instantText(noon, noon + 86_400_000, 'en'), 'May 3, 12:05');
  assert.equal(instantText(noon, noon + 86_400_000, 'ja'), '5月3日 12:05');
  assert.equal(clockText(noon, 'ja'), '12:05:09');
  assert.equal(countText(1_284_112, 'en'), '1,284,112');
});
