// X25519, Ed25519 and Argon2id by address: against node:crypto, which reaches them by another way, and RFC 8032.
import assert from 'node:assert/strict';
import {
  argon2Sync,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  verify,
} from 'node:crypto';
import { test } from 'node:test';
import { allocateBlock } from '../../native/libc-memory.ts';
import {
  argon2id,
  ed25519PublicKey,
  ed25519Sign,
  ed25519Verify,
  x25519Agree,
  x25519PublicKey,
} from '../../native/openssl-keys.ts';

function block(bytes: Uint8Array) {
  const made = allocateBlock(Math.max(1, bytes.length));
  made.bytes.set(bytes);
  return made;
}

function raw(key: KeyObject, part: 'x' | 'd'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[part]!, 'base64url');
}

test('X25519 agrees with node:crypto, and refuses a point of small order', () => {
  for (let round = 0; round < 20; round++) {
    const own = generateKeyPairSync('x25519');
    const peer = generateKeyPairSync('x25519');
    const secret = block(raw(own.privateKey, 'd'));
    assert.deepEqual(Buffer.from(x25519PublicKey(secret.address)), raw(own.publicKey, 'x'));
    const agreed = allocateBlock(32);
    assert.ok(x25519Agree(secret.address, raw(peer.publicKey, 'x'), agreed.address));
    const expected = diffieHellman({ privateKey: own.privateKey, publicKey: peer.publicKey });
    assert.deepEqual(Buffer.from(agreed.bytes), expected);
    assert.equal(x25519Agree(secret.address, new Uint8Array(32), agreed.address), false);
  }
});

test('Ed25519: test 2 of RFC 8032, section 7.1, and node:crypto', () => {
  const seed = block(Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'));
  const publicKey = ed25519PublicKey(seed.address);
  assert.equal(
    Buffer.from(publicKey).toString('hex'),
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  );
  const data = Buffer.from([0x72]);
  const signature = ed25519Sign(seed.address, data);
  assert.equal(
    Buffer.from(signature).toString('hex'),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  assert.ok(ed25519Verify(publicKey, data, signature));
  assert.ok(!ed25519Verify(publicKey, Buffer.from([0x73]), signature));
  signature[3]! ^= 1;
  assert.ok(!ed25519Verify(publicKey, data, signature));
  assert.ok(!ed25519Verify(new Uint8Array(32).fill(0xff), data, signature));
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  assert.ok(verify(null, data, key, ed25519Sign(seed.address, data)));
});

test('Argon2id agrees with node:crypto', async () => {
  for (const [passes, memory, parallelism] of [
    [1, 64, 1],
    [3, 256, 4],
  ] as const) {
    const message = Buffer.from('correct horse battery staple');
    const nonce = Buffer.alloc(32, 7);
    const passphrase = block(message);
    const output = allocateBlock(32);
    const costs = { passes, memoryKibibytes: memory, lanes: parallelism };
    const given = { address: passphrase.address, length: message.length };
    await argon2id(given, nonce, costs, { address: output.address, length: 32 });
    const expected = argon2Sync('argon2id', { message, nonce, parallelism, tagLength: 32, memory, passes });
    assert.deepEqual(Buffer.from(output.bytes), expected);
  }
});
