// Channel information on a card: a profile, the authorities that it names, and its pre-shared key wrapped for the card's
// own key (slot 9D), so that the card alone connects a fresh computer. Byte by byte:
//   "SNCI" 1 | profile name (length in 1 byte) | deflated: profile (2), count (1), authorities: name (1), DER (2) each (2)
//   | share sealed to the card (2) | pre-shared key sealed under the share (2)
// Lengths are big-endian, their size in bytes in parentheses. Both seals are bound to everything before them, so that
// whoever rewrites the profile without the card's owner loses the key that goes with it.
import { createHash, randomFillSync } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { CardOpener } from '../vault/card-protector.ts';
import { type LockedMemory, withSecret } from '../vault/memory.ts';
import { OctetReader, OctetWriter } from '../vault/octets.ts';
import { open, openWithCard, type ShareContext, seal, sealToCard, shareBytes } from '../vault/sealing.ts';
import { VaultError } from '../vault/vault-error.ts';
import { CardError } from './contract.ts';

export interface NamedAuthority {
  readonly name: string;
  /** DER. */
  readonly certificate: Uint8Array;
}

export interface ChannelInformation {
  readonly profile: string;
  /** TOML. */
  readonly text: string;
  readonly authorities: readonly NamedAuthority[];
  /** Sealed; undefined: the profile has no pre-shared key. */
  readonly secret: SealedSecret | undefined;
}

interface SealedSecret {
  readonly context: ShareContext;
  readonly share: Uint8Array;
  readonly sealed: Uint8Array;
}

const magic = Buffer.from('SNCI\u0001', 'latin1');
const clearMaximum = 32 * 1024;
const objectMaximum = 12 * 1024;

/** The object's content. `secret`: with the card's public key for unwrapping (DER). */
export async function encodeChannelInformation(
  memory: LockedMemory,
  { profile, text, authorities }: Omit<ChannelInformation, 'secret'>,
  secret?: { readonly bytes: Uint8Array; readonly cardPublicKey: Uint8Array },
): Promise<Uint8Array> {
  const inner = new OctetWriter().octets16(Buffer.from(text)).number8(authorities.length);
  for (const { name, certificate } of authorities) inner.text8(name).octets16(certificate);
  const clear = new OctetWriter()
    .octets(magic)
    .text8(profile)
    .octets16(deflateRawSync(inner.finish(), { level: 9 }))
    .finish();
  if (secret === undefined) return new OctetWriter().octets(clear).number16(0).number16(0).finish();
  const context = contextOf(clear);
  return withSecret(memory, shareBytes, async (share) => {
    randomFillSync(share);
    const sealedShare = await sealToCard(memory, secret.cardPublicKey, share, context);
    const sealed = seal(memory, share, secret.bytes, context.vaultId);
    return new OctetWriter().octets(clear).octets16(sealedShare).octets16(sealed).finish();
  });
}

/** undefined: what lies there is none of ours, or damaged. Never throws. */
export function decodeChannelInformation(content: Uint8Array): ChannelInformation | undefined {
  try {
    return decode(content);
  } catch {
    return undefined;
  }
}

/** The pre-shared key in locked memory, which the caller frees. Throws CardError. */
export async function openChannelSecret(
  memory: LockedMemory,
  { context, share, sealed }: SealedSecret,
  cardPublicKey: Uint8Array,
  card: CardOpener,
): Promise<Uint8Array> {
  try {
    const opened = await openWithCard(memory, cardPublicKey, share, context, card);
    try {
      return open(memory, opened, sealed, context.vaultId, () => new VaultError('forged', 'changed'));
    } finally {
      memory.free(opened);
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    throw new CardError('bad-answer', 'what is stored on the card was changed, or is for another card');
  }
}

function decode(content: Uint8Array): ChannelInformation | undefined {
  if (content.length > objectMaximum) return undefined;
  const reader = new OctetReader(content);
  if (!magic.equals(reader.octets(magic.length))) return undefined;
  const profile = reader.text8(64);
  const packed = reader.octets16(objectMaximum);
  const clear = content.subarray(0, reader.offset);
  const share = reader.octets16(1024);
  const sealed = reader.octets16(1024);
  reader.end();
  const inner = new OctetReader(inflateRawSync(packed, { maxOutputLength: clearMaximum }));
  const text = new TextDecoder('utf-8', { fatal: true }).decode(inner.octets16(clearMaximum));
  const authorities = Array.from({ length: inner.number8() }, () => ({
    name: inner.text8(127),
    certificate: Uint8Array.from(inner.octets16(clearMaximum)),
  }));
  inner.end();
  const secret =
    share.length === 0
      ? undefined
      : { context: contextOf(clear), share: Uint8Array.from(share), sealed: Uint8Array.from(sealed) };
  return { profile, text, authorities, secret };
}

function contextOf(clear: Uint8Array): ShareContext {
  const digest = createHash('sha256').update(clear).digest();
  return {
    vaultId: digest.subarray(0, 16),
    compartmentId: digest.subarray(16, 32),
    protectorId: Buffer.from('channel on card '),
  };
}
