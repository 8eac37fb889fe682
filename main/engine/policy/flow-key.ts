// What tells one flow from another, from the terminal's point of view. One key is filled again and again.
import { hasPorts, protocolNumber } from '../packet/protocol.ts';
import type { PacketView } from '../packet/view.ts';

/** Address words as in PacketView. */
export class FlowKey {
  family: 4 | 6 = 4;
  protocol = 0;
  local0 = 0;
  local1 = 0;
  local2 = 0;
  local3 = 0;
  remote0 = 0;
  remote1 = 0;
  remote2 = 0;
  remote3 = 0;
  /** ICMP queries: the identifier. */
  localPort = 0;
  /** ICMP queries: type and code of the query, also in its answer. */
  remotePort = 0;
  /** What port rows are matched against: the ports; for ICMP, on both sides, type << 8 | code of this packet. */
  matchLocalPort = 0;
  matchRemotePort = 0;
  portsKnown = false;

  /** The packet's source is the local side. */
  fillOutbound(view: PacketView): void {
    this.family = view.family;
    this.protocol = view.protocol;
    this.local0 = view.source0;
    this.local1 = view.source1;
    this.local2 = view.source2;
    this.local3 = view.source3;
    this.remote0 = view.destination0;
    this.remote1 = view.destination1;
    this.remote2 = view.destination2;
    this.remote3 = view.destination3;
    this.#fillPorts(view, view.sourcePort, view.destinationPort);
  }

  /** The packet's destination is the local side. */
  fillInbound(view: PacketView): void {
    this.family = view.family;
    this.protocol = view.protocol;
    this.local0 = view.destination0;
    this.local1 = view.destination1;
    this.local2 = view.destination2;
    this.local3 = view.destination3;
    this.remote0 = view.source0;
    this.remote1 = view.source1;
    this.remote2 = view.source2;
    this.remote3 = view.source3;
    this.#fillPorts(view, view.destinationPort, view.sourcePort);
  }

  #fillPorts(view: PacketView, localPort: number, remotePort: number): void {
    this.portsKnown = view.portsKnown;
    if (hasPorts(view.protocol)) {
      this.localPort = localPort;
      this.remotePort = remotePort;
      this.matchLocalPort = localPort;
      this.matchRemotePort = remotePort;
    } else {
      // Zero where the protocol has neither ports nor types.
      this.localPort = view.icmpIdentifier;
      this.remotePort = queryOf(view.protocol, view.destinationPort);
      this.matchLocalPort = view.destinationPort;
      this.matchRemotePort = view.destinationPort;
    }
  }
}

/**
 * Do packets like this one make a flow, so that an answer is known by it? Not ICMP other than queries (they are decided
 * one by one), and not fragments without ports.
 */
export function makesFlow(view: PacketView): boolean {
  if (view.fragmentOffset > 0) return false;
  if (view.protocol === protocolNumber.icmp || view.protocol === protocolNumber.icmpv6) {
    return isIcmpQueryOrAnswer(view.protocol, view.destinationPort >> 8);
  }
  return true;
}

function isIcmpQueryOrAnswer(protocol: number, type: number): boolean {
  if (protocol === protocolNumber.icmpv6) return type === 128 || type === 129;
  return type === 8 || type === 0 || type === 13 || type === 14;
}

function queryOf(protocol: number, typeAndCode: number): number {
  const type = typeAndCode >> 8;
  if (protocol === protocolNumber.icmpv6) return type === 129 ? 128 << 8 : typeAndCode;
  if (protocol !== protocolNumber.icmp) return typeAndCode;
  if (type === 0) return 8 << 8;
  return type === 14 ? 13 << 8 : typeAndCode;
}
