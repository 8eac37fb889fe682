// Distinguished names: text to DER and back, against OpenSSL's reading, and when two are the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attributesOf,
  encodeName,
  equalNames,
  formatName,
  NameTextError,
  nameIsBelow,
} from '../../../main/keys/credentials/distinguished-name.ts';

test('a known name, byte for byte', () => {
  assert.equal(
    Buffer.from(encodeName('C=CH, O=x, CN=y@z')).toString('hex'),
    '3027310b3009060355040613024348310a3008060355040a130178310c300a06035504030c0379407a',
  );
});

test('attributes, order, several in one relative name, and types by number are kept', () => {
  for (const text of [
    'C=CH, O=Linux strongSwan, CN=moon.strongswan.org',
    'DC=org, DC=example, UID=alice + CN=Alice',
    'E=alice@example.org, CN=Zürich',
    '1.2.3.4.5=#0403616263',
    'CN=a\\, b \\+ c \\"d\\" \\\\ \\=\\/',
    'CN=\\#not hex',
    'CN=\\ padded\\ ',
  ]) {
    assert.equal(formatName(encodeName(text)), text);
  }
});

test('quoted and escaped values, and strongSwan and OpenSSL spellings, mean the same', () => {
  assert.ok(equalNames(encodeName('O="a, b", CN=x'), encodeName('O=a\\, b,CN=x')));
  assert.ok(equalNames(encodeName('CN=Z\\C3\\BCrich'), encodeName('CN=Zürich')));
  assert.ok(equalNames(encodeName('/C=CH/emailAddress=a@b'), encodeName('C=CH, E=a@b')));
  assert.ok(equalNames(encodeName('CN=a+OU=b'), encodeName('OU=b + CN=a')));
  assert.ok(!equalNames(encodeName('CN=a, OU=b'), encodeName('OU=b, CN=a')));
});

test('any text value survives the way through text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), (value) => {
      fc.pre(value.trim() !== '' && value.isWellFormed());
      const der = encodeName(
        `CN=${[...Buffer.from(value)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}`,
      );
      assert.deepEqual(attributesOf(der, '2.5.4.3'), [value]);
      const text = formatName(der);
      assert.doesNotMatch(text, /\p{Cc}/u);
      assert.deepEqual(attributesOf(encodeName(text), '2.5.4.3'), [value]);
    }),
    { seed: 2, numRuns: 1000 },
  );
});

test('any text is read or refused with its own error, any bytes are shown', () => {
  const character = fc.constantFrom(...'CN=O,/+"\\# a1é'.split(''));
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 40 }), (text) => {
      try {
        const der = encodeName(text);
        assert.ok(equalNames(encodeName(formatName(der)), der));
      } catch (error) {
        assert.ok(error instanceof NameTextError, String(error));
      }
    }),
    { seed: 3, numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      formatName(bytes);
      assert.ok(equalNames(bytes, bytes));
    }),
    { seed: 4, numRuns: 3000 },
  );
});

test('below a base: all of its relative names, from the start', () => {
  const name = encodeName('C=CH, O=Example, CN=vpn');
  assert.ok(nameIsBelow(name, encodeName('C=CH, O=EXAMPLE')));
  assert.ok(nameIsBelow(name, name));
  assert.ok(!nameIsBelow(name, encodeName('O=Example')));
  assert.ok(!nameIsBelow(encodeName('C=CH'), name));
});
