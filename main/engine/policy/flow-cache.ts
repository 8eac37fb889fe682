// Table, flows and translation together: flows whose verdict is the table's, whenever either was replaced.
import type { IpAddress } from '../packet/address.ts';
import { hasPorts, isIcmp, protocolNumber } from '../packet/protocol.ts';
import { type PacketView, tcpFlag } from '../packet/view.ts';
import type { TranslationSources } from '../path/data-plane.ts';
import type { AssociationId } from '../sa/parameters.ts';
import { addressWords } from './compiled-ranges.ts';
import { FlowKey } from './flow-key.ts';
import { FlowTable, noFlow } from './flow-table.ts';
import { CompiledPolicy } from './matcher.ts';
import type { PolicyAction } from './row.ts';
import type { PolicyTable } from './table.ts';
import type { Verdict } from './verdict.ts';

/** Nothing passes before the first table is there. */
const closedTable: PolicyTable = {
  version: 0,
  rows: [],
  protectedRanges: [],
  defaultInside: { id: 'not-ready', label: 'no filter yet', action: 'DISCARD', association: 0 },
  defaultOutside: { id: 'not-ready', label: 'no filter yet', action: 'DISCARD', association: 0 },
};

export class FlowCache {
  readonly flows: FlowTable;
  #policy = new CompiledPolicy(closedTable);
  #stamp = 0;
  #virtual: readonly VirtualWords[] = [];
  #link4: readonly number[] | undefined;
  #link6: readonly number[] | undefined;
  readonly #scratch = new FlowKey();
  readonly #wireScratch = new FlowKey();

  constructor(capacity: number, seed: number) {
    this.flows = new FlowTable(capacity, seed);
  }

  get policy(): CompiledPolicy {
    return this.#policy;
  }

  /** Counts replacements of table and translation; a flow of an older stamp is looked at again when it is used. */
  get stamp(): number {
    return this.#stamp;
  }

  setPolicy(table: PolicyTable): void {
    this.#policy = new CompiledPolicy(table);
    this.#stamp += 1;
  }

  setTranslation(sources: TranslationSources): void {
    this.#virtual = (sources.virtual ?? []).map(({ association, address }) => ({
      association,
      family: address.family,
      words: addressWords(address),
    }));
    this.#link4 = words(sources.link4);
    this.#link6 = words(sources.link6);
    this.#stamp += 1;
  }

  /** The flow of a packet that the terminal sends, or `noFlow`. */
  findOutbound(key: FlowKey, view: PacketView, nowMilliseconds: number): number {
    const flow = this.flows.findByTerminalSide(key, nowMilliseconds);
    return flow === noFlow ? noFlow : this.#stillValid(flow, view);
  }

  /** The flow of a packet that came in, `key` being as on the wire; or `noFlow`. */
  findInbound(key: FlowKey, view: PacketView, nowMilliseconds: number): number {
    const flow = this.flows.findByWireSide(key, nowMilliseconds);
    return flow === noFlow ? noFlow : this.#stillValid(flow, view);
  }

  /**
   * Begins a flow under the row. `noFlow` where it cannot have one: BYPASS from the virtual address without a link's,
   * or, begun by the other side, a terminal's side that is taken.
   */
  begin(key: FlowKey, row: number, begunByTerminal: boolean, nowMilliseconds: number): number {
    const action = this.#policy.action(row);
    const association = this.#policy.association(row);
    const local = begunByTerminal ? this.#wireLocal(key, action, association) : undefined;
    if (local === noLink) return noFlow;
    if (!begunByTerminal && this.flows.findByTerminalSide(key, nowMilliseconds) !== noFlow) return noFlow;
    const flow = this.flows.insert(key, begunByTerminal, nowMilliseconds);
    this.flows.setVerdict(flow, row, action, association, this.#stamp);
    if (action !== 'DISCARD') {
      const wire = this.#scratch;
      this.flows.readTerminalSide(flow, wire);
      if (local !== undefined) setLocal(wire, local);
      this.#avoidCollision(wire, nowMilliseconds);
      this.flows.setWireSide(flow, wire);
    }
    return flow;
  }

  /** Fills the verdict for a packet of the flow. */
  fillVerdict(flow: number, outbound: boolean, verdict: Verdict): void {
    const { flows } = this;
    verdict.flow = flow;
    verdict.row = flows.row(flow);
    verdict.action = flows.action(flow);
    verdict.association = flows.association(flow);
    verdict.outbound = outbound;
    verdict.translate = flows.isTranslated(flow);
    if (verdict.translate) this.#fillReplacement(flow, outbound, verdict);
  }

  /** Fills the verdict for a packet that belongs to no flow and is decided by this row. */
  fillRowVerdict(row: number, outbound: boolean, verdict: Verdict): void {
    verdict.flow = noFlow;
    verdict.row = row;
    verdict.action = this.#policy.action(row);
    verdict.association = this.#policy.association(row);
    verdict.outbound = outbound;
    verdict.translate = false;
  }

  /**
   * For a packet without flow (ICMP other than queries, a fragment alone): the source that it needs. False where it
   * needs a link's address and there is none.
   */
  translateWithoutFlow(key: FlowKey, verdict: Verdict): boolean {
    const local = this.#wireLocal(key, verdict.action, verdict.association);
    if (local === noLink) return false;
    if (local === undefined) return true;
    verdict.translate = true;
    verdict.replacementPort = -1;
    verdict.replacement0 = local[0]!;
    verdict.replacement1 = local[1] ?? 0;
    verdict.replacement2 = local[2] ?? 0;
    verdict.replacement3 = local[3] ?? 0;
    return true;
  }

  #fillReplacement(flow: number, outbound: boolean, verdict: Verdict): void {
    const terminal = this.#scratch;
    const wire = this.#wireScratch;
    this.flows.readTerminalSide(flow, terminal);
    this.flows.readWireSide(flow, wire);
    const wanted = outbound ? wire : terminal;
    verdict.replacement0 = wanted.local0;
    verdict.replacement1 = wanted.local1;
    verdict.replacement2 = wanted.local2;
    verdict.replacement3 = wanted.local3;
    verdict.replacementPort = terminal.localPort === wire.localPort ? -1 : wanted.localPort;
  }

  /** A SYN ends what is left of a closing connection; an older stamp asks for another look. */
  #stillValid(flow: number, view: PacketView): number {
    const { flows } = this;
    const isSyn = (view.tcpFlags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn;
    if (isSyn && flows.isClosing(flow)) {
      flows.remove(flow);
      return noFlow;
    }
    if (flows.stamp(flow) === this.#stamp || this.#revalidate(flow)) return flow;
    flows.remove(flow);
    return noFlow;
  }

  /** Does the table in force say the same about the flow, with the same source? Then it lives on. */
  #revalidate(flow: number): boolean {
    const { flows } = this;
    const key = this.#scratch;
    flows.readTerminalSide(flow, key);
    const row = this.#policy.decide(key);
    const action = this.#policy.action(row);
    const association = this.#policy.association(row);
    if (action !== flows.action(flow) || association !== flows.association(flow)) return false;
    if (flows.begunByTerminal(flow)) {
      const local = this.#wireLocal(key, action, association);
      if (local === noLink) return false;
      if (action !== 'DISCARD') {
        flows.readWireSide(flow, this.#wireScratch);
        if (!(local ? isLocal(this.#wireScratch, local) : hasSameLocal(this.#wireScratch, key))) return false;
      }
    } else if (action === 'BYPASS' && !this.#policy.allowsInbound(row)) return false;
    flows.setVerdict(flow, row, action, association, this.#stamp);
    return true;
  }

  /** DESIGN section 4: the source that fits the verdict; undefined where it is the packet's own. */
  #wireLocal(key: FlowKey, action: PolicyAction, association: AssociationId): readonly number[] | undefined {
    if (action === 'DISCARD') return undefined;
    let isVirtual = false;
    for (const virtual of this.#virtual) {
      if (virtual.family !== key.family) continue;
      const isItsOwn = isLocal(key, virtual.words);
      if (action === 'PROTECT' && virtual.association === association) {
        return isItsOwn ? undefined : virtual.words;
      }
      isVirtual ||= isItsOwn;
    }
    if (!isVirtual) return undefined;
    return (key.family === 4 ? this.#link4 : this.#link6) ?? noLink;
  }

  /** Where the wire's side is another flow's, takes another port; without ports the newer flow takes its place. */
  #avoidCollision(wire: FlowKey, nowMilliseconds: number): void {
    const { flows } = this;
    if (flows.findByWireSide(wire, nowMilliseconds) === noFlow) return;
    if (hasPorts(wire.protocol) ? wire.protocol !== protocolNumber.sctp : isIcmp(wire.protocol)) {
      const wanted = wire.localPort;
      for (let attempt = 1; attempt <= portAttempts; attempt += 1) {
        // A step that is prime to the range, so that the attempts spread over it.
        wire.localPort = dynamicPorts.first + ((wanted + attempt * 4099) % dynamicPorts.size);
        if (flows.findByWireSide(wire, nowMilliseconds) === noFlow) return;
      }
    }
    flows.remove(flows.findByWireSide(wire, nowMilliseconds));
  }
}

/** RFC 6335 section 6. */
const dynamicPorts = { first: 49_152, size: 16_384 } as const;
const portAttempts = 64;

const noLink: readonly number[] = [];

interface VirtualWords {
  readonly association: AssociationId;
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

function words(address: IpAddress | undefined): readonly number[] | undefined {
  return address && addressWords(address);
}

function isLocal(key: FlowKey, local: readonly number[]): boolean {
  if (key.local0 !== local[0]) return false;
  return key.family === 4 || (key.local1 === local[1] && key.local2 === local[2] && key.local3 === local[3]);
}

function hasSameLocal(a: FlowKey, b: FlowKey): boolean {
  return a.local0 === b.local0 && a.local1 === b.local1 && a.local2 === b.local2 && a.local3 === b.local3;
}

function setLocal(key: FlowKey, local: readonly number[]): void {
  key.local0 = local[0]!;
  key.local1 = local[1] ?? 0;
  key.local2 = local[2] ?? 0;
  key.local3 = local[3] ?? 0;
}
