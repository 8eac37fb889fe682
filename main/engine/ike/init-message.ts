// IKE_SA_INIT messages, which travel in the clear: building them, and the payloads both sides put in (RFC 7296
// section 1.2).
import type { Endpoint } from '../packet/address.ts';
import { concatBytes, uint16Bytes } from './bytes.ts';
import { encodeHeader, headerLength, type IkeHeader } from './header.ts';
import { natHash } from './nat-detection.ts';
import { certificateEncoding, exchangeType, notifyType } from './numbers.ts';
import { encodePayloads, notify, type Payload } from './payloads.ts';
import { announcedHashes } from './signature-scheme.ts';

export const ikePort = 500;
export const natTraversalPort = 4500;

/** Whether datagrams between these ports carry the non-ESP marker where nobody says (RFC 3948). */
export function markerByPorts(local: Endpoint, remote: Endpoint): boolean {
  return local.port !== ikePort && remote.port !== ikePort;
}

/** A whole message in the clear, message ID 0. */
export function plainMessage(
  header: Pick<IkeHeader, 'initiatorSpi' | 'responderSpi' | 'fromInitiator' | 'isResponse'>,
  payloads: readonly Payload[],
  exchange: number = exchangeType.ikeSaInit,
  messageId = 0,
): Uint8Array {
  const { first, bytes } = encodePayloads(payloads);
  return concatBytes([
    encodeHeader({ ...header, nextPayload: first, exchange, messageId, length: headerLength + bytes.length }),
    bytes,
  ]);
}

/** The notifies that both sides send: NAT detection, fragmentation, signature hashes. */
export function commonNotifies(natDetection: { source: Uint8Array; destination: Uint8Array }): Payload[] {
  return [
    notify(notifyType.natDetectionSourceIp, natDetection.source),
    notify(notifyType.natDetectionDestinationIp, natDetection.destination),
    notify(notifyType.fragmentationSupported),
    notify(notifyType.signatureHashAlgorithms, concatBytes(announcedHashes.map(uint16Bytes))),
  ];
}

export function natDetectionHashes(
  initiatorSpi: bigint,
  responderSpi: bigint,
  local: Endpoint,
  remote: Endpoint,
): { source: Uint8Array; destination: Uint8Array } {
  return {
    source: natHash(initiatorSpi, responderSpi, local),
    destination: natHash(initiatorSpi, responderSpi, remote),
  };
}

export function certificateRequest(authorityHashes: readonly Uint8Array[]): Payload {
  return {
    kind: 'certificate-request',
    encoding: certificateEncoding.x509Signature,
    authorities: concatBytes(authorityHashes),
  };
}
