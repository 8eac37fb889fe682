// From the user's rows, the profiles' rows and what the connections protect to the one table that the engine decides
// by, and to what the computer must do around it: route into the adapter, keep shut, leave to the system's firewall.
import {
  type AddressPrefix,
  type AddressRange,
  everyAddress,
  formatPrefix,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import { FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import { outsideDiscards, protectedRanges } from '../../engine/policy/protected.ts';
import type { FilterRowText, PolicyAction, PolicyRow } from '../../engine/policy/row.ts';
import type { DefaultRow, PolicyTable } from '../../engine/policy/table.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { FirewallRow } from '../../host/network.ts';
import type { Contribution } from '../tunnel/contribution.ts';
import { claimOf, isWhole } from './claim.ts';
import type { UserRow } from './user-filter.ts';

export interface FilterSources {
  /** Counts up with every compilation. */
  readonly version: number;
  readonly userRows: readonly UserRow[];
  readonly contributions: readonly Contribution[];
  readonly names: ReadonlyMap<string, readonly AddressRange[]>;
}

export interface CompiledFilter {
  readonly table: PolicyTable;
  /** The text of each row of the table that was written as one, by row id. */
  readonly texts: ReadonlyMap<string, FilterRowText>;
  /** Rows that could not be used, with the reason; the packets they are about are decided by the rest. */
  readonly unusable: ReadonlyMap<string, string>;
  /** What enters the adapter: of connections that want it there. */
  readonly routed: readonly AddressPrefix[];
  /** What PROTECT rows touch, and what no gateway carries. */
  readonly protectedPrefixes: readonly AddressPrefix[];
  /** The same by profile; nothing is two profiles'. */
  readonly shares: ReadonlyMap<string, AddressSet>;
  /** What must not leave in the clear while the tunnel is down: of connections that fail closed. */
  readonly shut: readonly AddressPrefix[];
  readonly firewallRows: readonly FirewallRow[];
}

const everything = new AddressSet([everyAddress(4), everyAddress(6)]);

export const defaultInsideId = 'default-inside';
export const defaultOutsideId = 'default-outside';

/** Never throws: a row that cannot be used is left out and told in `unusable`. */
export function compileFilter(sources: FilterSources): CompiledFilter {
  const written = writtenRows(sources);
  const usable = written.flatMap(({ row }) => (row === undefined ? [] : [row]));
  const decided = [...usable, ...networkRowsOf(sources)];
  const rows = [...decided, ...sources.contributions.flatMap(uncarriedRows)];
  const shares = sharesOf(rows, sources.contributions);
  const sharesWhere = (chosen: (contribution: Contribution) => boolean): AddressSet =>
    unionOf(sources.contributions.filter(chosen).map(({ profile }) => shares.get(profile)!));
  const entering = unionOf([...shares.values()]);
  // What passes by itself while its connection is down does so too where another one captures all.
  const routed = sources.contributions.some((each) => each.captureAll && each.routed)
    ? everything.subtract(sharesWhere(({ routed: isRouted, failClosed }) => !isRouted && !failClosed))
    : sharesWhere((contribution) => contribution.routed);
  return {
    table: {
      version: sources.version,
      rows,
      protectedRanges: entering.ranges.length > 0 ? entering.ranges : protectedRanges(rows),
      ...defaults(sources.contributions),
    },
    texts: new Map(written.map(({ id, text }) => [id, text])),
    unusable: new Map(
      written.flatMap(({ id, problem }) => (problem === undefined ? [] : [[id, problem] as const])),
    ),
    routed: routed.toPrefixes(),
    protectedPrefixes: entering.toPrefixes(),
    shares,
    shut: sharesWhere(({ failClosed }) => failClosed).toPrefixes(),
    // What is uncarried is shut anyway, and a row for it would stand ahead of DHCP and the resolvers.
    firewallRows: firewallRows(decided),
  };
}

interface WrittenRow {
  readonly id: string;
  readonly text: FilterRowText;
  readonly row: PolicyRow | undefined;
  readonly problem: string | undefined;
}

/**
 * The user's rows, then each profile's own: these say nothing about what another profile protects, whichever of the
 * two was connected first.
 */
function writtenRows({ userRows, contributions, names }: FilterSources): readonly WrittenRow[] {
  const associationOf = (profile: string | undefined): AssociationId | undefined =>
    contributions.find((contribution) => contribution.profile === profile)?.association;
  const read = (id: string, text: FilterRowText, origin: string): WrittenRow => {
    try {
      return {
        id,
        text,
        row: { ...parseRow(text, { origin, names, associationOf }), id },
        problem: undefined,
      };
    } catch (error) {
      if (!(error instanceof FilterRowError)) throw error;
      return { id, text, row: undefined, problem: error.message };
    }
  };
  return [
    ...userRows.map(({ id, row }) => read(id, row, 'filter')),
    ...contributions.flatMap(({ profile, rows }) => {
      const others = claimsOfOthers(profile, { contributions, names });
      return rows.map((text, index) =>
        narrowed(read(`${profile}-${index + 1}`, text, `profile ${profile}`), others),
      );
    }),
  ];
}

function narrowed(written: WrittenRow, others: AddressSet): WrittenRow {
  if (written.row === undefined || written.row.action === 'PROTECT') return written;
  const row = withoutRemote(written.row, others);
  if (row !== undefined) return { ...written, row };
  return { ...written, row: undefined, problem: 'another connected profile protects all that it is about' };
}

/** undefined: nothing is left of it. */
function withoutRemote(row: PolicyRow, others: AddressSet): PolicyRow | undefined {
  const remote = row.remote.length === 0 ? everything : new AddressSet(row.remote);
  if (remote.intersect(others).isEmpty) return row;
  const left = remote.subtract(others);
  return left.isEmpty ? undefined : { ...row, remote: left.ranges };
}

function claimsOfOthers(
  profile: string,
  { contributions, names }: Pick<FilterSources, 'contributions' | 'names'>,
): AddressSet {
  return unionOf(
    contributions.filter((each) => each.profile !== profile).map((each) => claimOf(each, names)),
  );
}

/** What a profile's own row leaves to others, another one may protect. */
function networkRowsOf(sources: FilterSources): readonly PolicyRow[] {
  return sources.contributions.flatMap((contribution) => {
    const others = claimsOfOthers(contribution.profile, sources);
    return networkRows(contribution).flatMap((row) => withoutRemote(row, others) ?? []);
  });
}

/** What a connection protects, less what never leaves the link. */
function networkRows({ profile, localNetwork, protections }: Contribution): readonly PolicyRow[] {
  const local = networkRow(profile, 'local-network', 'the local network', 'BYPASS', localNetwork, {
    allowInbound: true,
    origin: 'built-in',
  });
  const shielded = protections.flatMap(({ association, label, local: own, remote }) =>
    networkRow(profile, `protect-${association}`, label, 'PROTECT', remote, { association, local: own }),
  );
  return [...local, ...shielded];
}

/** What a connection should protect but cannot carry. */
function uncarriedRows({ profile, uncarried }: Contribution): readonly PolicyRow[] {
  const label = `what ${profile} should protect but its gateway does not carry`;
  return networkRow(profile, 'uncarried', label, 'DISCARD', uncarried, {});
}

/** No row where there are no addresses: an empty list would match any. */
function networkRow(
  profile: string,
  id: string,
  label: string,
  action: PolicyAction,
  remote: readonly AddressRange[],
  change: Partial<PolicyRow>,
): readonly PolicyRow[] {
  if (remote.length === 0) return [];
  const common = {
    protocol: undefined,
    localPorts: [],
    remotePorts: [],
    allowInbound: false,
    association: 0,
    local: [],
    origin: `profile ${profile}`,
  };
  return [{ id: `${profile}-${id}`, label, action, remote, ...common, ...change }];
}

/**
 * By profile, the destinations that a PROTECT row of its can match: those of the rows, less what an earlier row lets
 * pass altogether or gives to another profile. A default that is not BYPASS is about everything that no row lets pass.
 */
function sharesOf(
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
  const { defaultOutside } = defaults(contributions);
  if (defaultOutside.action !== 'BYPASS') give(statingDefault(contributions)?.profile, everything);
  return shares;
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

function unionOf(sets: readonly AddressSet[]): AddressSet {
  return new AddressSet(sets.flatMap(({ ranges }) => ranges));
}

function statingDefault(contributions: readonly Contribution[]): Contribution | undefined {
  return contributions.find(({ defaultAction }) => defaultAction !== undefined);
}

function defaults(contributions: readonly Contribution[]): {
  defaultInside: DefaultRow;
  defaultOutside: DefaultRow;
} {
  const stated = statingDefault(contributions);
  const action = stated?.defaultAction;
  const association = action === 'PROTECT' ? (stated?.association ?? 0) : 0;
  return {
    defaultInside: {
      id: defaultInsideId,
      label: 'default for protected destinations',
      action: action ?? 'DISCARD',
      association,
    },
    defaultOutside: {
      id: defaultOutsideId,
      label: 'default for all other destinations',
      action: action ?? 'BYPASS',
      association,
    },
  };
}

/** First match among these rows, as the firewall walks them: what an earlier BYPASS row passes comes first. */
function firewallRows(rows: readonly PolicyRow[]): readonly FirewallRow[] {
  return outsideDiscards(rows).flatMap(({ row, remote, exceptions }) => [
    ...exceptions.map((exception) => toFirewallRow(exception.row, exception.remote, 'BYPASS')),
    toFirewallRow(row, remote, 'DISCARD'),
  ]);
}

function toFirewallRow(row: PolicyRow, remote: AddressSet, action: 'DISCARD' | 'BYPASS'): FirewallRow {
  return {
    id: row.id,
    action,
    localPrefixes: new AddressSet(row.local).toPrefixes().map(formatPrefix),
    remotePrefixes: remote.toPrefixes().map(formatPrefix),
    protocol: row.protocol,
    localPorts: row.localPorts,
    remotePorts: row.remotePorts,
  };
}
