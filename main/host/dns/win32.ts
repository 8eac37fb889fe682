// Name resolution on Windows: the adapter's own name servers, which Windows asks first since its metric is the best. They
// lie in the registry under the adapter's GUID and outlive it: taking them back is needed.
import type { IpHelper } from '../../../native/iphlpapi.ts';
import type { DnsConfiguration } from '../network.ts';

/**
 * Search domains are those that Windows appends to short names; which names go to these servers is not narrowed by them.
 * Throws WindowsCallError.
 */
export function setInterfaceDns(
  helper: IpHelper,
  luid: bigint,
  { servers, searchDomains }: Pick<DnsConfiguration, 'servers' | 'searchDomains'>,
): void {
  for (const family of [4, 6] as const) {
    const ofFamily = servers.filter((server) => server.includes(':') === (family === 6));
    helper.setDns(luid, family, ofFamily, ofFamily.length > 0 ? searchDomains : []);
  }
}

/** Throws WindowsCallError. */
export function clearInterfaceDns(helper: IpHelper, luid: bigint): void {
  setInterfaceDns(helper, luid, { servers: [], searchDomains: [] });
}
