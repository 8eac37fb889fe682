// What the tests of every platform's network configuration ask of it.
import type { FailClosedConfiguration, TunnelConfiguration } from '../../../main/host/network.ts';

export const mark = 0x5e05;
export const gateway = { 4: '198.51.100.1', 6: '2001:db8:5::1' };
/** Behind the gateway. */
export const inner = { 4: '10.1.0.1', 6: 'fd10::1' };
/** Neither protected nor local. */
export const outside = { 4: '203.0.113.1', 6: '2001:db8:9::1' };
export const virtual = { 4: '10.9.0.2', 6: 'fd99::2' };

export const failClosed: FailClosedConfiguration = {
  tunnelInterface: 'tun7',
  protectedPrefixes: ['10.1.0.0/16', 'fd10::/16'],
  gateways: [gateway[4], gateway[6]],
  virtualAddresses: [virtual[4], virtual[6]],
  allowLocalNetwork: true,
  allowDhcp: true,
  allowNeighbourDiscovery: true,
  mark,
  routingTable: 5307,
  rulePriority: 5307,
  discardRows: [],
  tableName: 'sn_test',
};

export const tunnel: TunnelConfiguration = {
  interfaceName: 'tun7',
  mtu: 1380,
  addresses: [`${virtual[4]}/32`, `${virtual[6]}/128`],
  routedPrefixes: ['10.1.0.0/16', 'fd10::/16', '203.0.113.0/24'],
  sources: fromVirtual(['10.1.0.0/16', 'fd10::/16']),
  mark,
  routingTable: 5307,
  rulePriority: 5307,
};

/** For `TunnelConfiguration.sources`: each from the virtual address of its family. */
export function fromVirtual(prefixes: readonly string[]): { prefix: string; source: string }[] {
  return prefixes.map((prefix) => ({ prefix, source: virtual[prefix.includes(':') ? 6 : 4] }));
}
