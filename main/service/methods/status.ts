// `status`: what every connection is doing, in the words of the control endpoint.
import type { ConnectionStatus, Counters } from '../../control/values.ts';
import type { IkeProposal, IkeSnapshot } from '../../engine/ike/contract.ts';
import { formatAddress, formatEndpoint, formatPrefix } from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { Connection } from '../connection/connection.ts';
import type { Gateway } from '../connection/gateway.ts';
import { formatIdentity } from '../profile/identity.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { wallClock } from '../wall-clock.ts';

export const groupNames = { 14: 'modp2048', 19: 'ecp256', 31: 'curve25519' } as const;

/** "aes-256-gcm-16 / hmac-sha2-384 / curve25519". */
export function describeProposal({ encryption, integrity, prf, group }: IkeProposal): string {
  const parts = [encryption, ...(integrity === 'none' ? [] : [integrity]), prf, groupNames[group]];
  return parts.join(' / ');
}

export function connectionStatus(connection: Connection, tunnel: Tunnel): ConnectionStatus {
  const { model, details, profile } = connection;
  const snapshot = tunnel.session?.agreement
    .snapshot()
    .find((ike) => ike.connection === connection.ikeConnection);
  return {
    profile: profile.name,
    state: model.state,
    since: wallClock(model.sinceMilliseconds),
    ...(model.why !== undefined && { failure: model.why }),
    ...(model.retryAtMilliseconds !== undefined && { nextAttemptAt: wallClock(model.retryAtMilliseconds) }),
    owner: connection.owner,
    protectedTraffic: protectedTraffic(connection, tunnel),
    lockdown: profile.failClosed.lockdown,
    details: {
      ...(profile.gateway.address !== undefined && { gateway: profile.gateway.address }),
      ...(details && {
        localIdentity: formatIdentity(details.localIdentity),
        remoteIdentity: formatIdentity(details.remoteIdentity),
        localEndpoint: formatEndpoint(details.local),
        remoteEndpoint: formatEndpoint(details.remote),
        ikeProposal: describeProposal(details.proposal),
      }),
      virtualAddresses: (details?.virtualAddresses ?? []).map(formatAddress),
      dns: (details?.dns ?? []).map(formatAddress),
      ...prefixes(connection, tunnel),
      ...ikeTimes(snapshot),
      ...childFigures(snapshot),
      ...(tunnel.state.interfaceName !== undefined && { interfaceName: tunnel.state.interfaceName }),
      ...(tunnel.state.mtu !== undefined && { mtu: tunnel.state.mtu }),
      counters: tunnel.session?.traffic.of(connection.association) ?? nothing,
    },
  };
}

/** `clients`: those beside it, whose traffic is not the gateway's. */
export function gatewayStatus(
  gateway: Gateway,
  tunnel: Tunnel,
  clients: readonly Connection[],
): ConnectionStatus {
  return {
    profile: gateway.profile.name,
    state: gateway.state,
    since: wallClock(gateway.sinceMilliseconds),
    ...(gateway.failure !== undefined && { failure: gateway.failure }),
    owner: gateway.owner,
    protectedTraffic: gateway.state === 'connected' ? 'sealed' : 'clear',
    lockdown: false,
    details: {
      virtualAddresses: [],
      dns: [],
      protectedPrefixes: tunnel.partOf(gateway.profile.name).share.toPrefixes().map(formatPrefix),
      ...(tunnel.state.interfaceName !== undefined && { interfaceName: tunnel.state.interfaceName }),
      ...(tunnel.state.mtu !== undefined && { mtu: tunnel.state.mtu }),
      counters: countersOfPeers(tunnel, clients),
      peers: gateway.peers.length,
    },
  };
}

/** By what is in force, not by what was meant to be. */
function protectedTraffic(
  { model, profile }: Connection,
  tunnel: Tunnel,
): ConnectionStatus['protectedTraffic'] {
  if (model.state === 'connected' && model.phase === 'running') return 'sealed';
  const part = tunnel.partOf(profile.name);
  return part.failClosed || part.routed ? 'blocked' : 'clear';
}

/** What is sealed, and what is shut without being: the gateway leaves it out, or gave no address of its family. */
function prefixes({ agreed: { localFamilies }, profile }: Connection, tunnel: Tunnel) {
  const { share, uncarried } = tunnel.partOf(profile.name);
  const sealed = new AddressSet(
    share
      .subtract(new AddressSet(uncarried))
      .ranges.filter(({ first }) => localFamilies.size === 0 || localFamilies.has(first.family)),
  );
  const rest = share.subtract(sealed).toPrefixes();
  return {
    protectedPrefixes: sealed.toPrefixes().map(formatPrefix),
    ...(rest.length > 0 && { uncarriedPrefixes: rest.map(formatPrefix) }),
  };
}

function ikeTimes(ike: IkeSnapshot | undefined) {
  return {
    ...(ike?.establishedAtMilliseconds !== undefined && {
      ikeEstablishedAt: wallClock(ike.establishedAtMilliseconds),
    }),
    ...(ike?.rekeyAtMilliseconds !== undefined && { ikeRekeyAt: wallClock(ike.rekeyAtMilliseconds) }),
    ...(ike?.roundTrip && {
      roundTripMilliseconds: Math.round(ike.roundTrip.milliseconds * 100) / 100,
      roundTripAt: wallClock(ike.roundTrip.atMilliseconds),
    }),
  };
}

function childFigures(ike: IkeSnapshot | undefined) {
  const child = ike?.children.at(-1);
  if (child === undefined) return {};
  return {
    espAlgorithm: child.proposal.encryption,
    espEncapsulation: child.encapsulation,
    ...(child.rekeyAtMilliseconds !== undefined && { childRekeyAt: wallClock(child.rekeyAtMilliseconds) }),
  };
}

const nothing: Counters = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };

/** Since the tunnel was opened, of all peers that there have been. */
function countersOfPeers({ session }: Tunnel, clients: readonly Connection[]): Counters {
  if (session === undefined) return nothing;
  const { totals } = session.data.snapshot();
  const own = clients.map(({ association }) => session.traffic.of(association));
  const others = (name: keyof Counters) => own.reduce((sum, counters) => sum + counters[name], 0);
  return {
    packetsIn: Math.max(0, (totals.inboundPackets ?? 0) - others('packetsIn')),
    bytesIn: Math.max(0, (totals.inboundBytes ?? 0) - others('bytesIn')),
    packetsOut: Math.max(0, (totals.outboundPackets ?? 0) - others('packetsOut')),
    bytesOut: Math.max(0, (totals.outboundBytes ?? 0) - others('bytesOut')),
  };
}
