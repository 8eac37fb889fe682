// Opening: an ESP packet whose SA is known becomes its inner packet, in place (RFC 4303 section 3.4).
import type { PacketMemory } from '../packet/batch.ts';
import type { InboundAssociation } from '../sa/association.ts';
import {
  espAlignment,
  espHeaderLength,
  espIcvLength,
  espMinimumLength,
  espPrefixLength,
  espTrailerLength,
} from './format.ts';
import type { NonceScratch } from './seal.ts';

/** What came out of the latest `openInPlace`. Filled again and again. */
export class OpenedPacket {
  /** First byte of the inner packet, and its length with any traffic flow confidentiality padding. */
  offset = 0;
  length = 0;
  nextHeader = 0;
}

/** Could these bytes be an ESP packet of our transforms? */
export function hasEspLength(length: number): boolean {
  return length >= espMinimumLength && (length - espPrefixLength - espIcvLength) % espAlignment === 0;
}

/**
 * Opens the ESP packet at `offset` in place. `hasEspLength` holds and the replay window accepted its number. False
 * where the ICV is wrong, or where the authentic trailer contradicts itself; the bytes are worthless then.
 */
export function openInPlace(
  memory: PacketMemory,
  nonce: NonceScratch,
  sa: InboundAssociation,
  offset: number,
  length: number,
  opened: OpenedPacket,
): boolean {
  const { view, bytes } = memory;
  view.setUint32(nonce, sa.salt);
  view.setUint32(nonce + 4, view.getUint32(offset + 8));
  view.setUint32(nonce + 8, view.getUint32(offset + 12));
  const start = offset + espPrefixLength;
  const bodyLength = length - espPrefixLength - espIcvLength;
  const end = start + bodyLength;
  if (!sa.opener.open(nonce, offset, espHeaderLength, start, bodyLength, start, end)) return false;
  const padLength = bytes[end - 2]!;
  if (padLength + espTrailerLength > bodyLength) return false;
  opened.offset = start;
  opened.length = bodyLength - espTrailerLength - padLength;
  opened.nextHeader = bytes[end - 1]!;
  return true;
}
