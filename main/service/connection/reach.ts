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

/** What a client needs before it can agree: an open tunnel, the way to its gateway, and what is protected shut. */
export class WayToGateway {
  /** What the latest preparation found. */
  reached: ReachableGateway | undefined;
  readonly #profile: Profile;
  readonly #surroundings: ReachSurroundings;
  readonly #contribute: () => Promise<void>;
  #shut: Promise<void> = Promise.resolve();

  /** `contribute`: has the tunnel follow what is known now. */
  constructor(profile: Profile, surroundings: ReachSurroundings, contribute: () => Promise<void>) {
    this.#profile = profile;
    this.#surroundings = surroundings;
    this.#contribute = contribute;
  }

  /** Resolves when what is protected is shut, as far as it is known, or when that has failed. */
  get shut(): Promise<void> {
    return this.#shut;
  }

  /** Throws ConnectionProblem. */
  prepare(isCurrent: () => boolean, attempts: number): Promise<void> {
    const shut = Promise.withResolvers<void>();
    this.#shut = shut.promise;
    return this.#shutAndOpen(isCurrent, attempts, shut.resolve).finally(shut.resolve);
  }

  async #shutAndOpen(isCurrent: () => boolean, attempts: number, shut: () => void): Promise<void> {
    const opening = openForClient(this.#surroundings.tunnel);
    // A look-up may take long: what is protected is shut before.
    const shutting = namesGateway(this.#profile) ? this.#contribute() : undefined;
    shutting?.then(shut, shut);
    const reaching = reachGateway(this.#profile, attempts, this.#surroundings);
    const [reached] = await Promise.allSettled([reaching, opening, shutting]);
    if (!isCurrent()) return;
    this.reached = reached.status === 'fulfilled' ? reached.value : undefined;
    // Also where there is no way to the gateway, what is protected is shut.
    await this.#contribute();
    shut();
    await opening;
    if ((await reaching) === undefined) throw new ConnectionProblem({ code: 'no-network' });
  }
}

/** The profile has no address, so one must be looked up. */
function namesGateway({ gateway }: Profile): boolean {
  return parseAddress(gateway.address ?? '') === undefined;
}

/**
 * With every attempt another one of the gateway's addresses comes first. undefined: there is no way to any of them.
 * Throws ConnectionProblem name-not-resolved.
 */
async function reachGateway(
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
async function openForClient(tunnel: Tunnel): Promise<void> {
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
