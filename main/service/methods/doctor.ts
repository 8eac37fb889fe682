// `doctor`: what of this computer stands in the way, and what an earlier service left behind.
import type { Message } from '../../control/messages.ts';
import type { Finding } from '../../control/values.ts';
import type { HostNetwork } from '../../host/network.ts';
import type { ConnectionManager } from '../connection/manager.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';

/** Problems first. */
export async function checkComputer(host: HostNetwork, tunnel: Tunnel): Promise<Finding[]> {
  const inUse = tunnel.session !== undefined || tunnel.state.firewallInForce;
  const findings = await host.check({ inUse });
  const rank = { problem: 0, warning: 1, good: 2 };
  return findings
    .map(({ changes, ...finding }) => ({ ...finding, ...(changes && { changes: [...changes] }) }))
    .sort((a, b) => rank[a.severity] - rank[b.severity]);
}

/**
 * Undoes what is not in use by a connection now: with one, its own part stays. What a `down` could not take back is
 * tried again.
 */
export async function repairComputer(
  host: HostNetwork,
  tunnel: Tunnel,
  manager: ConnectionManager,
): Promise<{ repaired: Message[]; findings: Finding[] }> {
  const inUse = manager.connections.some(({ model }) => !model.wantsDown) || manager.gateways.length > 0;
  const { firewallInForce } = tunnel.state;
  const repaired = inUse ? [] : await host.undo({ keepFailClosed: false });
  if (!inUse) for (const { profile } of manager.connections) await manager.down(profile.name);
  // The user's own rows hold while the service runs.
  if (!inUse && firewallInForce) await tunnel.applyAnew();
  return { repaired: [...repaired], findings: await checkComputer(host, tunnel) };
}
