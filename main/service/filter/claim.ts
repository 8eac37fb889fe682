// What a connection claims for itself: destinations that no other one may protect, and that no other profile's rows are
// about.
import { type AddressRange, everyAddress } from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import { FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import type { PolicyRow } from '../../engine/policy/row.ts';
import type { StatedContribution } from '../tunnel/contribution.ts';

type Names = ReadonlyMap<string, readonly AddressRange[]>;

/**
 * Whatever it may come to protect: its networks, what its own PROTECT rows say, and what it reserves; less what its own
 * rows let pass altogether. `names`: what the names in rows stand for.
 */
export function claimOf(contribution: StatedContribution, names: Names): AddressSet {
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
export function isWhole(row: PolicyRow): boolean {
  return (
    row.local.length === 0 &&
    row.protocol === undefined &&
    row.localPorts.length + row.remotePorts.length === 0
  );
}
