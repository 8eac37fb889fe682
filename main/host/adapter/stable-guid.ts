// The GUID of a Windows network card by its name, so that Windows knows the card again after each start.
import { createHash } from 'node:crypto';

/** Made once for SealNIC; changing it makes every card a new one. */
const namespace = Buffer.from('8f0e4f5b1b7c4d0a9a5b6c2f3d1e7a94', 'hex');

/**
 * A name-based UUID (RFC 9562, version 5) as struct GUID, 16 bytes: the first three fields (32, 16 and 16 bits)
 * little-endian, the rest as it is written.
 */
export function stableGuid(adapterName: string): Uint8Array {
  const hash = createHash('sha1').update(namespace).update(adapterName, 'utf8').digest();
  const guid = Buffer.from(hash.subarray(0, 16));
  guid[6] = (guid[6]! & 0x0f) | 0x50;
  guid[8] = (guid[8]! & 0x3f) | 0x80;
  guid.subarray(0, 4).reverse();
  guid.subarray(4, 6).reverse();
  guid.subarray(6, 8).reverse();
  return guid;
}
