// What the caller is shown of a connection.
import type { IkeAssociation } from './association.ts';
import type { Connection, Establishment } from './connection.ts';
import type { IkeDetails, IkeSnapshot } from './contract.ts';

export function snapshotOf(connection: Connection): IkeSnapshot {
  const { core, children, current, establishment } = connection;
  const association = current ?? establishment?.association;
  return {
    connection: connection.id,
    role: connection.configuration.role,
    state: stateOf(connection),
    answered: [...core.initiations.values()].every((initiation) => initiation !== connection.handshake),
    details: establishment && association && detailsOf(association, establishment),
    establishedAtMilliseconds: connection.establishedAt,
    rekeyAtMilliseconds: core.timers.at(connection, 'rekey'),
    roundTrip: current?.roundTrip,
    children: children.all().map((child) => ({
      association: child.configuration.association,
      inboundSpi: child.inboundSpi,
      outboundSpi: child.outboundSpi,
      proposal: child.proposal,
      installedAtMilliseconds: child.installedAt,
      encapsulation: child.encapsulation,
      rekeyAtMilliseconds: children.rekeyAt(child),
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
    })),
  };
}

/** `association`: the present one, which may be a later one than that of the handshake. */
export function detailsOf(association: IkeAssociation, establishment: Establishment): IkeDetails {
  return {
    initiatorSpi: association.initiatorSpi,
    responderSpi: association.responderSpi,
    proposal: association.proposal,
    local: association.path.local,
    remote: association.path.remote,
    localIdentity: establishment.localIdentity,
    remoteIdentity: establishment.remoteIdentity,
    natDetected: establishment.natDetected,
    virtualAddresses: establishment.virtualAddresses,
    dns: establishment.dns,
    subnets: establishment.subnets ?? [],
  };
}

function stateOf({ isClosing, establishment, current }: Connection): IkeSnapshot['state'] {
  if (isClosing) return 'closing';
  if (establishment === undefined) return 'connecting';
  return current?.inFlight?.purpose === 'rekey-ike' ? 'rekeying' : 'established';
}
