// Sealing of shares and private keys: to a public key (X25519, a card's P-256, P-384 or RSA) with a fresh key each time,
// or under a wrapping key. XChaCha20-Poly1305 with keys from HKDF-SHA-256, never used twice.
import { randomBytes, randomFillSync } from 'node:crypto';
import { addressOf } from '../../../native/libc-memory.ts';
import { hkdfSha256, x25519Agree, x25519PublicKey } from '../../../native/openssl-keys.ts';
import {
  type CardOpener,
  cardKeyKind,
  checkedPoint,
  encryptToCard,
  ephemeralAgreement,
} from './card-protector.ts';
import { keep, type LockedMemory, withSecret } from './memory.ts';
import { damaged, OctetWriter } from './octets.ts';
import { nonceBytes, tagBytes } from './record.ts';
import { VaultError } from './vault-error.ts';
import { decryptInPlace, encryptInPlace } from './xchacha.ts';

export const shareBytes = 32;
const publicKeyBytes = 32;
const sealedShareBytes = nonceBytes + shareBytes + tagBytes;

/** What a sealed share belongs to; a share in another place does not open. */
export interface ShareContext {
  readonly vaultId: Uint8Array;
  readonly compartmentId: Uint8Array;
  readonly protectorId: Uint8Array;
}

/** For an X25519 public key: 32 bytes of the fresh public key, 24 of nonce, 32 of share, 16 of tag. */
export async function sealToKey(
  memory: LockedMemory,
  publicKey: Uint8Array,
  share: Uint8Array,
  context: ShareContext,
): Promise<Uint8Array> {
  return withSecret(memory, shareBytes, (ephemeral) =>
    withSecret(memory, shareBytes, async (agreed) => {
      randomFillSync(ephemeral);
      const own = x25519PublicKey(memory.addressOf(ephemeral));
      if (!x25519Agree(memory.addressOf(ephemeral), publicKey, memory.addressOf(agreed))) {
        throw damaged('a protector’s public key is of small order');
      }
      const sealed = await underSharedSecret(memory, agreed, own, publicKey, context, (key) =>
        seal(memory, key, share, contextOctets(context)),
      );
      return Buffer.concat([own, sealed]);
    }),
  );
}

/** Gives the share in locked memory, which the caller frees. Throws VaultError. */
export async function openWithKey(
  memory: LockedMemory,
  privateKey: Uint8Array,
  sealed: Uint8Array,
  context: ShareContext,
): Promise<Uint8Array> {
  if (sealed.length !== publicKeyBytes + sealedShareBytes) throw damaged('a share is cut off');
  const ephemeral = sealed.subarray(0, publicKeyBytes);
  const own = x25519PublicKey(memory.addressOf(privateKey));
  return withSecret(memory, shareBytes, async (agreed) => {
    if (!x25519Agree(memory.addressOf(privateKey), ephemeral, memory.addressOf(agreed))) {
      throw damaged('a share’s public key is of small order');
    }
    return underSharedSecret(memory, agreed, ephemeral, own, context, (key) =>
      open(memory, key, sealed.subarray(publicKeyBytes), contextOctets(context), forged),
    );
  });
}

/** For a card: the fresh point and nonce, share and tag as above; for RSA the OAEP ciphertext alone. */
export async function sealToCard(
  memory: LockedMemory,
  cardPublicKey: Uint8Array,
  share: Uint8Array,
  context: ShareContext,
): Promise<Uint8Array> {
  const kind = cardKeyKind(cardPublicKey);
  if (kind.type === 'rsa') return encryptToCard(kind.key, share, contextOctets(context));
  const { point, secret } = ephemeralAgreement(kind.curve, kind.point);
  try {
    const sealed = await underSharedSecret(memory, secret, point, kind.point, context, (key) =>
      seal(memory, key, share, contextOctets(context)),
    );
    return Buffer.concat([point, sealed]);
  } finally {
    secret.fill(0);
  }
}

/** Gives the share in locked memory, which the caller frees. Throws VaultError, and what the card throws. */
export async function openWithCard(
  memory: LockedMemory,
  cardPublicKey: Uint8Array,
  sealed: Uint8Array,
  context: ShareContext,
  card: CardOpener,
): Promise<Uint8Array> {
  const kind = cardKeyKind(cardPublicKey);
  if (kind.type === 'rsa') {
    if (sealed.length !== kind.modulusBytes) throw damaged('a share is cut off');
    const share = await card.decrypt(sealed, contextOctets(context));
    if (share.length === shareBytes) return share;
    memory.free(share);
    throw forged();
  }
  if (sealed.length !== kind.pointBytes + sealedShareBytes) throw damaged('a share is cut off');
  const point = checkedPoint(kind.curve, sealed.subarray(0, kind.pointBytes));
  const agreed = await card.agree(point);
  try {
    return await underSharedSecret(memory, agreed, point, kind.point, context, (key) =>
      open(memory, key, sealed.subarray(kind.pointBytes), contextOctets(context), forged),
    );
  } finally {
    memory.free(agreed);
  }
}

/** Seals `secret` under a 32-byte key in locked memory: nonce, ciphertext, tag. */
export function seal(
  memory: LockedMemory,
  key: Uint8Array,
  secret: Uint8Array,
  context: Uint8Array,
): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const box = memory.allocate(secret.length + tagBytes);
  try {
    box.set(secret);
    encryptInPlace(memory, key, nonce, context, box);
    return Uint8Array.from(Buffer.concat([nonce, box]));
  } finally {
    memory.free(box);
  }
}

/**
 * Opens into locked memory, which the caller frees; the key lies in locked memory too. `otherwise` makes the error where
 * the seal does not fit.
 */
export function open(
  memory: LockedMemory,
  key: Uint8Array,
  sealed: Uint8Array,
  context: Uint8Array,
  otherwise: () => VaultError,
): Uint8Array {
  const length = sealed.length - nonceBytes - tagBytes;
  if (length < 0) throw damaged('a seal is cut off');
  const box = keep(memory, sealed.subarray(nonceBytes));
  try {
    if (!decryptInPlace(memory, key, sealed.subarray(0, nonceBytes), context, box)) throw otherwise();
    return keep(memory, box.subarray(0, length));
  } finally {
    memory.free(box);
  }
}

/** HKDF-SHA-256 into locked memory for as long as `use` runs. */
export async function withDerivedKey<Result>(
  memory: LockedMemory,
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  use: (key: Uint8Array) => Promise<Result> | Result,
): Promise<Result> {
  return withSecret(memory, 32, (key) => {
    const from = { address: addressOf(secret), length: secret.length };
    hkdfSha256(from, salt, info, { address: memory.addressOf(key), length: key.length });
    return use(key);
  });
}

function underSharedSecret<Result>(
  memory: LockedMemory,
  secret: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  context: ShareContext,
  use: (key: Uint8Array) => Result,
): Promise<Result> {
  const info = new OctetWriter().octets(contextOctets(context)).octets(ephemeral).octets(recipient).finish();
  return withDerivedKey(memory, secret, context.vaultId, info, use);
}

function contextOctets({ vaultId, compartmentId, protectorId }: ShareContext): Uint8Array {
  return new OctetWriter()
    .octets(Buffer.from('SealNIC vault share 1'))
    .octets(vaultId)
    .octets(compartmentId)
    .octets(protectorId)
    .finish();
}

function forged(): VaultError {
  return new VaultError('forged', 'A share of the vault does not open: it was changed.');
}
