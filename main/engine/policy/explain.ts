// Tells in words which row decides about a packet, and why the rows before it did not.
import {
  type AddressRange,
  formatAddress,
  formatRange,
  type IpAddress,
  rangeContains,
} from '../packet/address.ts';
import { hasPorts, isIcmp, protocolName } from '../packet/protocol.ts';
import type { FiveTuple } from '../path/data-plane.ts';
import type { PolicyAction, PolicyRow } from './row.ts';
import type { PortRange } from './selector.ts';
import type { DefaultRow, PolicyTable } from './table.ts';

export type RowField = 'protocol' | 'source' | 'destination' | 'source port' | 'destination port';

export interface PassedRow {
  readonly id: string;
  readonly label: string;
  /** The first field that did not match. */
  readonly field: RowField;
  /** "destination 10.2.0.1 is not in 10.1.0.0/16". */
  readonly words: string;
}

export interface Explanation {
  readonly id: string;
  readonly label: string;
  readonly action: PolicyAction;
  /** With PROTECT. */
  readonly association: number;
  readonly isDefault: boolean;
  /** Why this row, or default, decides. */
  readonly words: string;
  /** The rows before it, in table order. */
  readonly passed: readonly PassedRow[];
}

/** Outbound, the packet's source is the terminal's side; inbound, its destination is. */
export function explain(
  table: PolicyTable,
  packet: FiveTuple,
  direction: 'outbound' | 'inbound' = 'outbound',
): Explanation {
  const passed: PassedRow[] = [];
  for (const row of table.rows) {
    const difference = firstDifference(row, packet, direction);
    if (difference === undefined) return decided(row, false, describeMatch(row, packet), passed);
    passed.push({ id: row.id, label: row.label, ...difference });
  }
  const remote = direction === 'outbound' ? packet.destination : packet.source;
  const isInside = table.protectedRanges.some((range) => rangeContains(range, remote));
  const where = isInside ? 'lies within' : 'lies outside';
  return decided(
    isInside ? table.defaultInside : table.defaultOutside,
    true,
    `no row matches; ${formatAddress(remote)} ${where} what PROTECT rows touch, so the default there decides`,
    passed,
  );
}

/** "tcp 10.0.0.5:1025 to 10.1.0.1:443". */
export function formatFiveTuple(packet: FiveTuple): string {
  const { source, destination, protocol } = packet;
  const name = protocolName(protocol);
  if (isIcmp(protocol)) {
    const type = `type ${packet.destinationPort >> 8} code ${packet.destinationPort & 0xff}`;
    return `${name} ${type} from ${formatAddress(source)} to ${formatAddress(destination)}`;
  }
  const ports = hasPorts(protocol);
  const end = (address: IpAddress, port: number): string => {
    if (!ports) return formatAddress(address);
    return address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
  };
  return `${name} ${end(source, packet.sourcePort)} to ${end(destination, packet.destinationPort)}`;
}

function decided(
  row: PolicyRow | DefaultRow,
  isDefault: boolean,
  words: string,
  passed: readonly PassedRow[],
): Explanation {
  const { id, label, action, association } = row;
  return { id, label, action, association, isDefault, words, passed };
}

function describeMatch(row: PolicyRow, packet: FiveTuple): string {
  const count = row.action === 'PROTECT' ? ` by association ${row.association}` : '';
  return `${formatFiveTuple(packet)} matches "${row.label}" (${row.origin}): ${row.action}${count}`;
}

function firstDifference(
  row: PolicyRow,
  packet: FiveTuple,
  direction: 'outbound' | 'inbound',
): { field: RowField; words: string } | undefined {
  const outbound = direction === 'outbound';
  if (row.protocol !== undefined && row.protocol !== packet.protocol) {
    const words = `protocol ${protocolName(packet.protocol)} is not ${protocolName(row.protocol)}`;
    return { field: 'protocol', words };
  }
  return (
    addressDifference('source', packet.source, outbound ? row.local : row.remote) ??
    addressDifference('destination', packet.destination, outbound ? row.remote : row.local) ??
    portsDifference(row, packet, outbound)
  );
}

function addressDifference(
  field: 'source' | 'destination',
  address: IpAddress,
  ranges: readonly AddressRange[],
): { field: RowField; words: string } | undefined {
  if (ranges.length === 0 || ranges.some((range) => rangeContains(range, address))) return undefined;
  return {
    field,
    words: `${field} ${formatAddress(address)} is not in ${ranges.map(formatRange).join(', ')}`,
  };
}

function portsDifference(
  row: PolicyRow,
  packet: FiveTuple,
  outbound: boolean,
): { field: RowField; words: string } | undefined {
  if (isIcmp(packet.protocol)) {
    const wanted = [row.localPorts, row.remotePorts].find(
      (ranges) => !portsFit(ranges, packet.destinationPort),
    );
    if (!wanted) return undefined;
    const type = `ICMP type ${packet.destinationPort >> 8} code ${packet.destinationPort & 0xff}`;
    return { field: 'destination port', words: `${type} is not among those of the row` };
  }
  const portless = !hasPorts(packet.protocol);
  const sourceRanges = outbound ? row.localPorts : row.remotePorts;
  const destinationRanges = outbound ? row.remotePorts : row.localPorts;
  return (
    portDifference('source port', packet.sourcePort, sourceRanges, portless) ??
    portDifference('destination port', packet.destinationPort, destinationRanges, portless)
  );
}

function portDifference(
  field: 'source port' | 'destination port',
  port: number,
  ranges: readonly PortRange[],
  portless: boolean,
): { field: RowField; words: string } | undefined {
  if (isAny(ranges) || (!portless && portsFit(ranges, port))) return undefined;
  const wanted = ranges
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(', ');
  if (portless) return { field, words: `the packet has no ports, the row asks for ${wanted}` };
  return { field, words: `${field} ${port} is not ${wanted}` };
}

function isAny(ranges: readonly PortRange[]): boolean {
  return ranges.length === 0 || ranges.some((range) => range.first === 0 && range.last === 0xffff);
}

function portsFit(ranges: readonly PortRange[], port: number): boolean {
  return isAny(ranges) || ranges.some((range) => range.first <= port && port <= range.last);
}
