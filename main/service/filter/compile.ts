// From the user's rows, the profiles' rows and what the connections protect to the one table that the engine decides
// by, and to what the computer must do around it: route into the adapter, keep shut, leave to the system's firewall.

import type { Message } from '../../control/messages.ts';
import { type AddressPrefix, type AddressRange, formatPrefix } from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import { describeRow, FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import { outsideDiscards, protectedRanges } from '../../engine/policy/protected.ts';
import type { FilterRowText, PolicyAction, PolicyRow } from '../../engine/policy/row.ts';
import type { DefaultRow, PolicyTable } from '../../engine/policy/table.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { FirewallRow } from '../../host/network.ts';
import type { Contribution } from '../tunnel/contribution.ts';
import { claimsOfOthers, everything, sharesOf, statingDefault, unionOf, withoutRemote } from './shares.ts';
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
  /** What a person calls those rows that nobody wrote. */
  readonly labels: ReadonlyMap<string, Message>;
  /** Rows that could not be used, with the reason; the packets they are about are decided by the rest. */
  readonly unusable: ReadonlyMap<string, Message>;
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
    labels: labelsOf(sources.contributions),
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
  readonly problem: Message | undefined;
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
      return { id, text, row: undefined, problem: problemOf(error) };
    }
  };
  return [
    ...userRows.map(({ id, row, origin }) => read(id, row, origin ?? 'filter')),
    ...contributions.flatMap(({ profile, rows }) => {
      const others = claimsOfOthers(profile, contributions, names);
      return rows.map((text, index) =>
        narrowed(read(`${profile}-${index + 1}`, text, `profile ${profile}`), others),
      );
    }),
  ];
}

function narrowed(written: WrittenRow, others: AddressSet): WrittenRow {
  if (written.row === undefined || written.row.action === 'PROTECT') return written;
  const row = withoutRemote(written.row, others);
  return { ...written, row, problem: row === undefined ? { code: 'protected-by-others' } : undefined };
}

/** What a profile's own row leaves to others, another one may protect. */
function networkRowsOf({ contributions, names }: FilterSources): readonly PolicyRow[] {
  return contributions.flatMap((contribution) => {
    const others = claimsOfOthers(contribution.profile, contributions, names);
    return networkRows(contribution).flatMap((row) => withoutRemote(row, others) ?? []);
  });
}

/** What a person calls the row of that id: its note, what it says, or what it stands for. */
export function labelOf(filter: CompiledFilter, id: string): Message {
  const known = filter.labels.get(id);
  if (known !== undefined) return known;
  const text = filter.texts.get(id);
  return { code: 'label-text', text: text?.note ?? (text === undefined ? id : describeRow(text)) };
}

function labelsOf(contributions: readonly Contribution[]): ReadonlyMap<string, Message> {
  return new Map<string, Message>([
    [defaultInsideId, { code: 'label-default-inside' }],
    [defaultOutsideId, { code: 'label-default-outside' }],
    ...contributions.flatMap(({ profile, protections }): [string, Message][] => [
      [`${profile}-local-network`, { code: 'label-local-network' }],
      [`${profile}-uncarried`, { code: 'label-uncarried', profile }],
      ...protections.map(({ association, label }): [string, Message] => [
        `${profile}-${protectId(association)}`,
        label,
      ]),
    ]),
  ]);
}

function protectId(association: AssociationId): string {
  return `protect-${association}`;
}

/** A profile that is not connected protects nothing at present; that there is one was checked when the row was made. */
function problemOf({ problem }: FilterRowError): Message {
  return problem.code === 'protecting-profile-unknown'
    ? { code: 'profile-not-connected', profile: problem.profile }
    : problem;
}

/** What a connection protects, less what never leaves the link. */
function networkRows({ profile, localNetwork, protections }: Contribution): readonly PolicyRow[] {
  const local = networkRow(profile, 'local-network', 'BYPASS', localNetwork, {
    allowInbound: true,
    origin: 'built-in',
  });
  const shielded = protections.flatMap(({ association, local: own, remote }) =>
    networkRow(profile, protectId(association), 'PROTECT', remote, { association, local: own }),
  );
  return [...local, ...shielded];
}

/** What a connection should protect but cannot carry. */
function uncarriedRows({ profile, uncarried }: Contribution): readonly PolicyRow[] {
  return networkRow(profile, 'uncarried', 'DISCARD', uncarried, {});
}

/** No row where there are no addresses: an empty list would match any. */
function networkRow(
  profile: string,
  id: string,
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
  const whole = `${profile}-${id}`;
  return [{ id: whole, label: whole, action, remote, ...common, ...change }];
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
      label: defaultInsideId,
      action: action ?? 'DISCARD',
      association,
    },
    defaultOutside: {
      id: defaultOutsideId,
      label: defaultOutsideId,
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
