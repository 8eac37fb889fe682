// A connection leaves this process, and another process goes on with its IKE SA.
import type { Endpoint } from '../packet/address.ts';
import { IkeAssociation } from './association.ts';
import type { Connection } from './connection.ts';
import { CreateChild } from './create-child.ts';
import { type StoredAssociation, writeStoredAssociation } from './stored-association.ts';

/**
 * Ends without a word to the peer and gives what another process needs to go on. Undefined, and nothing has changed,
 * while an exchange is under way, or where the peer would not follow us to another port.
 */
export function suspend(connection: Connection): Uint8Array | undefined {
  const { core, configuration, establishment } = connection;
  const association = quietAssociation(connection);
  const window = association?.window;
  if (association === undefined || window === undefined || establishment === undefined) return undefined;
  // RFC 7296 section 2.23: whoever seems to be behind a NAT is followed.
  const isFollowed = configuration.encapsulation === 'udp' || establishment.natDetected.local;
  if (configuration.role !== 'initiator' || establishment.encapsulation !== 'udp' || !isFollowed)
    return undefined;
  const left = (name: string) => {
    const milliseconds = (core.timers.at(connection, name) ?? Infinity) - core.now;
    return Math.floor(Math.max(0, Math.min(milliseconds, 2 ** 32 - 1)));
  };
  const stored = writeStoredAssociation(core.environment, {
    isInitiator: association.isInitiator,
    localSpi: association.localSpi,
    remoteSpi: association.remoteSpi,
    proposal: association.proposal,
    keys: association.keys,
    fragmentation: association.fragmentation,
    marker: association.path.marker,
    natDetected: establishment.natDetected,
    remote: association.path.remote,
    window,
    rekeyInMilliseconds: left('rekey'),
    expireInMilliseconds: left('expire'),
    found: establishment,
    children: connection.children.all().map(({ configuration: child, inboundSpi }) => ({
      place: configuration.children.indexOf(child),
      inboundSpi,
    })),
  });
  connection.close({ code: 'requested' });
  return stored;
}

/** Goes on with the IKE SA of an earlier process, and agrees on new child SAs in place of those that it had. */
export function resume(
  connection: Connection,
  stored: StoredAssociation,
  local: Endpoint,
  elapsedMilliseconds: number,
): void {
  const { remote, marker, found, natDetected } = stored;
  const { core, configuration } = connection;
  const association = new IkeAssociation(core, {
    ...stored,
    path: { local, remote, marker },
    connection: connection.id,
    retransmission: configuration.retransmission,
    handler: connection,
  });
  connection.establish(
    { association, natDetected, encapsulation: 'udp', ...found },
    {
      rekeyInMilliseconds: stored.rekeyInMilliseconds - elapsedMilliseconds,
      expireInMilliseconds: stored.expireInMilliseconds - elapsedMilliseconds,
    },
  );
  for (const [place, child] of configuration.children.entries()) {
    const formerSpis = stored.children
      .filter((former) => former.place === place)
      .map(({ inboundSpi }) => inboundSpi);
    association.enqueue(new CreateChild(connection, child, undefined, { formerSpis }));
  }
}

/** The connection's one IKE SA, where nothing is under way with it or its children. */
function quietAssociation({
  current,
  hasOneAssociation,
  isClosing,
  children,
}: Connection): IkeAssociation | undefined {
  if (isClosing || !hasOneAssociation) return undefined;
  const isQuiet = children
    .all()
    .every(({ state, heldOutboundKey }) => state === 'active' && heldOutboundKey === undefined);
  return isQuiet ? current : undefined;
}
