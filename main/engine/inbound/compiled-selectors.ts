// The traffic selectors of one SA in the form in which every packet is checked against them (RFC 4301 section 5.2).
import type { PacketView } from '../packet/view.ts';
import type { TrafficSelector } from '../policy/selector.ts';

/** 'unknown': the addresses fit, but only the first fragment would show whether the ports do. */
export type SelectorAnswer = 'fits' | 'outside' | 'unknown';

export declare class CompiledSelectors {
  /** As in SecurityAssociationParameters: what the local and what the remote side may be. */
  constructor(local: readonly TrafficSelector[], remote: readonly TrafficSelector[]);
  /** Outbound: is the packet's source a local and its destination a remote one? */
  checkOutbound(view: PacketView): SelectorAnswer;
  /** Inbound: is the packet's destination a local and its source a remote one? */
  checkInbound(view: PacketView): SelectorAnswer;
}
