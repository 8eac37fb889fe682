// MS-CHAPv2's arithmetic (RFC 2759 section 8) and the keys that come of it (RFC 3079 section 3). Strong only inside a
// tunnel whose other end has proved itself before, as in IKEv2.
import { createHash, timingSafeEqual } from 'node:crypto';
import { bytesOf, concatBytes } from '../ike/bytes.ts';
import type { SecretMemory } from '../ike/key-derivation.ts';
import { desEncrypt } from './des.ts';
import { md4 } from './md4.ts';

export interface Challenge {
  /** 16 bytes each. */
  readonly authenticator: Uint8Array;
  readonly peer: Uint8Array;
  /** As it was sent; a domain in front of "\" does not count. */
  readonly userName: string;
}

/** The NT hash of a password in UTF-8: MD4 of its UTF-16 (little-endian). 16 bytes of locked memory, to be freed. */
export function passwordHash(memory: SecretMemory, password: Uint8Array): Uint8Array {
  const wide = memory.allocateSecret(password.length * 2);
  const length = utf16Into(wide, password);
  const digest = md4(wide.subarray(0, length));
  const hash = memory.allocateSecret(16);
  hash.set(digest);
  digest.fill(0);
  memory.freeSecret(wide);
  return hash;
}

/** NT-Response, 24 bytes. */
export function ntResponse(challenge: Challenge, hash: Uint8Array): Uint8Array {
  const padded = new Uint8Array(21);
  padded.set(hash);
  const block = challengeHash(challenge);
  const response = concatBytes(
    [0, 7, 14].map((start) => desEncrypt(block, padded.subarray(start, start + 7))),
  );
  padded.fill(0);
  return response;
}

/** Does the other end know the password too? `proof`: the 40 hexadecimal digits after "S=". In constant time. */
export function provesPassword(
  challenge: Challenge,
  hash: Uint8Array,
  response: Uint8Array,
  proof: string,
): boolean {
  if (!/^[0-9A-Fa-f]{40}$/.test(proof)) return false;
  const hashHash = md4(hash);
  const digest = sha1(hashHash, response, signingMagic);
  const expected = sha1(digest, challengeHash(challenge), moreMagic);
  hashHash.fill(0);
  digest.fill(0);
  return timingSafeEqual(expected, Buffer.from(proof, 'hex'));
}

/**
 * MSK, 64 bytes of locked memory, to be freed: the master keys from us to the gateway and back, each of 16 bytes, and
 * 32 zeros.
 */
export function masterSessionKey(memory: SecretMemory, hash: Uint8Array, response: Uint8Array): Uint8Array {
  const hashHash = md4(hash);
  const digest = sha1(hashHash, response, masterKeyMagic);
  const masterKey = digest.subarray(0, 16);
  const key = memory.allocateSecret(64);
  const sent = startKey(masterKey, clientSendsMagic);
  const received = startKey(masterKey, clientReceivesMagic);
  key.set(sent, 0);
  key.set(received, 16);
  for (const secret of [hashHash, digest, sent, received]) secret.fill(0);
  return key;
}

function startKey(masterKey: Uint8Array, magic: Uint8Array): Uint8Array {
  const digest = sha1(masterKey, firstPad, magic, secondPad);
  const key = Uint8Array.from(digest.subarray(0, 16));
  digest.fill(0);
  return key;
}

function challengeHash({ authenticator, peer, userName }: Challenge): Uint8Array {
  const name = userName.slice(userName.lastIndexOf('\\') + 1);
  return sha1(peer, authenticator, new TextEncoder().encode(name)).subarray(0, 8);
}

function sha1(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Turns UTF-8 into UTF-16 (little-endian) without a string in between; what is no UTF-8 becomes U+FFFD. */
function utf16Into(output: Uint8Array, utf8: Uint8Array): number {
  let length = 0;
  const put = (unit: number) => {
    output[length++] = unit & 0xff;
    output[length++] = unit >>> 8;
  };
  for (let index = 0; index < utf8.length; ) {
    const first = utf8[index]!;
    const size =
      first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    let point = size <= 1 ? first : first & (0x7f >> size);
    let valid = size > 0 && index + size <= utf8.length;
    for (let further = 1; valid && further < size; further++) {
      const byte = utf8[index + further]!;
      valid = (byte & 0xc0) === 0x80;
      point = (point << 6) | (byte & 0x3f);
    }
    if (!valid) {
      put(0xfffd);
      index += 1;
      continue;
    }
    if (point >= 0x10000) {
      put(0xd800 + ((point - 0x10000) >>> 10));
      put(0xdc00 + ((point - 0x10000) & 0x3ff));
    } else put(point);
    index += size;
  }
  return length;
}

const signingMagic = bytesOf('Magic server to client signing constant');
const moreMagic = bytesOf('Pad to make it do more than one iteration');
const masterKeyMagic = bytesOf('This is the MPPE Master Key');
const clientSendsMagic = bytesOf(
  'On the client side, this is the send key; on the server side, it is the receive key.',
);
const clientReceivesMagic = bytesOf(
  'On the client side, this is the receive key; on the server side, it is the send key.',
);
const firstPad = new Uint8Array(40);
const secondPad = new Uint8Array(40).fill(0xf2);
