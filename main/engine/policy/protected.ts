// What the rows mean for the system around the adapter: which destinations enter it, and which rows the system's own
// firewall enforces outside of them (DESIGN section 4).
import { type AddressFamily, type AddressRange, everyAddress } from '../packet/address.ts';
import { AddressSet } from '../packet/address-set.ts';
import { protocolNumber } from '../packet/protocol.ts';
import type { PolicyRow } from './row.ts';

/** Remote addresses that any PROTECT row touches: these are routed into the adapter. */
export function protectedSet(rows: readonly PolicyRow[]): AddressSet {
  const ranges = rows.filter((row) => row.action === 'PROTECT').flatMap((row) => remoteOf(row).ranges);
  return new AddressSet(ranges);
}

/** The same as ranges, for PolicyTable. */
export function protectedRanges(rows: readonly PolicyRow[]): readonly AddressRange[] {
  return protectedSet(rows).ranges;
}

/** A row, or what is left of it outside the protected addresses. */
export interface OutsideRow {
  readonly row: PolicyRow;
  /** Never empty. */
  readonly remote: AddressSet;
}

/**
 * DISCARD rows as far as no PROTECT row touches them: the system's firewall drops these. `exceptions` are the BYPASS
 * rows that stand before a DISCARD row, meet it and must be let through ahead of it (first match).
 */
export function outsideDiscards(
  rows: readonly PolicyRow[],
): readonly (OutsideRow & { readonly exceptions: readonly OutsideRow[] })[] {
  const inside = protectedSet(rows);
  return rows.flatMap((row, index) => {
    if (row.action !== 'DISCARD') return [];
    const remote = remoteOf(row).subtract(inside);
    if (remote.isEmpty) return [];
    const exceptions = rows.slice(0, index).flatMap((earlier) => {
      const shared = remoteOf(earlier).intersect(remote);
      return earlier.action === 'BYPASS' && !shared.isEmpty ? [{ row: earlier, remote: shared }] : [];
    });
    return [{ row, remote, exceptions }];
  });
}

/** "Any" is everything of those IP versions that the row's other fields allow. */
function remoteOf(row: PolicyRow): AddressSet {
  const families = ([4, 6] as const).filter((family) => allows(row, family));
  const ranges = row.remote.length === 0 ? families.map(everyAddress) : row.remote;
  return new AddressSet(ranges.filter((range) => families.includes(range.first.family)));
}

function allows(row: PolicyRow, family: AddressFamily): boolean {
  if (row.protocol === protocolNumber.icmp && family === 6) return false;
  if (row.protocol === protocolNumber.icmpv6 && family === 4) return false;
  return row.local.length === 0 || row.local.some((range) => range.first.family === family);
}
