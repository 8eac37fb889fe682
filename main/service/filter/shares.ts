// Whose share of all destinations is what: each that a PROTECT row can match is one connection's and no other's.
import { type AddressRange, everyAddress } from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { PolicyRow } from '../../engine/policy/row.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { Contribution } from '../tunnel/contribution.ts';
import { claimOf, isWhole } from './claim.ts';

export const everything = new AddressSet([everyAddress(4), everyAddress(6)]);

/**
 * By profile, the destinations that a PROTECT row of its can match: those of the rows, less what an earlier row lets
 * pass altogether or gives to another profile. A default that is not BYPASS is about everything that no row lets pass.
 */
export function sharesOf(
  rows: readonly PolicyRow[],
  contributions: readonly Contribution[],
): ReadonlyMap<string, AddressSet> {
  const shares = new Map(
    contributions.map(({ profile, uncarried }) => [profile, new AddressSet(uncarried)] as const),
  );
  const owners = ownersOf(contributions);
  let passed = new AddressSet();
  let given = unionOf([...shares.values()]);
  const give = (profile: string | undefined, remote: AddressSet) => {
    if (profile === undefined) return;
    const added = remote.subtract(passed).subtract(given);
    shares.set(profile, shares.get(profile)!.union(added));
    given = given.union(added);
  };
  for (const row of rows) {
    const remote = row.remote.length === 0 ? everything : new AddressSet(row.remote);
    if (row.action === 'PROTECT') give(owners.get(row.association), remote);
    else if (row.action === 'BYPASS' && isWhole(row)) passed = passed.union(remote);
  }
  const stating = statingDefault(contributions);
  if (stating !== undefined && stating.defaultAction !== 'BYPASS') give(stating.profile, everything);
  return shares;
}

/** The connection whose default is the table's. */
export function statingDefault(contributions: readonly Contribution[]): Contribution | undefined {
  return contributions.find(({ defaultAction }) => defaultAction !== undefined);
}

/** What the other connections claim. */
export function claimsOfOthers(
  profile: string,
  contributions: readonly Contribution[],
  names: ReadonlyMap<string, readonly AddressRange[]>,
): AddressSet {
  return unionOf(
    contributions.filter((each) => each.profile !== profile).map((each) => claimOf(each, names)),
  );
}

/** undefined: nothing is left of it. */
export function withoutRemote(row: PolicyRow, others: AddressSet): PolicyRow | undefined {
  const remote = row.remote.length === 0 ? everything : new AddressSet(row.remote);
  if (remote.intersect(others).isEmpty) return row;
  const left = remote.subtract(others);
  return left.isEmpty ? undefined : { ...row, remote: left.ranges };
}

export function unionOf(sets: readonly AddressSet[]): AddressSet {
  return new AddressSet(sets.flatMap(({ ranges }) => ranges));
}

function ownersOf(contributions: readonly Contribution[]): ReadonlyMap<AssociationId, string> {
  return new Map(
    contributions.flatMap(({ profile, association, protections }) =>
      [association ?? [], protections.map((each) => each.association)]
        .flat()
        .map((number) => [number, profile] as const),
    ),
  );
}
