// Cards in words: tries left, validity, slots; and the management key as it is typed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CardStatus } from '../../../main/control/card-values.ts';
import {
  keyInSlot,
  looksLikeSubject,
  makersManagementKey,
  namesOf,
  pinState,
  readManagementKey,
  signingKeys,
  validityOf,
} from '../../../renderer/logic/card-view.ts';

const day = 24 * 3600 * 1000;

const card: CardStatus = {
  id: 'alice',
  provider: 'piv',
  label: 'alice',
  reader: 'reader',
  pinPad: false,
  keys: (['9A', '9D'] as const).map((slot) => ({
    purpose: slot === '9A' ? 'authentication' : 'key-management',
    slot,
    algorithm: 'ecc-p256',
    pinPolicy: 'once',
    subject: 'CN=alice',
    issuer: 'CN=ca',
    notBefore: 100 * day,
    notAfter: 200 * day,
  })),
};

test('tries left: blocked, the last one, few', () => {
  assert.deepEqual(
    [0, 1, 2, 3, undefined].map((triesLeft) => pinState(triesLeft === undefined ? {} : { triesLeft })),
    ['blocked', 'last-try', 'few', 'good', 'unknown'],
  );
});

test('a certificate is not valid yet, good, about to expire, expired', () => {
  const [key] = card.keys;
  assert.deepEqual(
    [99, 120, 180, 201].map((at) => validityOf(key!, at * day)),
    ['not-yet', 'good', 'soon', 'expired'],
  );
});

test('slots are found whatever their letters; only 9A and 9C sign for connections', () => {
  assert.equal(keyInSlot(card, '9d')?.purpose, 'key-management');
  assert.equal(keyInSlot(card, '9c'), undefined);
  assert.deepEqual(
    signingKeys([card]).map(({ slot }) => slot),
    ['9a'],
  );
});

test('a management key is read from hexadecimal digits, and nothing else', () => {
  assert.equal(readManagementKey(makersManagementKey)?.length, 24);
  assert.deepEqual([...readManagementKey(`0A:0b ${'00'.repeat(14)}`)!.slice(0, 3)], [10, 11, 0]);
  for (const wrong of ['', '0102', `${makersManagementKey}0`, 'x'.repeat(48)]) {
    assert.equal(readManagementKey(wrong), undefined, wrong);
  }
});

test('names are separated by commas or blanks; a subject looks like one', () => {
  assert.deepEqual(namesOf('alice@example.org, vpn.example.org、b'), [
    'alice@example.org',
    'vpn.example.org',
    'b',
  ]);
  assert.equal(looksLikeSubject('CN=alice, O=Example'), true);
  assert.equal(looksLikeSubject('alice'), false);
});
