// The recovery code: what was shown is read back; a slip of the pen is named by its group.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatRecoveryCode,
  makeRecoverySecret,
  readRecoveryCode,
} from '../../main/control/recovery-code.ts';

const text = (value: string) => Buffer.from(value, 'utf8');

test('a code is read back, whatever its case, with spaces, and with O and I for 0 and 1', () => {
  for (let round = 0; round < 200; round++) {
    const secret = makeRecoverySecret();
    const code = Buffer.from(formatRecoveryCode(secret)).toString();
    assert.match(code, /^([0-9A-Z]{5}-){7}[0-9A-Z]{5}$/);
    const sloppy = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    for (const typed of [code, sloppy]) assert.deepEqual(readRecoveryCode(text(typed)), secret);
  }
});

test('every single wrong character is noticed, in the right group', () => {
  const secret = makeRecoverySecret();
  const code = Buffer.from(formatRecoveryCode(secret)).toString();
  for (let place = 0; place < code.length; place++) {
    if (code[place] === '-') continue;
    for (const other of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') {
      if (other === code[place]) continue;
      const typed = code.slice(0, place) + other + code.slice(place + 1);
      const group = Math.floor(place / 6) + 1;
      assert.throws(() => readRecoveryCode(text(typed)), new RegExp(`group ${group} is mistyped`));
    }
  }
});

test('swapped neighbouring groups, missing and surplus characters are noticed', () => {
  const groups = Buffer.from(formatRecoveryCode(makeRecoverySecret())).toString().split('-');
  const swapped = [groups[1]!, groups[0]!, ...groups.slice(2)].join('-');
  assert.throws(() => readRecoveryCode(text(swapped)), /mistyped/);
  assert.throws(() => readRecoveryCode(text(groups.slice(1).join('-'))), /eight|8 groups/);
  assert.throws(() => readRecoveryCode(text(`${groups.join('-')}-0`)), /too long/);
  assert.throws(() => readRecoveryCode(text(`${groups.join('-').slice(1)}ü`)), /character/);
});
