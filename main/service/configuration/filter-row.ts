// Filter rows as they stand in a profile or in filter.toml: [[filter]] tables.
import { z } from 'zod';
import { type AddressRange, everyAddress } from '../../engine/packet/address.ts';
import { FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import type { FilterRowText } from '../../engine/policy/row.ts';
import { problemIssue } from './schema-problems.ts';

/** What a row may say instead of addresses; main/service/filter/names.ts tells what they stand for. */
export const filterNames = ['terminal', 'gateway', 'local-network', 'on-link', 'loopback'] as const;

const maximumRows = 4096;
const text = z.string().max(1024);

export const filterRowTable = z
  .strictObject({
    source: text.default('terminal'),
    destination: text.default('any'),
    protocol: z.string().max(16).default('any'),
    source_ports: text.optional(),
    destination_ports: text.optional(),
    action: z.enum(['PROTECT', 'BYPASS', 'DISCARD']),
    allow_inbound: z.boolean().default(false),
    profile: z.string().max(32).optional(),
    note: z.string().max(200).optional(),
  })
  .superRefine((table, context) => {
    const error = findProblem(toFilterRow(table, undefined));
    if (error) context.addIssue({ ...problemIssue(table, error.problem), path: [keys[error.field]] });
  });

export const filterTables = z.array(filterRowTable).max(maximumRows);

export type FilterTable = z.output<typeof filterRowTable>;

/** From the validated table to the row; `profile` protects where a PROTECT row names none. */
export function toFilterRow(table: FilterTable, profile: string | undefined): FilterRowText {
  const protector = table.profile ?? (table.action === 'PROTECT' ? profile : undefined);
  return {
    source: table.source,
    destination: table.destination,
    protocol: table.protocol,
    ...(table.source_ports !== undefined && { sourcePorts: table.source_ports }),
    ...(table.destination_ports !== undefined && { destinationPorts: table.destination_ports }),
    action: table.action,
    ...(table.allow_inbound && { allowInbound: true }),
    ...(protector !== undefined && { profile: protector }),
    ...(table.note !== undefined && { note: table.note }),
  };
}

/** From the row to the keys of its TOML table; `profile` is left out where it is the one that the file is about. */
export function toFilterTable(
  row: FilterRowText,
  profile: string | undefined,
): Record<string, string | boolean> {
  const table: Record<string, string | boolean | undefined> = {
    source: row.source,
    destination: row.destination,
    protocol: row.protocol === 'any' ? undefined : row.protocol,
    source_ports: row.sourcePorts,
    destination_ports: row.destinationPorts,
    action: row.action,
    allow_inbound: row.allowInbound === true ? true : undefined,
    profile: row.profile === profile ? undefined : row.profile,
    note: row.note,
  };
  return Object.fromEntries(
    Object.entries(table).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined),
  );
}

const keys: Readonly<Record<keyof FilterRowText, keyof FilterTable>> = {
  source: 'source',
  destination: 'destination',
  protocol: 'protocol',
  sourcePorts: 'source_ports',
  destinationPorts: 'destination_ports',
  action: 'action',
  allowInbound: 'allow_inbound',
  profile: 'profile',
  note: 'note',
};

/** Each name stands for any address here: what it stands for at present does not make a row right or wrong. */
const knownNames: ReadonlyMap<string, readonly AddressRange[]> = new Map(
  filterNames.map((name) => [name, [everyAddress(4), everyAddress(6)]]),
);

function findProblem(row: FilterRowText): FilterRowError | undefined {
  try {
    parseRow(row, { origin: 'filter', names: knownNames, associationOf: () => 1 });
    return undefined;
  } catch (error) {
    if (error instanceof FilterRowError) return error;
    throw error;
  }
}
