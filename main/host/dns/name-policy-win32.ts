// A rule of Windows' name resolution policy table (NRPT): which names are asked of which servers.
import type { RegistryValue } from '../../../native/registry.ts';
import type { DnsConfiguration } from '../network.ts';

/**
 * The values of a rule: those names, or all where there are none, are asked of these servers. Microsoft's
 * [MS-GPNRPT] section 2.2.2 has them; 8 in ConfigOptions: the rule's servers are asked, and nothing else is said.
 */
export function namePolicy({
  servers,
  searchDomains,
}: Pick<DnsConfiguration, 'servers' | 'searchDomains'>): Readonly<Record<string, RegistryValue>> {
  return {
    Version: 2,
    ConfigOptions: 8,
    Name: searchDomains.length === 0 ? ['.'] : searchDomains.map((domain) => `.${domain}`),
    GenericDNSServers: servers.join('; '),
    Comment: '',
    DisplayName: 'SealNIC',
    IPSECCARestriction: '',
  };
}
