// Tells which row decides about a packet, and why the rows before it did not.
import {
  type AddressRange,
  formatAddress,
  formatRange,
  type IpAddress,
  rangeContains,
} from '../packet/address.ts';
import { hasPorts, isIcmp, protocolName } from '../packet/protocol.ts';
import type { FiveTuple } from '../path/data-plane.ts';
import type { DecisionReason, RowDifference } from './messages.ts';
import type { PolicyAction, PolicyRow } from './row.ts';
import type { PortRange } from './selector.ts';
import type { DefaultRow, PolicyTable } from './table.ts';

export interface PassedRow {
  readonly id: string;
  readonly label: string;
  /** What did not match first. */
  readonly difference: RowDifference;
}

export interface Explanation {
  readonly id: string;
  readonly label: string;
  readonly action: PolicyAction;
  /** With PROTECT. */
  readonly association: number;
  readonly isDefault: boolean;
  /** Why this row, or default, decides. */
  readonly reason: DecisionReason;
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
    if (difference === undefined) return decided(row, false, { code: 'row-fits' }, passed);
    passed.push({ id: row.id, label: row.label, difference });
  }
  const remote = direction === 'outbound' ? packet.destination : packet.source;
  const isInside = table.protectedRanges.some((range) => rangeContains(range, remote));
  const address = formatAddress(remote);
  return isInside
    ? decided(table.defaultInside, true, { code: 'default-inside-decides', address }, passed)
    : decided(table.defaultOutside, true, { code: 'default-outside-decides', address }, passed);
}

function decided(
  row: PolicyRow | DefaultRow,
  isDefault: boolean,
  reason: DecisionReason,
  passed: readonly PassedRow[],
): Explanation {
  const { id, label, action, association } = row;
  return { id, label, action, association, isDefault, reason, passed };
}

function firstDifference(
  row: PolicyRow,
  packet: FiveTuple,
  direction: 'outbound' | 'inbound',
): RowDifference | undefined {
  const outbound = direction === 'outbound';
  if (row.protocol !== undefined && row.protocol !== packet.protocol) {
    const wanted = protocolName(row.protocol);
    return { code: 'protocol-differs', found: protocolName(packet.protocol), wanted };
  }
  return (
    addressDifference('source-differs', packet.source, outbound ? row.local : row.remote) ??
    addressDifference('destination-differs', packet.destination, outbound ? row.remote : row.local) ??
    portsDifference(row, packet, outbound)
  );
}

function addressDifference(
  code: 'source-differs' | 'destination-differs',
  address: IpAddress,
  ranges: readonly AddressRange[],
): RowDifference | undefined {
  if (ranges.length === 0 || ranges.some((range) => rangeContains(range, address))) return undefined;
  return { code, found: formatAddress(address), wanted: ranges.map(formatRange).join(', ') };
}

function portsDifference(row: PolicyRow, packet: FiveTuple, outbound: boolean): RowDifference | undefined {
  if (isIcmp(packet.protocol)) {
    const fits = [row.localPorts, row.remotePorts].every((ranges) =>
      portsFit(ranges, packet.destinationPort),
    );
    if (fits) return undefined;
    const found = `${packet.destinationPort >> 8}/${packet.destinationPort & 0xff}`;
    return { code: 'icmp-type-differs', found };
  }
  const portless = !hasPorts(packet.protocol);
  const sourceRanges = outbound ? row.localPorts : row.remotePorts;
  const destinationRanges = outbound ? row.remotePorts : row.localPorts;
  return (
    portDifference('source-port-differs', packet.sourcePort, sourceRanges, portless) ??
    portDifference('destination-port-differs', packet.destinationPort, destinationRanges, portless)
  );
}

function portDifference(
  code: 'source-port-differs' | 'destination-port-differs',
  found: number,
  ranges: readonly PortRange[],
  portless: boolean,
): RowDifference | undefined {
  if (isAny(ranges) || (!portless && portsFit(ranges, found))) return undefined;
  const wanted = ranges
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(', ');
  return portless ? { code: 'packet-without-ports', wanted } : { code, found, wanted };
}

function isAny(ranges: readonly PortRange[]): boolean {
  return ranges.length === 0 || ranges.some((range) => range.first === 0 && range.last === 0xffff);
}

function portsFit(ranges: readonly PortRange[], port: number): boolean {
  return isAny(ranges) || ranges.some((range) => range.first <= port && port <= range.last);
}
