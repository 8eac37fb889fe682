// XChaCha20-Poly1305 on locked memory: the draft's known answer, and the same as another implementation for any length.
import assert from 'node:assert/strict';
import { createHash, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { withDerivedKey } from '../../../main/keys/vault/sealing.ts';
import { decryptInPlace, encryptInPlace } from '../../../main/keys/vault/xchacha.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function inMemory<Result>(use: (memory: SecretMemory, place: (bytes: Uint8Array) => Uint8Array) => Result) {
  const memory = new SecretMemory();
  try {
    return use(memory, (bytes) => {
      const place = memory.allocate(bytes.length);
      place.set(bytes);
      return place;
    });
  } finally {
    memory.close();
  }
}

test('draft-irtf-cfrg-xchacha-03, A.3.1', () => {
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
  const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
  const nonce = hex('404142434445464748494a4b4c4d4e4f5051525354555657');
  const additional = hex('50515253c0c1c2c3c4c5c6c7');
  inMemory((memory, place) => {
    const box = place(Buffer.concat([Buffer.from(text), Buffer.alloc(16)]));
    encryptInPlace(memory, place(key), nonce, additional, box);
    assert.equal(Buffer.from(box.subarray(0, 16)).toString('hex'), 'bd6d179d3e83d43b9576579493c0e939');
    assert.equal(Buffer.from(box.subarray(-16)).toString('hex'), 'c0875924c1c7987947deafd8780acf49');
    assert.equal(decryptInPlace(memory, place(key), nonce, additional, box), true);
    assert.equal(Buffer.from(box.subarray(0, -16)).toString(), text);
  });
});

test('the same as another implementation; what was changed does not open', () => {
  const bytes = (seed: string, length: number) =>
    Buffer.from(hkdfSync('sha256', seed, '', 'bytes', Math.max(1, length))).subarray(0, length);
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1000, 5000]) {
    const [key, nonce] = [bytes(`key ${length}`, 32), bytes(`nonce ${length}`, 24)];
    const [additional, plain] = [
      bytes(`additional ${length}`, length % 40),
      bytes(`plain ${length}`, length),
    ];
    const expected = xchacha20poly1305(key, nonce, additional).encrypt(plain);
    inMemory((memory, place) => {
      const box = place(Buffer.concat([plain, Buffer.alloc(16)]));
      encryptInPlace(memory, place(key), nonce, additional, box);
      assert.deepEqual(Buffer.from(box), Buffer.from(expected), `${length} bytes`);
      const changed = place(box);
      changed[changed.length - 1]! ^= 1;
      assert.equal(decryptInPlace(memory, place(key), nonce, additional, changed), false);
      assert.equal(decryptInPlace(memory, place(key), nonce, additional, box), true);
      assert.deepEqual(Buffer.from(box.subarray(0, length)), plain);
    });
  }
});

test('HKDF as Node has it', async () => {
  const memory = new SecretMemory();
  const [secret, salt, info] = ['secret', 'salt', 'info'].map((word) =>
    createHash('sha256').update(word).digest(),
  );
  await withDerivedKey(memory, secret!, salt!, info!, (key) => {
    assert.deepEqual(Buffer.from(key), Buffer.from(hkdfSync('sha256', secret!, salt!, info!, 32)));
  });
  assert.equal(memory.liveCount, 0);
  memory.close();
});
