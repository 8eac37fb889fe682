// The filter table compiled for speed: which row decides about a packet? First match (RFC 4301 section 4.4.1).
import { hasPorts, isIcmp, protocolNumber } from '../packet/protocol.ts';
import { CompiledPorts, CompiledRanges } from './compiled-ranges.ts';
import type { FlowKey } from './flow-key.ts';
import type { PolicyAction, PolicyRow } from './row.ts';
import type { PolicyTable } from './table.ts';

/** `CompiledPolicy.decideWithoutPorts`: it depends on ports that cannot be seen. */
export const undecided = -1;

/** Immutable. Rows are known by their index; `rows.length` is the default inside, the next the default outside. */
export class CompiledPolicy {
  readonly table: PolicyTable;
  readonly #rows: readonly CompiledRow[];
  readonly #candidates: readonly (readonly CompiledRow[])[];
  readonly #protectedRanges: CompiledRanges;

  constructor(table: PolicyTable) {
    this.table = table;
    this.#rows = table.rows.map(compileRow);
    this.#candidates = candidateClasses.map(([family, protocol]) =>
      this.#rows.filter((row) => couldMatch(row, family, protocol)),
    );
    this.#protectedRanges = new CompiledRanges(table.protectedRanges);
  }

  /** The row that decides about a packet with these addresses, protocol and ports. */
  decide(key: FlowKey): number {
    const rows = this.#candidates[candidateClass(key.family, key.protocol)]!;
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[index]!;
      if (row.protocol !== anyProtocol && row.protocol !== key.protocol) continue;
      if (row.needsPorts && !portsFit(row, key)) continue;
      if (addressesFit(row, key)) return row.index;
    }
    return this.#default(key);
  }

  /**
   * The same for a fragment that is not the first: `undecided` where a row that asks for ports could be the one. In
   * IPv6 the protocol is not known either (RFC 8200 section 4.5: only the first fragment's next header counts).
   */
  decideWithoutPorts(key: FlowKey): number {
    const protocolKnown = key.family === 4;
    for (const row of this.#rows) {
      if (protocolKnown && row.protocol !== anyProtocol && row.protocol !== key.protocol) continue;
      if (!addressesFit(row, key)) continue;
      return row.needsPorts || (!protocolKnown && row.protocol !== anyProtocol) ? undecided : row.index;
    }
    return this.#default(key);
  }

  /** What the row, or default, of this index says. */
  action(index: number): PolicyAction {
    return this.#decider(index).action;
  }

  association(index: number): number {
    return this.#decider(index).association;
  }

  /** May the other side begin a flow under this row? Only BYPASS rows say so. */
  allowsInbound(index: number): boolean {
    const row = this.table.rows[index];
    return row !== undefined && row.action === 'BYPASS' && row.allowInbound;
  }

  #decider(index: number): { readonly action: PolicyAction; readonly association: number } {
    const { rows, defaultInside, defaultOutside } = this.table;
    return rows[index] ?? (index === rows.length ? defaultInside : defaultOutside);
  }

  #default(key: FlowKey): number {
    const inside = this.#protectedRanges.contains(
      key.family,
      key.remote0,
      key.remote1,
      key.remote2,
      key.remote3,
    );
    return this.table.rows.length + (inside ? 0 : 1);
  }
}

const anyProtocol = -1;

interface CompiledRow {
  readonly index: number;
  readonly protocol: number;
  readonly needsPorts: boolean;
  readonly anyLocal: boolean;
  readonly anyRemote: boolean;
  readonly local: CompiledRanges;
  readonly remote: CompiledRanges;
  readonly localPorts: CompiledPorts;
  readonly remotePorts: CompiledPorts;
}

function compileRow(row: PolicyRow, index: number): CompiledRow {
  const localPorts = new CompiledPorts(row.localPorts);
  const remotePorts = new CompiledPorts(row.remotePorts);
  return {
    index,
    protocol: row.protocol ?? anyProtocol,
    needsPorts: !localPorts.isAny || !remotePorts.isAny,
    anyLocal: row.local.length === 0,
    anyRemote: row.remote.length === 0,
    local: new CompiledRanges(row.local),
    remote: new CompiledRanges(row.remote),
    localPorts,
    remotePorts,
  };
}

const otherProtocol = -2;
const candidateClasses: readonly (readonly [4 | 6, number])[] = [
  [4, protocolNumber.tcp],
  [4, protocolNumber.udp],
  [4, otherProtocol],
  [6, protocolNumber.tcp],
  [6, protocolNumber.udp],
  [6, otherProtocol],
];

function candidateClass(family: 4 | 6, protocol: number): number {
  const base = family === 4 ? 0 : 3;
  if (protocol === protocolNumber.tcp) return base;
  return protocol === protocolNumber.udp ? base + 1 : base + 2;
}

function couldMatch(row: CompiledRow, family: 4 | 6, protocol: number): boolean {
  const familyFits =
    (row.anyLocal || row.local.hasFamily(family)) && (row.anyRemote || row.remote.hasFamily(family));
  const isClassOfItsOwn = row.protocol === protocolNumber.tcp || row.protocol === protocolNumber.udp;
  const protocolFits =
    row.protocol === anyProtocol ||
    (protocol === otherProtocol ? !isClassOfItsOwn : row.protocol === protocol);
  return familyFits && protocolFits;
}

function portsFit(row: CompiledRow, key: FlowKey): boolean {
  if (!key.portsKnown || !(hasPorts(key.protocol) || isIcmp(key.protocol))) return false;
  return row.localPorts.contains(key.matchLocalPort) && row.remotePorts.contains(key.matchRemotePort);
}

function addressesFit(row: CompiledRow, key: FlowKey): boolean {
  return (
    (row.anyRemote || row.remote.contains(key.family, key.remote0, key.remote1, key.remote2, key.remote3)) &&
    (row.anyLocal || row.local.contains(key.family, key.local0, key.local1, key.local2, key.local3))
  );
}
