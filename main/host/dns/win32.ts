// Name resolution on Windows: the adapter's own name servers, and a rule of the name resolution policy table (NRPT) that
// sends names to them alone. Both lie in the registry and outlive adapter and service: taking them back is needed.
import { type IpHelper, interfaceLuidOfName } from '../../../native/iphlpapi.ts';
import {
  deleteRegistryKey,
  deleteRegistryValues,
  registrySubkeys,
  writeRegistryKey,
} from '../../../native/registry.ts';
import { announceParameterChange } from '../../../native/service-announcement.ts';
import { formatGuid, parseGuid } from '../adapter/guid.ts';
import { stableGuid } from '../adapter/stable-guid.ts';
import type { UndoStep } from '../journal/journal.ts';
import type { DnsConfiguration } from '../network.ts';
import { InterfaceMissingError } from '../routes/win32.ts';
import { namePolicy } from './name-policy-win32.ts';

export type DnsStep = Extract<UndoStep, { kind: 'interface-dns' | 'name-policy' }>;

/** What `makeDns` will change. Throws InterfaceMissingError, WindowsCallError. */
export function dnsSteps(helper: IpHelper, { interfaceName }: DnsConfiguration): DnsStep[] {
  const luid = interfaceLuidOfName(interfaceName);
  if (luid === undefined) throw new InterfaceMissingError(interfaceName);
  const place = namesFollowGroupPolicy() ? groupPolicyPlace : localPlace;
  return [
    { kind: 'interface-dns', interfaceName, guid: formatGuid(helper.guidOfLuid(luid)) },
    { kind: 'name-policy', path: `${place}\\${ruleName(interfaceName)}` },
  ];
}

/** Throws WindowsCallError. */
export function makeDns(
  helper: IpHelper,
  configuration: Pick<DnsConfiguration, 'servers' | 'searchDomains'>,
  steps: readonly DnsStep[],
): void {
  for (const step of steps) {
    if (step.kind === 'interface-dns') {
      const guid = parseGuid(step.guid);
      setServers(helper, guid, configuration);
    } else {
      writeRegistryKey(step.path, namePolicy(configuration));
    }
  }
  refreshNames();
}

/** Returns whether there was anything to take back. Throws WindowsCallError. */
export function undoDnsStep(helper: IpHelper, step: DnsStep): boolean {
  if (step.kind === 'interface-dns') {
    if (!setServers(helper, parseGuid(step.guid), { servers: [], searchDomains: [] })) {
      // The adapter has gone; its settings wait in the registry for the next one with its GUID.
      for (const place of interfacePlaces) {
        deleteRegistryValues(`${place}\\${step.guid}`, ['NameServer', 'SearchList']);
      }
    }
    return true;
  }
  const found = deleteRegistryKey(step.path);
  if (found) refreshNames();
  return found;
}

/** The computer's own rules count for nothing while group policy has any: ours then lie among those. */
export function namesFollowGroupPolicy(): boolean {
  return registrySubkeys(groupPolicyPlace).length > 0;
}

const localPlace = 'SYSTEM\\CurrentControlSet\\Services\\Dnscache\\Parameters\\DnsPolicyConfig';
const groupPolicyPlace = 'SOFTWARE\\Policies\\Microsoft\\Windows NT\\DNSClient\\DnsPolicyConfig';
const interfacePlaces = ['Tcpip', 'Tcpip6'].map(
  (driver) => `SYSTEM\\CurrentControlSet\\Services\\${driver}\\Parameters\\Interfaces`,
);

/** One rule for each adapter, so that it is known again. */
function ruleName(interfaceName: string): string {
  return formatGuid(stableGuid(`${interfaceName} names`));
}

/** The DNS client reads its rules when its service is told that its parameters have changed. */
function refreshNames(): void {
  announceParameterChange('Dnscache');
}

/** False where no interface has the GUID any more. */
function setServers(
  helper: IpHelper,
  guid: Uint8Array,
  { servers, searchDomains }: Pick<DnsConfiguration, 'servers' | 'searchDomains'>,
): boolean {
  return ([4, 6] as const)
    .map((family) => {
      const ofFamily = servers.filter((server) => server.includes(':') === (family === 6));
      return helper.setDns(guid, family, ofFamily, ofFamily.length > 0 ? searchDomains : []);
    })
    .some((found) => found);
}
