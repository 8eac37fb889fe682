// The traffic selectors of one SA in the form in which every packet is checked against them (RFC 4301 section 5.2).
import { hasPorts, isIcmp } from '../packet/protocol.ts';
import type { PacketView } from '../packet/view.ts';
import { CompiledRanges } from '../policy/compiled-ranges.ts';
import { isAnyPort, isOpaquePort, type TrafficSelector } from '../policy/selector.ts';

/** 'unknown': the addresses fit, but only the first fragment would show whether protocol and ports do. */
export type SelectorAnswer = 'fits' | 'outside' | 'unknown';

export class CompiledSelectors {
  readonly #local: readonly CompiledSelector[];
  readonly #remote: readonly CompiledSelector[];

  /** As in SecurityAssociationParameters: what the local and what the remote side may be. */
  constructor(local: readonly TrafficSelector[], remote: readonly TrafficSelector[]) {
    this.#local = compile(local);
    this.#remote = compile(remote);
  }

  /** Outbound: is the packet's source a local and its destination a remote one? */
  checkOutbound(view: PacketView): SelectorAnswer {
    return both(checkSource(this.#local, view), checkDestination(this.#remote, view));
  }

  /** Inbound: is the packet's destination a local and its source a remote one? */
  checkInbound(view: PacketView): SelectorAnswer {
    return both(checkDestination(this.#local, view), checkSource(this.#remote, view));
  }
}

interface CompiledSelector {
  /** 0 is any. */
  readonly protocol: number;
  readonly anyPort: boolean;
  readonly opaque: boolean;
  readonly firstPort: number;
  readonly lastPort: number;
  readonly addresses: CompiledRanges;
}

/** Selectors that differ in addresses only become one, whose addresses are found by bisection. */
function compile(selectors: readonly TrafficSelector[]): CompiledSelector[] {
  const groups = new Map<string, TrafficSelector[]>();
  for (const selector of selectors) {
    const name = `${selector.protocol}/${selector.ports.first}-${selector.ports.last}`;
    groups.set(name, [...(groups.get(name) ?? []), selector]);
  }
  return [...groups.values()].map((group) => {
    const { protocol, ports } = group[0]!;
    return {
      protocol,
      anyPort: isAnyPort(ports),
      opaque: isOpaquePort(ports),
      firstPort: ports.first,
      lastPort: ports.last,
      addresses: new CompiledRanges(group.map((selector) => selector.addresses)),
    };
  });
}

function both(a: SelectorAnswer, b: SelectorAnswer): SelectorAnswer {
  if (a === 'outside' || b === 'outside') return 'outside';
  return a === 'fits' && b === 'fits' ? 'fits' : 'unknown';
}

function checkSource(selectors: readonly CompiledSelector[], view: PacketView): SelectorAnswer {
  let answer: SelectorAnswer = 'outside';
  for (let index = 0; index < selectors.length; index += 1) {
    const selector = selectors[index]!;
    const fits = selector.addresses.contains(
      view.family,
      view.source0,
      view.source1,
      view.source2,
      view.source3,
    );
    if (!fits) continue;
    const rest = checkNextLayer(selector, view, view.sourcePort);
    if (rest === 'fits') return 'fits';
    if (rest === 'unknown') answer = 'unknown';
  }
  return answer;
}

function checkDestination(selectors: readonly CompiledSelector[], view: PacketView): SelectorAnswer {
  let answer: SelectorAnswer = 'outside';
  for (let index = 0; index < selectors.length; index += 1) {
    const selector = selectors[index]!;
    const fits = selector.addresses.contains(
      view.family,
      view.destination0,
      view.destination1,
      view.destination2,
      view.destination3,
    );
    if (!fits) continue;
    const rest = checkNextLayer(selector, view, view.destinationPort);
    if (rest === 'fits') return 'fits';
    if (rest === 'unknown') answer = 'unknown';
  }
  return answer;
}

/** For ICMP both sides' selectors speak of type and code (RFC 7296 section 3.13.1). */
function checkNextLayer(selector: CompiledSelector, view: PacketView, port: number): SelectorAnswer {
  const laterFragment = view.fragmentOffset > 0;
  const protocolKnown = !(laterFragment && view.family === 6);
  if (selector.protocol !== 0 && protocolKnown && selector.protocol !== view.protocol) return 'outside';
  if (selector.anyPort) return selector.protocol === 0 || protocolKnown ? 'fits' : 'unknown';
  // OPAQUE is for packets whose ports cannot be seen: fragments alone (RFC 4301 section 4.4.1.1).
  if (selector.opaque) return view.portsKnown ? 'outside' : 'fits';
  if (laterFragment) return 'unknown';
  if (!view.portsKnown) return 'outside';
  const value = isIcmp(view.protocol) ? view.destinationPort : port;
  if (!isIcmp(view.protocol) && !hasPorts(view.protocol)) return 'outside';
  return selector.firstPort <= value && value <= selector.lastPort ? 'fits' : 'outside';
}
