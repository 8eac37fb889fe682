// The way to a profile's gateway, and into the tunnel: what can go wrong there ends as a problem with its reason.
import { type IpAddress, parseAddress } from '../../engine/packet/address.ts';
import type { Profile } from '../profile/contract.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';
import type { ReachableGateway, Tunnel } from '../tunnel/tunnel.ts';
import { ConnectionProblem, describe } from './problem.ts';

export interface ReachSurroundings {
  readonly tunnel: Tunnel;
  /** Addresses of the gateway's name, preferred first. `nameServers`: whom the computer asks outside the tunnel. */
  resolve(name: string, nameServers: Tunnel['nameServers']): Promise<readonly IpAddress[]>;
}

/** The profile has no address, so one must be looked up. */
export function namesGateway({ gateway }: Profile): boolean {
  return parseAddress(gateway.address ?? '') === undefined;
}

/**
 * With every attempt another one of the gateway's addresses comes first. undefined: there is no way to any of them.
 * Throws ConnectionProblem name-not-resolved.
 */
export async function reachGateway(
  { gateway }: Profile,
  attempts: number,
  { tunnel, resolve }: ReachSurroundings,
): Promise<ReachableGateway | undefined> {
  const name = gateway.address ?? '';
  let addresses: readonly IpAddress[];
  try {
    addresses = await resolve(name, tunnel.nameServers);
  } catch {
    throw new ConnectionProblem({ code: 'name-not-resolved', name });
  }
  const first = attempts % Math.max(1, addresses.length);
  const inOrder = [...addresses.slice(first), ...addresses.slice(0, first)];
  return tunnel.firstReachable(inOrder, gateway.port);
}

/** Adapter and sockets. Throws ConnectionProblem adapter-failed. */
export async function openForClient(tunnel: Tunnel): Promise<void> {
  try {
    await tunnel.open('client');
  } catch (error) {
    throw new ConnectionProblem({ code: 'adapter-failed', detail: describe(error) });
  }
}

/** Throws ConnectionProblem network-failed. */
export async function contributeTo(tunnel: Tunnel, contribution: StatedContribution): Promise<void> {
  try {
    await tunnel.contribute(contribution);
  } catch (error) {
    throw new ConnectionProblem({ code: 'network-failed', detail: describe(error) });
  }
}
