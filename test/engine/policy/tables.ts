// What the tests of the filter share: rows and tables from a few words, packets in memory, a naive reference.
import assert from 'node:assert/strict';
import { type AddressRange, parseRange, rangeContains } from '../../../main/engine/packet/address.ts';
import { buildEcho, buildIp, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import { hasPorts, isIcmp } from '../../../main/engine/packet/protocol.ts';
import type { PacketView } from '../../../main/engine/packet/view.ts';
import type { FiveTuple, VirtualSource } from '../../../main/engine/path/data-plane.ts';
import { RowCounters } from '../../../main/engine/policy/counters.ts';
import { PacketFilter } from '../../../main/engine/policy/filter.ts';
import type { FlowKey } from '../../../main/engine/policy/flow-key.ts';
import { protectedRanges } from '../../../main/engine/policy/protected.ts';
import type { PolicyAction, PolicyRow } from '../../../main/engine/policy/row.ts';
import type { PortRange } from '../../../main/engine/policy/selector.ts';
import type { PolicyTable } from '../../../main/engine/policy/table.ts';
import { address, kernel, memory, parseAt } from '../packet/packets.ts';

export function range(text: string): AddressRange {
  const parsed = parseRange(text);
  assert(parsed, `${text} is a range`);
  return parsed;
}

let nextRow = 1;

/** A row; what is not said is "any". */
export function row(
  action: PolicyAction,
  fields: Partial<Omit<PolicyRow, 'local' | 'remote' | 'remotePorts' | 'localPorts'>> & {
    local?: string;
    remote?: string;
    localPorts?: PortRange[];
    remotePorts?: PortRange[] | number;
  } = {},
): PolicyRow {
  const { local, remote, remotePorts, localPorts, ...rest } = fields;
  const ranges = (text: string | undefined): AddressRange[] => text?.split(' ').map(range) ?? [];
  const ports = typeof remotePorts === 'number' ? [{ first: remotePorts, last: remotePorts }] : remotePorts;
  const id = rest.id ?? `row-${nextRow}`;
  nextRow += 1;
  return {
    label: id,
    origin: 'filter',
    protocol: undefined,
    allowInbound: false,
    association: action === 'PROTECT' ? 1 : 0,
    ...rest,
    id,
    action,
    local: ranges(local),
    remote: ranges(remote),
    localPorts: localPorts ?? [],
    remotePorts: ports ?? [],
  };
}

export function table(
  rows: readonly PolicyRow[],
  inside: PolicyAction = 'DISCARD',
  outside: PolicyAction = 'BYPASS',
): PolicyTable {
  return {
    version: 1,
    rows,
    protectedRanges: protectedRanges(rows),
    defaultInside: { id: 'inside', label: 'default inside', action: inside, association: 0 },
    defaultOutside: { id: 'outside', label: 'default outside', action: outside, association: 0 },
  };
}

/** The virtual address of those associations. */
export function sources(text: string, ...associations: readonly number[]): VirtualSource[] {
  const numbers = associations.length === 0 ? [1] : associations;
  return numbers.map((association) => ({ association, address: address(text) }));
}

export interface Filter {
  readonly filter: PacketFilter;
  readonly counters: RowCounters;
}

export function createFilter(
  rows: PolicyTable,
  options: { flowCapacity?: number; fragmentCapacity?: number } = {},
): Filter {
  const counters = new RowCounters();
  const filter = new PacketFilter({ memory, checksum: kernel, counters, ...options });
  filter.setPolicy(rows);
  return { filter, counters };
}

export interface PacketWords {
  readonly from: string;
  readonly to: string;
  readonly protocol?: 'tcp' | 'udp' | 'echo' | 'reply' | number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly flags?: number;
  readonly identifier?: number;
  readonly payload?: Uint8Array;
  readonly at?: number;
}

/** Builds the packet in memory and parses it. */
export function packet(words: PacketWords): PacketView {
  const { protocol = 'tcp', sourcePort = 40_000, destinationPort = 443, at = 1000 } = words;
  const addresses = {
    source: address(words.from),
    destination: address(words.to),
    ...(words.payload && { payload: words.payload }),
  };
  const ports = { ...addresses, sourcePort, destinationPort };
  if (protocol === 'tcp') {
    return parseAt(at, buildTcp(memory, kernel, at, { ...ports, flags: words.flags ?? 16 }));
  }
  if (protocol === 'udp') return parseAt(at, buildUdp(memory, kernel, at, ports));
  if (typeof protocol === 'number') return parseAt(at, buildIp(memory, kernel, at, protocol, addresses));
  const echo = { ...addresses, identifier: words.identifier ?? 1, sequence: 1, reply: protocol === 'reply' };
  return parseAt(at, buildEcho(memory, kernel, at, echo));
}

/** First match by the words of PolicyRow's doc comments, without any cleverness. */
export function naiveDecide(policy: PolicyTable, tuple: FiveTuple, outbound: boolean): number {
  const [local, remote] = outbound ? [tuple.source, tuple.destination] : [tuple.destination, tuple.source];
  const [localPort, remotePort] = outbound
    ? [tuple.sourcePort, tuple.destinationPort]
    : [tuple.destinationPort, tuple.sourcePort];
  const inRanges = (ranges: readonly AddressRange[], value: FiveTuple['source']): boolean =>
    ranges.length === 0 || ranges.some((one) => rangeContains(one, value));
  const inPorts = (ranges: readonly PortRange[], port: number): boolean => {
    if (ranges.length === 0 || ranges.some((one) => one.first === 0 && one.last === 65_535)) return true;
    if (!hasPorts(tuple.protocol) && !isIcmp(tuple.protocol)) return false;
    const value = isIcmp(tuple.protocol) ? tuple.destinationPort : port;
    return ranges.some((one) => one.first <= value && value <= one.last);
  };
  const index = policy.rows.findIndex(
    (one) =>
      (one.protocol === undefined || one.protocol === tuple.protocol) &&
      inRanges(one.local, local) &&
      inRanges(one.remote, remote) &&
      inPorts(one.localPorts, localPort) &&
      inPorts(one.remotePorts, remotePort),
  );
  if (index >= 0) return index;
  const inside = policy.protectedRanges.some((one) => rangeContains(one, remote));
  return policy.rows.length + (inside ? 0 : 1);
}

/** The flow's key as one text, for reference maps. */
export function keyText(key: FlowKey): string {
  const { family, protocol, localPort, remotePort } = key;
  const local = [key.local0, key.local1, key.local2, key.local3];
  const remote = [key.remote0, key.remote1, key.remote2, key.remote3];
  return [family, protocol, ...local, ...remote, localPort, remotePort].join();
}
