// NAT detection (RFC 7296 section 2.23): SHA-1 over the SPIs and an endpoint.
import { createHash } from 'node:crypto';
import type { Endpoint } from '../packet/address.ts';
import { sameBytes, uint16Bytes, uint64Bytes } from './bytes.ts';
import { notifyType } from './numbers.ts';
import type { Payload } from './payloads.ts';

export interface NatDetected {
  /** A NAT in front of us. */
  readonly local: boolean;
  /** A NAT in front of the peer (or the peer pretends one, to get ESP in UDP). */
  readonly remote: boolean;
}

export function natHash(initiatorSpi: bigint, responderSpi: bigint, endpoint: Endpoint): Uint8Array {
  return createHash('sha1')
    .update(uint64Bytes(initiatorSpi))
    .update(uint64Bytes(responderSpi))
    .update(endpoint.address.bytes)
    .update(uint16Bytes(endpoint.port))
    .digest();
}

/**
 * What the peer's notifies say about a message that came from `remote` to `local`; undefined where the peer does not
 * do NAT detection.
 */
export function detectNat(
  payloads: readonly Payload[],
  initiatorSpi: bigint,
  responderSpi: bigint,
  local: Endpoint,
  remote: Endpoint,
): NatDetected | undefined {
  const sources: Uint8Array[] = [];
  const destinations: Uint8Array[] = [];
  for (const payload of payloads) {
    if (payload.kind !== 'notify') continue;
    if (payload.type === notifyType.natDetectionSourceIp) sources.push(payload.data);
    if (payload.type === notifyType.natDetectionDestinationIp) destinations.push(payload.data);
  }
  if (sources.length === 0 || destinations.length === 0) return undefined;
  const expectedSource = natHash(initiatorSpi, responderSpi, remote);
  const expectedDestination = natHash(initiatorSpi, responderSpi, local);
  return {
    local: !destinations.some((hash) => sameBytes(hash, expectedDestination)),
    remote: !sources.some((hash) => sameBytes(hash, expectedSource)),
  };
}
