// How much of an SA's life is used up, for its bars.
import type { ChildAssociation, IkeAssociation } from '../../main/control/values.ts';

/** Both directions of a pair are installed within this. */
const togetherMilliseconds = 2000;

export interface LifetimeBar {
  readonly measure: 'time' | 'bytes' | 'packets';
  readonly used: number;
  /** Where it ends. */
  readonly limit: number;
  /** 0 to 1. */
  readonly fraction: number;
  /** 0 to 1: where it is renewed. */
  readonly renewedAt: number | undefined;
}

/** One bar for each limit that the SA has. Seconds for time. */
export function lifetimeBars(child: ChildAssociation, now: number): readonly LifetimeBar[] {
  const { lifetime } = child;
  const seconds = Math.max(0, (now - child.installedAt) / 1000);
  return [
    ...bar('time', seconds, lifetime.softSeconds, lifetime.hardSeconds),
    ...bar('bytes', child.bytes, lifetime.softBytes, lifetime.hardBytes),
    ...bar('packets', child.packets, lifetime.softPackets, lifetime.hardPackets),
  ];
}

/** An IKE SA has one bar: from its beginning to its renewal. */
export function ikeBar({ establishedAt, rekeyAt }: IkeAssociation, now: number): LifetimeBar | undefined {
  if (establishedAt === undefined || rekeyAt === undefined || rekeyAt <= establishedAt) return undefined;
  return bar(
    'time',
    Math.max(0, (now - establishedAt) / 1000),
    undefined,
    (rekeyAt - establishedAt) / 1000,
  )[0];
}

function bar(
  measure: LifetimeBar['measure'],
  used: number,
  soft: number | undefined,
  hard: number | undefined,
): readonly LifetimeBar[] {
  const limit = hard ?? soft;
  if (limit === undefined || limit <= 0) return [];
  return [
    {
      measure,
      used,
      limit,
      fraction: Math.min(1, used / limit),
      renewedAt: soft === undefined || hard === undefined ? undefined : Math.min(1, soft / hard),
    },
  ];
}

export interface AssociationGroup {
  readonly profile: string;
  readonly ike: readonly IkeAssociation[];
  /** Two directions each, outbound first; one alone while a pair is being replaced. */
  readonly pairs: readonly (readonly ChildAssociation[])[];
}

/** By profile. The service lists both directions of a pair with the same association and moment of installation. */
export function associationGroups(
  ike: readonly IkeAssociation[],
  children: readonly ChildAssociation[],
): readonly AssociationGroup[] {
  const profiles = [...new Set([...ike, ...children].map(({ profile }) => profile))].sort();
  return profiles.map((profile) => ({
    profile,
    ike: ike.filter((each) => each.profile === profile),
    pairs: pairsOf(children.filter((each) => each.profile === profile)),
  }));
}

function pairsOf(children: readonly ChildAssociation[]): readonly (readonly ChildAssociation[])[] {
  const outbound = children.filter(({ direction }) => direction === 'outbound');
  const inbound = children.filter(({ direction }) => direction === 'inbound');
  const pairs: ChildAssociation[][] = [];
  for (const each of outbound) {
    const partner = inbound.findIndex(
      ({ association, installedAt }) =>
        association === each.association && Math.abs(installedAt - each.installedAt) < togetherMilliseconds,
    );
    pairs.push(partner === -1 ? [each] : [each, ...inbound.splice(partner, 1)]);
  }
  return [...pairs, ...inbound.map((each) => [each])];
}
