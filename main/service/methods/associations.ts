// `sa list|rekey|delete`: the IKE and child SAs of every connection; never their keys.
import { ControlError } from '../../control/failure.ts';
import type { ChildAssociation, IkeAssociation } from '../../control/values.ts';
import type { ConnectionId, IkeSnapshot } from '../../engine/ike/contract.ts';
import { formatEndpoint } from '../../engine/packet/address.ts';
import type { AssociationCounters } from '../../engine/path/counters.ts';
import { formatSelector } from '../../engine/policy/selector.ts';
import type { ConnectionManager } from '../connection/manager.ts';
import type { InstalledChild } from '../keying/key-setter.ts';
import { formatIdentity } from '../profile/identity.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { wallClock } from '../wall-clock.ts';
import { describeProposal } from './status.ts';

export function listAssociations(
  manager: ConnectionManager,
  tunnel: Tunnel,
): { ike: IkeAssociation[]; children: ChildAssociation[] } {
  const { session } = tunnel;
  if (session === undefined) return { ike: [], children: [] };
  const snapshots = session.agreement.snapshot();
  const figures = session.data.snapshot().associations;
  return {
    ike: snapshots.flatMap((ike) => ikeAssociation(ike, profileOf(manager, ike.connection))),
    children: session.keys
      .installed()
      .map((child) => childAssociation(child, profileOf(manager, child.connection), figures, snapshots)),
  };
}

/** Begins the exchange; its outcome shows in `sa list`. */
export function rekeyAssociation(
  manager: ConnectionManager,
  tunnel: Tunnel,
  profile: string,
  layer: 'ike' | 'child',
): void {
  const { session } = tunnel;
  const connections = connectionsOf(manager, profile);
  if (session === undefined || connections.length === 0)
    throw new ControlError({ code: 'not-connected', profile });
  for (const connection of connections) {
    if (layer === 'ike') session.agreement.rekeyIke(connection);
    else {
      for (const { association, direction, parameters } of session.keys.installed(connection)) {
        if (direction === 'inbound') session.agreement.rekeyChild(connection, association, parameters.spi);
      }
    }
  }
}

/** Deletes a child SA with its partner, or an IKE SA with its children. */
export function deleteAssociation(tunnel: Tunnel, spi: string): void {
  const { session } = tunnel;
  const child = session?.keys.installed().find(({ parameters }) => spiText(parameters.spi) === spi);
  if (session !== undefined && child !== undefined) {
    session.agreement.deleteChild(child.connection, child.association, child.parameters.spi);
    return;
  }
  const ike = session?.agreement
    .snapshot()
    .find(({ details }) =>
      [details?.initiatorSpi, details?.responderSpi].some((value) => ikeSpiText(value) === spi),
    );
  if (session === undefined || ike === undefined)
    throw new ControlError({ code: 'association-not-found', spi });
  session.agreement.disconnect(ike.connection, false);
}

export function spiText(spi: number): string {
  return spi.toString(16).padStart(8, '0');
}

function ikeSpiText(spi: bigint | undefined): string | undefined {
  return spi?.toString(16).padStart(16, '0');
}

function connectionsOf(manager: ConnectionManager, profile: string): readonly ConnectionId[] {
  const clients = manager.connections
    .filter((connection) => connection.profile.name === profile)
    .flatMap(({ ikeConnection }) => (ikeConnection === undefined ? [] : [ikeConnection]));
  const peers = manager.gateways
    .filter((gateway) => gateway.profile.name === profile)
    .flatMap((gateway) => gateway.peers.map(({ connection }) => connection));
  return [...clients, ...peers];
}

function profileOf(manager: ConnectionManager, connection: ConnectionId): string {
  const client = manager.connections.find(({ ikeConnection }) => ikeConnection === connection);
  const gateway = manager.gateways.find(({ peers }) => peers.some((peer) => peer.connection === connection));
  return client?.profile.name ?? gateway?.profile.name ?? '';
}

function ikeAssociation(ike: IkeSnapshot, profile: string): IkeAssociation[] {
  const { details } = ike;
  if (details === undefined) return [];
  return [
    {
      profile,
      role: ike.role,
      state: ike.state,
      initiatorSpi: ikeSpiText(details.initiatorSpi)!,
      responderSpi: ikeSpiText(details.responderSpi)!,
      proposal: describeProposal(details.proposal),
      localEndpoint: formatEndpoint(details.local),
      remoteEndpoint: formatEndpoint(details.remote),
      localIdentity: formatIdentity(details.localIdentity),
      remoteIdentity: formatIdentity(details.remoteIdentity),
      natDetected: details.natDetected,
      ...(ike.establishedAtMilliseconds !== undefined && {
        establishedAt: wallClock(ike.establishedAtMilliseconds),
      }),
      ...(ike.rekeyAtMilliseconds !== undefined && { rekeyAt: wallClock(ike.rekeyAtMilliseconds) }),
    },
  ];
}

function childAssociation(
  { connection, direction, association, parameters, installedAtMilliseconds }: InstalledChild,
  profile: string,
  figures: readonly AssociationCounters[],
  snapshots: readonly IkeSnapshot[],
): ChildAssociation {
  const figure = figures.find(
    (candidate) => candidate.spi === parameters.spi && candidate.direction === direction,
  );
  const rekeyAt = snapshots
    .find((ike) => ike.connection === connection)
    ?.children.find((child) => child.association === association)?.rekeyAtMilliseconds;
  return {
    profile,
    direction,
    spi: spiText(parameters.spi),
    association,
    algorithm: parameters.algorithm,
    encapsulation: parameters.encapsulation,
    installedAt: wallClock(installedAtMilliseconds),
    ...(rekeyAt !== undefined && { rekeyAt: wallClock(rekeyAt) }),
    lifetime: parameters.lifetime,
    bytes: figure?.bytes ?? 0,
    packets: figure?.packets ?? 0,
    ...(direction === 'inbound' && {
      replayWindow: parameters.replayWindow,
      replayDrops: figure?.replayed ?? 0,
    }),
    localSelectors: parameters.localSelectors.map(formatSelector),
    remoteSelectors: parameters.remoteSelectors.map(formatSelector),
  };
}
