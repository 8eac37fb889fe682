// Filter rows as they stand in a profile or in filter.toml: [[filter]] tables.
import { z } from 'zod';
import { parseRange } from '../../engine/packet/address.ts';
import { parseProtocol } from '../../engine/packet/protocol.ts';
import type { FilterRowText } from '../../engine/policy/row.ts';

/** What a row may say instead of addresses. */
export const addressNames = ['any', 'terminal', 'gateway', 'local-network', 'on-link', 'loopback'] as const;

const maximumRows = 4096;

export const filterRowTable = z
  .strictObject({
    source: addresses().default('terminal'),
    destination: addresses().default('any'),
    protocol: z.string().max(16).default('any'),
    source_ports: ports().optional(),
    destination_ports: ports().optional(),
    action: z.enum(['PROTECT', 'BYPASS', 'DISCARD']),
    profile: z.string().max(32).optional(),
    note: z.string().max(200).optional(),
  })
  .superRefine((row, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    const protocol = row.protocol === 'any' ? undefined : parseProtocol(row.protocol);
    if (row.protocol !== 'any' && protocol === undefined) {
      refuse(
        'protocol',
        `"${row.protocol}" is no protocol: "any", "tcp", "udp", "icmp", "icmpv6" or a number 0 to 255`,
      );
    }
    for (const key of ['source_ports', 'destination_ports'] as const) {
      if (row[key] === undefined) continue;
      if (row.protocol === 'any') refuse(key, 'needs a protocol that has ports: protocol = "tcp" or "udp"');
      else if (protocol !== undefined && !portsFit(row[key], protocol))
        refuse(key, portsProblem(row[key], protocol));
    }
    if (row.profile !== undefined && row.action !== 'PROTECT') {
      refuse('profile', 'goes with action = "PROTECT" only');
    }
  });

export const filterTables = z.array(filterRowTable).max(maximumRows);

export type FilterTable = z.output<typeof filterRowTable>;

/** From the validated table to the row; `profile` protects where a PROTECT row names none. */
export function toFilterRow(table: FilterTable, profile: string | undefined): FilterRowText {
  const protector = table.profile ?? profile;
  return {
    source: table.source,
    destination: table.destination,
    protocol: table.protocol,
    ...(table.source_ports !== undefined && { sourcePorts: table.source_ports }),
    ...(table.destination_ports !== undefined && { destinationPorts: table.destination_ports }),
    action: table.action,
    ...(table.action === 'PROTECT' && protector !== undefined && { profile: protector }),
    ...(table.note !== undefined && { note: table.note }),
  };
}

/** From the row to the keys of its TOML table; `profile` is left out where it is the one that the file is about. */
export function toFilterTable(row: FilterRowText, profile: string | undefined): Record<string, string> {
  const table: Record<string, string | undefined> = {
    source: row.source,
    destination: row.destination,
    protocol: row.protocol === 'any' ? undefined : row.protocol,
    source_ports: row.sourcePorts,
    destination_ports: row.destinationPorts,
    action: row.action,
    profile: row.profile === profile ? undefined : row.profile,
    note: row.note,
  };
  return Object.fromEntries(
    Object.entries(table).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function addresses() {
  return z
    .string()
    .max(1024)
    .check((context) => {
      for (const part of context.value.split(',').map((text) => text.trim())) {
        if ((addressNames as readonly string[]).includes(part) || parseRange(part)) continue;
        context.issues.push({
          code: 'custom',
          input: context.value,
          message: `"${part}" is no address, prefix, range "first-last" or name (${addressNames.join(', ')})`,
        });
      }
    });
}

function ports() {
  return z.string().min(1).max(1024);
}

const icmpProtocols = [1, 58];

function portsFit(text: string, protocol: number): boolean {
  return text.split(',').every((part) => {
    const trimmed = part.trim();
    if (icmpProtocols.includes(protocol)) {
      return (
        /^\d{1,3}(\/\d{1,3})?$/.test(trimmed) && trimmed.split('/').every((value) => Number(value) <= 255)
      );
    }
    const [first = '', last = first, ...rest] = trimmed.split('-');
    const valid = (value: string) => /^\d{1,5}$/.test(value) && Number(value) <= 65535;
    return rest.length === 0 && valid(first) && valid(last) && Number(first) <= Number(last);
  });
}

function portsProblem(text: string, protocol: number): string {
  const form = icmpProtocols.includes(protocol) ? '"8" or "3/4" (type or type/code)' : '"443" or "8000-8080"';
  return `"${text}" should be like ${form}, several separated by commas`;
}
