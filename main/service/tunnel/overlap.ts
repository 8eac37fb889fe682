// Whether connections can be up at the same time: who protects what is said by prefixes, and no packet may be two
// connections' business. Pure; asked before anything is changed, and again when a gateway has said what it carries.
import { type AddressRange, formatAddress, formatPrefix } from '../../engine/packet/address.ts';
import { claimOf } from '../filter/claim.ts';
import type { StatedContribution } from './contribution.ts';

/** Why the one cannot be up beside `other`. */
export type Conflict =
  /** Both protect these, at most some of them are named. */
  | { readonly code: 'networks-overlap'; readonly other: string; readonly prefixes: string[] }
  /** Both gateways assigned it. */
  | { readonly code: 'address-taken'; readonly other: string; readonly address: string }
  /** There is one default for what no row matches. */
  | { readonly code: 'defaults-differ'; readonly other: string };

const namedPrefixes = 8;

/** `names`: what the names in filter rows stand for now. */
export function conflictWith(
  candidate: StatedContribution,
  others: readonly StatedContribution[],
  names: ReadonlyMap<string, readonly AddressRange[]>,
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

/** One that says nothing goes with one that discards, not with one that lets pass among what the other protects. */
function defaultsAgree(one: StatedContribution, other: StatedContribution): boolean {
  const stated = [one, other].map(({ defaultAction }) => defaultAction);
  return stated[0] === stated[1] || !stated.includes('BYPASS');
}
