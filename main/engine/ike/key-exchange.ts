// Diffie-Hellman (RFC 7296 section 3.4): MODP-2048 (RFC 3526), P-256 (RFC 5903), Curve25519 (RFC 8031), with the
// checks of RFC 6989. The private key comes from the passed-in randomness.
import { createDiffieHellman, createECDH, getDiffieHellman } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import type { IkeEnvironment, IkeGroup } from './contract.ts';

/** One side's ephemeral key pair. Ends by `finish` or `destroy`. */
export interface KeyExchange {
  readonly group: IkeGroup;
  /** What the KE payload carries. */
  readonly publicValue: Uint8Array;
  /**
   * The shared secret in memory of allocateSecret, or undefined where the peer's value is no valid public key. The
   * private key is wiped either way.
   */
  finish(peerValue: Uint8Array): Uint8Array | undefined;
  destroy(): void;
}

type Randomness = Pick<IkeEnvironment, 'random' | 'allocateSecret' | 'freeSecret'>;

interface GroupRow {
  readonly privateLength: number;
  readonly publicLength: number;
  readonly sharedLength: number;
  /** Throws where the bytes are no private key. */
  publicValue(privateKey: Uint8Array): Uint8Array;
  /** Throws where the peer's value is invalid. */
  shared(privateKey: Uint8Array, peerValue: Uint8Array): Uint8Array;
}

/** A fresh key pair in the group. */
export function startKeyExchange(randomness: Randomness, group: IkeGroup): KeyExchange {
  const row = groupRows[group];
  const privateKey = randomness.allocateSecret(row.privateLength);
  const publicValue = generate(randomness, row, privateKey);
  let alive = true;
  const destroy = (): void => {
    if (alive) randomness.freeSecret(privateKey);
    alive = false;
  };
  return {
    group,
    publicValue,
    finish(peerValue) {
      if (!alive || peerValue.length !== row.publicLength) {
        destroy();
        return undefined;
      }
      const computed = attempt(() => row.shared(privateKey, peerValue));
      destroy();
      if (computed === undefined) return undefined;
      const secret = randomness.allocateSecret(row.sharedLength);
      secret.set(computed);
      computed.fill(0);
      return secret;
    },
    destroy,
  };
}

/** Almost always the first try; a P-256 scalar may be out of range. */
function generate(randomness: Randomness, row: GroupRow, privateKey: Uint8Array): Uint8Array {
  for (let tries = 0; tries < 16; tries++) {
    randomness.random(privateKey);
    const publicValue = attempt(() => row.publicValue(privateKey));
    if (publicValue !== undefined) return publicValue;
  }
  randomness.freeSecret(privateKey);
  throw new Error('the randomness passed in gives no usable private key');
}

function attempt<Result>(compute: () => Result): Result | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}

const modp2048 = getDiffieHellman('modp14');
const modp2048Prime = modp2048.getPrime();
const modp2048Generator = modp2048.getGenerator();
const modp2048LargestPublic = BigInt(`0x${modp2048Prime.toString('hex')}`) - 2n;

const groupRows: Readonly<Record<IkeGroup, GroupRow>> = {
  14: {
    // 320 bits: twice the group's strength with room to spare (RFC 3526 section 8).
    privateLength: 40,
    publicLength: 256,
    sharedLength: 256,
    publicValue: (privateKey) => leftPadded(modpPair(privateKey).generateKeys(), 256),
    shared(privateKey, peerValue) {
      const value = BigInt(`0x${Buffer.from(peerValue).toString('hex')}`);
      if (value < 2n || value > modp2048LargestPublic) throw new RangeError('public value out of range');
      return leftPadded(modpPair(privateKey).computeSecret(peerValue), 256);
    },
  },
  19: {
    privateLength: 32,
    publicLength: 64,
    sharedLength: 32,
    // Without the leading 4 of an uncompressed point (RFC 5903 section 7).
    publicValue: (privateKey) => Uint8Array.from(p256Pair(privateKey).getPublicKey().subarray(1)),
    shared(privateKey, peerValue) {
      const point = new Uint8Array(65);
      point[0] = 4;
      point.set(peerValue, 1);
      return p256Pair(privateKey).computeSecret(point);
    },
  },
  31: {
    privateLength: 32,
    publicLength: 32,
    sharedLength: 32,
    publicValue: (privateKey) => x25519.getPublicKey(privateKey),
    // Throws for a shared secret of zeros (RFC 7748 section 6.1).
    shared: (privateKey, peerValue) => x25519.getSharedSecret(privateKey, peerValue),
  },
};

function modpPair(privateKey: Uint8Array): ReturnType<typeof createDiffieHellman> {
  const pair = createDiffieHellman(modp2048Prime, modp2048Generator);
  pair.setPrivateKey(privateKey);
  return pair;
}

function p256Pair(privateKey: Uint8Array): ReturnType<typeof createECDH> {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(privateKey);
  return pair;
}

function leftPadded(value: Uint8Array, length: number): Uint8Array {
  if (value.length === length) return value;
  const padded = new Uint8Array(length);
  padded.set(value, length - value.length);
  value.fill(0);
  return padded;
}
