// Whether connections can be up at the same time: who protects what is said by prefixes, and no packet may be two
// connections' business. Pure; asked before anything is changed, and again when a gateway has said what it carries.
import { type AddressRange, everyAddress, formatAddress, formatPrefix } from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import { FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import type { PolicyRow } from '../../engine/policy/row.ts';
import type { StatedContribution } from './contribution.ts';

/** Why the one cannot be up beside `other`. */
export type Conflict =
  /** Both protect these, at most some of them are named. */
  | { readonly code: 'networks-overlap'; readonly other: string; readonly prefixes: string[] }
  /** Both gateways assigned it. */
  | { readonly code: 'address-taken'; readonly other: string; readonly address: string }
  /** There is one default for what no row matches. */
  | { readonly code: 'defaults-differ'; readonly other: string };

type Names = ReadonlyMap<string, readonly AddressRange[]>;

const namedPrefixes = 8;

/** `names`: what the names in filter rows stand for now. */
export function conflictWith(
  candidate: StatedContribution,
  others: readonly StatedContribution[],
  names: Names,
): Conflict | undefined {
  const claim = claimOf(candidate, names);
  for (const each of others) {
    const other = each.profile;
    const shared = claim.intersect(claimOf(each, names));
    if (!shared.isEmpty) {
      const prefixes = shared.toPrefixes().slice(0, namedPrefixes).map(formatPrefix);
      return { code: 'networks-overlap', other, prefixes };
    }
    const taken = new Set(each.virtualAddresses.map(formatAddress));
    const address = candidate.virtualAddresses.map(formatAddress).find((text) => taken.has(text));
    if (address !== undefined) return { code: 'address-taken', other, address };
    if (!defaultsAgree(candidate, each)) return { code: 'defaults-differ', other };
  }
  return undefined;
}

/** Whatever a connection may come to protect: its networks, what its own PROTECT rows say, and what it reserves. */
function claimOf(contribution: StatedContribution, names: Names): AddressSet {
  const { protections, uncarried, gatewayRole, defaultAction } = contribution;
  const rows = ownRows(contribution, names);
  let passed = new AddressSet();
  let claimed = new AddressSet();
  for (const row of rows) {
    const remote = new AddressSet(row.remote.length === 0 ? [everyAddress(4), everyAddress(6)] : row.remote);
    if (row.action === 'PROTECT') claimed = claimed.union(remote.subtract(passed));
    else if (row.action === 'BYPASS' && isWhole(row)) passed = passed.union(remote);
  }
  const networks = new AddressSet([
    ...protections.flatMap(({ remote }) => remote),
    ...(gatewayRole?.reserved ?? []),
    ...(defaultAction === 'PROTECT' ? [everyAddress(4), everyAddress(6)] : []),
  ]);
  return claimed.union(networks.subtract(passed)).union(new AddressSet(uncarried));
}

/** Without those that say that another profile protects. */
function ownRows({ profile, rows }: StatedContribution, names: Names): readonly PolicyRow[] {
  return rows.flatMap((text) => {
    try {
      const row = parseRow(text, {
        origin: profile,
        names,
        associationOf: (named) => (named === undefined || named === profile ? 1 : 0),
      });
      return row.action === 'PROTECT' && row.association === 0 ? [] : [row];
    } catch (error) {
      if (error instanceof FilterRowError) return [];
      throw error;
    }
  });
}

/** Does it speak of the destination alone? */
function isWhole(row: PolicyRow): boolean {
  return (
    row.local.length === 0 &&
    row.protocol === undefined &&
    row.localPorts.length + row.remotePorts.length === 0
  );
}

/** One that says nothing goes with one that discards, not with one that lets pass among what the other protects. */
function defaultsAgree(one: StatedContribution, other: StatedContribution): boolean {
  const stated = [one, other].map(({ defaultAction }) => defaultAction);
  return stated[0] === stated[1] || !stated.includes('BYPASS');
}
