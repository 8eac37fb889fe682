// MD4, DES and MS-CHAPv2 by the examples of their standards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desEncrypt } from '../../../main/engine/eap/des.ts';
import { md4 } from '../../../main/engine/eap/md4.ts';
import {
  masterSessionKey,
  ntResponse,
  passwordHash,
  provesPassword,
} from '../../../main/engine/eap/ms-chap-v2.ts';
import { TestSecrets } from './secrets.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const text = (value: string) => new TextEncoder().encode(value);

test('MD4: RFC 1320, appendix A.5', () => {
  const examples: readonly (readonly [string, string])[] = [
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ];
  for (const [message, digest] of examples) assert.equal(hex(md4(text(message))), digest, message);
});

test('DES: worked examples, with the parity bits put in', () => {
  const withoutParity = (key: string) => {
    const bits = [...bytes(key)].map((byte) => (byte >>> 1).toString(2).padStart(7, '0')).join('');
    return Uint8Array.from({ length: 7 }, (_, at) => Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2));
  };
  for (const [key, plain, sealed] of [
    ['133457799bbcdff1', '0123456789abcdef', '85e813540f0ab405'],
    ['0101010101010101', '8000000000000000', '95f8a5e5dd31d900'],
    ['8001010101010101', '0000000000000000', '95a8d72813daa94d'],
    ['1046913489980131', '0000000000000000', '88d55e54f54c97b4'],
    ['7ca110454a1a6e57', '01a1d6d039776742', '690f5b0d9a26939b'],
    ['fedcba9876543210', '0123456789abcdef', 'ed39d950fa74bcc4'],
  ] as const) {
    assert.equal(hex(desEncrypt(bytes(plain), withoutParity(key))), sealed, key);
  }
});

/** RFC 2759 section 9.2, RFC 3079 section 3.5.3. */
const challenge = {
  authenticator: bytes('5b5d7c7d7b3f2f3e3c2c602132262628'),
  peer: bytes('21402324255e262a28295f2b3a337c7e'),
  userName: 'User',
};
const proof = '407A5589115FD0D6209F510FE9C04566932CDA56';

test('MS-CHAPv2: RFC 2759, section 9.2', () => {
  const memory = new TestSecrets();
  const hash = passwordHash(memory, text('clientPass'));
  assert.equal(hex(hash), '44ebba8d5312b8d611474411f56989ae');
  const response = ntResponse(challenge, hash);
  assert.equal(hex(response), '82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df');
  assert.equal(hex(ntResponse({ ...challenge, userName: 'OFFICE\\User' }, hash)), hex(response));
  assert.equal(provesPassword(challenge, hash, response, proof), true);
  assert.equal(provesPassword(challenge, hash, response, proof.replace('4', '5')), false);
  assert.equal(provesPassword(challenge, hash, response, ''), false);
  memory.freeSecret(hash);
  assert.equal(memory.outstanding, 0);
});

test('the keys: RFC 3079, section 3.5.3', () => {
  const memory = new TestSecrets();
  const hash = passwordHash(memory, text('clientPass'));
  const key = masterSessionKey(memory, hash, ntResponse(challenge, hash));
  assert.equal(key.length, 64);
  // The example is the key by which the server sends.
  assert.equal(hex(key.subarray(16, 32)), '8b7cdc149b993a1ba118cb153f56dccb');
  assert.equal(hex(key.subarray(32)), '00'.repeat(32));
  memory.freeSecret(key);
  memory.freeSecret(hash);
  assert.equal(memory.outstanding, 0);
});

test('passwords in every script are hashed as UTF-16, as a string would be', () => {
  const memory = new TestSecrets();
  for (const password of ['', 'Zürich', 'パスワード', 'pass😀word', '\u{10ffff}']) {
    const hash = passwordHash(memory, text(password));
    assert.equal(hex(hash), hex(md4(Buffer.from(password, 'utf16le'))), password);
    memory.freeSecret(hash);
  }
  // What is no UTF-8 is hashed all the same, and reads nothing behind the end.
  for (const wrong of ['ff', 'c3', 'e38182e381', 'f09f98', '80', 'c0af']) {
    memory.freeSecret(passwordHash(memory, bytes(wrong)));
  }
  assert.equal(memory.outstanding, 0);
});
