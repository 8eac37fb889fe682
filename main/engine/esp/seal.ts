// Sealing: an inner packet that already lies in its place becomes an ESP packet (RFC 4303 section 3.3).
import type { PacketMemory } from '../packet/batch.ts';
import type { OutboundAssociation } from '../sa/association.ts';
import { espAlignment, espHeaderLength, espPrefixLength, espTrailerLength } from './format.ts';

/** 12 bytes of the packet memory in which nonces are put together. */
export type NonceScratch = number;

/**
 * The inner packet of `innerLength` bytes lies at `target + espPrefixLength`; everything around it is written here.
 * Uses the SA's next sequence number, which the caller has checked to exist, and returns the ESP packet's length.
 * The IV is the sequence number as 64 bits: unique for the key, as RFC 4106 section 3.1 asks.
 */
export function sealInPlace(
  memory: PacketMemory,
  nonce: NonceScratch,
  sa: OutboundAssociation,
  target: number,
  innerLength: number,
  nextHeader: number,
): number {
  const { view, bytes } = memory;
  const sequence = ++sa.sequence;
  view.setUint32(target, sa.spi);
  view.setUint32(target + 4, sequence);
  view.setUint32(target + 8, 0);
  view.setUint32(target + 12, sequence);
  view.setUint32(nonce, sa.salt);
  view.setUint32(nonce + 4, 0);
  view.setUint32(nonce + 8, sequence);
  const start = target + espPrefixLength;
  const bodyLength = (innerLength + espTrailerLength + espAlignment - 1) & -espAlignment;
  const padLength = bodyLength - innerLength - espTrailerLength;
  let place = start + innerLength;
  for (let pad = 1; pad <= padLength; pad++) bytes[place++] = pad;
  bytes[place++] = padLength;
  bytes[place++] = nextHeader;
  sa.sealer.begin(nonce, target, espHeaderLength);
  sa.sealer.update(start, bodyLength, start);
  sa.sealer.finish(place);
  return place + 16 - target;
}
