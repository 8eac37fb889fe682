// Filter rows outside the tunnel as nftables rules.

import { splitPrefixes } from '../network/prefixes.ts';
import type { FirewallRow } from '../network.ts';

export interface RowRules {
  /** Name of the counter that counts the row's hits. */
  readonly counter: string;
  readonly outbound: readonly string[];
  readonly inbound: readonly string[];
}

/** A row holds for both directions: outbound the packet's source is the local side, inbound its destination is. */
export function rowRules(row: FirewallRow): RowRules {
  const counter = counterName(row.id);
  const verdict = row.action === 'BYPASS' ? 'return' : 'drop';
  const rules = (direction: 'outbound' | 'inbound') =>
    addressMatches(row, direction).flatMap((addresses) =>
      protocolMatches(row, direction).map((protocol) =>
        [addresses, protocol, `counter name ${counter}`, verdict].filter((part) => part !== '').join(' '),
      ),
    );
  return { counter, outbound: rules('outbound'), inbound: rules('inbound') };
}

/** Counters have identifiers for names: the row's id in hexadecimal. */
export function counterName(rowId: string): string {
  const name = `row_${Buffer.from(rowId).toString('hex')}`;
  if (name.length > maximumNameLength) throw new RangeError(`The id of the row "${rowId}" is too long.`);
  return name;
}

/** undefined: not the name of a row's counter. */
export function rowIdOf(name: string): string | undefined {
  return name.startsWith('row_') ? Buffer.from(name.slice(4), 'hex').toString() : undefined;
}

const maximumNameLength = 250;
const protocolIcmp = 1;
const protocolIcmp6 = 58;
const protocolsWithPorts = [6, 17, 33, 132, 136];

function addressMatches(row: FirewallRow, direction: 'outbound' | 'inbound'): string[] {
  const local = splitPrefixes(row.localPrefixes);
  const remote = splitPrefixes(row.remotePrefixes);
  const anyLocal = row.localPrefixes.length === 0;
  const anyRemote = row.remotePrefixes.length === 0;
  if (anyLocal && anyRemote) return [''];
  const [localField, remoteField] = direction === 'outbound' ? ['saddr', 'daddr'] : ['daddr', 'saddr'];
  return ([4, 6] as const)
    .filter((family) => (anyLocal || local[family].length > 0) && (anyRemote || remote[family].length > 0))
    .map((family) => {
      const header = family === 4 ? 'ip' : 'ip6';
      return [
        anyLocal ? '' : `${header} ${localField} { ${local[family].join(', ')} }`,
        anyRemote ? '' : `${header} ${remoteField} { ${remote[family].join(', ')} }`,
      ]
        .filter((part) => part !== '')
        .join(' ');
    });
}

function protocolMatches(row: FirewallRow, direction: 'outbound' | 'inbound'): string[] {
  const { protocol } = row;
  if (protocol === protocolIcmp || protocol === protocolIcmp6) return icmpMatches(row, protocol);
  const [localField, remoteField] = direction === 'outbound' ? ['sport', 'dport'] : ['dport', 'sport'];
  const ports = [portMatch(localField!, row.localPorts), portMatch(remoteField!, row.remotePorts)].join('');
  if (protocol !== undefined) return [`meta l4proto ${protocol}${ports}`];
  return ports === '' ? [''] : [`meta l4proto { ${protocolsWithPorts.join(', ')} }${ports}`];
}

function portMatch(field: string, ranges: FirewallRow['localPorts']): string {
  if (ranges.length === 0 || ranges.some(({ first, last }) => first === 0 && last === 0xffff)) return '';
  return ` th ${field} { ${ranges.map(({ first, last }) => `${first}-${last}`).join(', ')} }`;
}

/** Ranges of type << 8 | code: one match for each type, but one for all types whose codes are covered whole. */
function icmpMatches(row: FirewallRow, protocol: number): string[] {
  const header = protocol === protocolIcmp ? 'icmp' : 'icmpv6';
  if (row.remotePorts.length === 0) return [`meta l4proto ${protocol}`];
  return row.remotePorts.flatMap(({ first, last }) => {
    const matches: string[] = [];
    for (let type = first >> 8; type <= last >> 8; type += 1) {
      const low = Math.max(first, type << 8) & 0xff;
      const high = Math.min(last, (type << 8) | 0xff) & 0xff;
      const codes = low === 0 && high === 0xff ? '' : ` ${header} code ${low}-${high}`;
      matches.push(`${header} type ${type}${codes}`);
    }
    return matches;
  });
}
