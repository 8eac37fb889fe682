import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intermediatesOf } from '../../../main/keys/credentials/issuers.ts';
import { ecKeys, make, makeAuthority } from './certificate-maker.ts';

const root = makeAuthority();
const first = root.issue({ subject: 'CN=First', authority: true });
const second = first.issue({ subject: 'CN=Second', authority: true });
const own = second.issue({});

test('what lies between a certificate and its root, its issuer first, without the root', () => {
  const known = [root, first, second].map(({ certificate }) => certificate);
  assert.deepEqual(intermediatesOf(own.certificate, known), [second.certificate, first.certificate]);
  assert.deepEqual(intermediatesOf(first.certificate, known), []);
});

test('only as far as it is known, and only who has signed', () => {
  const decoy = make({ subject: second.subject, authority: true }, root, root.subject);
  assert.deepEqual(intermediatesOf(own.certificate, [decoy.certificate, first.certificate]), []);
  assert.deepEqual(intermediatesOf(own.certificate, [decoy.certificate, second.certificate]), [
    second.certificate,
  ]);
});

test('authorities that certify each other end it, and what is no certificate does no harm', () => {
  const [keysOfA, keysOfB] = [ecKeys(), ecKeys()];
  const a = make({ subject: 'CN=A', authority: true, keys: keysOfA }, keysOfB, 'CN=B');
  const b = make({ subject: 'CN=B', authority: true, keys: keysOfB }, keysOfA, 'CN=A');
  const below = a.issue({});
  const known = [a.certificate, b.certificate];
  assert.deepEqual(intermediatesOf(below.certificate, known), known);
  assert.deepEqual(intermediatesOf(Uint8Array.of(1, 2, 3), [Uint8Array.of(4)]), []);
});
