// What the service asks of the computer's network configuration, as values. Each platform carries it out; the journal
// remembers it, so that it can be undone by a later process.
import type { AdviceMessage, ChangeMessage, CheckMessage } from './messages.ts';

/** Texts in the usual notation: "10.0.0.0/8", "fd00::/8", "192.0.2.1". */
export interface TunnelConfiguration {
  readonly interfaceName: string;
  readonly mtu: number;
  /** With prefix length, e.g. "10.9.0.2/32". */
  readonly addresses: readonly string[];
  /** What enters the adapter. "0.0.0.0/0" and "::/0" for everything. */
  readonly routedPrefixes: readonly string[];
  /** Of those, the destinations whose source shall be one of the adapter's or another own address; all others, and those
   * without a source, keep the one that the system would choose without a tunnel. */
  readonly sources: readonly { readonly prefix: string; readonly source: string | undefined }[];
  /** Packets with this mark (our own) are never routed into the adapter. */
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
}

export interface FailClosedConfiguration {
  readonly tunnelInterface: string;
  /** Dropped on every other link, unless marked; unreachable while the adapter is away. */
  readonly protectedPrefixes: readonly string[];
  /**
   * Source prefixes whose inbound packets on other links are the adapter's (BypassLink takes them from the link) and
   * must not reach the system's own stack as well, which would answer them with resets. Those in `protectedPrefixes`
   * are dropped there anyway; absent: no others.
   */
  readonly tappedPrefixes?: readonly string[] | undefined;
  /**
   * Addresses of the gateways: what they send from UDP ports 500, 4500 and `gatewayPorts`, and as ESP without UDP,
   * passes, and gets our mark so that a strict reverse path filter lets it in. Without them (and without
   * `underlayPorts`) a tunnel whose protected prefixes cover its own gateway hears nothing.
   */
  readonly gateways?: readonly string[] | undefined;
  readonly gatewayPorts?: readonly number[] | undefined;
  /**
   * Local UDP ports of our underlay sockets, where they are known (a responder's 500 and 4500): the same, whoever
   * sends.
   */
  readonly underlayPorts?: readonly number[] | undefined;
  /** A gateway of ours waits there: ESP without UDP may come from anyone too. */
  readonly answersAnyone?: boolean | undefined;
  /** Resolvers that root may ask although a protected prefix covers them, to find the gateway's address by its name. */
  readonly nameServers?: readonly string[] | undefined;
  /** Seconds since 1970. Until then any user may ask them: a person signs in to the network. */
  readonly nameServersForEveryoneUntil?: number | undefined;
  /** Servers that may be reached beside the tunnel although a protected prefix covers them. */
  readonly passages?: readonly Passage[] | undefined;
  /** Anything to these on another link is dropped. */
  readonly virtualAddresses: readonly string[];
  /**
   * Exceptions: passes although covered by a protected prefix. The local network is what the links' own private
   * prefixes (RFC 1918, 3927, 4193, link-local) and multicast are, except where a protected prefix is as specific: a
   * hostile network cannot widen it by the addresses that it hands out.
   */
  readonly allowLocalNetwork: boolean;
  readonly allowDhcp: boolean;
  readonly allowNeighbourDiscovery: boolean;
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
  /** DISCARD rows that no PROTECT row touches: enforced by the system's firewall, counters read back. */
  readonly discardRows: readonly FirewallRow[];
  /**
   * Of the protected prefixes, what stays shut over a restart of the computer, from before the network comes up, until
   * `removeFailClosed`; absent: nothing.
   */
  readonly lockdown?: readonly string[] | undefined;
  /** Name of the firewall table, "sealnic" by default, so that several services can live side by side. */
  readonly tableName: string;
}

/** TCP to some ports of one address. */
export interface Passage {
  readonly address: string;
  readonly ports: readonly number[];
  /** Seconds since 1970: until then any program may use it. Absent: only our own marked sockets. */
  readonly forEveryoneUntil?: number | undefined;
}

/** First match, among the rows in their order. For ICMP a port is type << 8 | code, in `remotePorts`. */
export interface FirewallRow {
  readonly id: string;
  /** BYPASS: what a later DISCARD row shall not hit. Absent: DISCARD. */
  readonly action?: 'DISCARD' | 'BYPASS' | undefined;
  readonly localPrefixes: readonly string[];
  readonly remotePrefixes: readonly string[];
  readonly protocol: number | undefined;
  readonly localPorts: readonly { readonly first: number; readonly last: number }[];
  readonly remotePorts: readonly { readonly first: number; readonly last: number }[];
}

export interface DnsConfiguration {
  readonly interfaceName: string;
  readonly servers: readonly string[];
  /** Empty: all names. */
  readonly searchDomains: readonly string[];
}

/** The terminal's information (claims 8 and 12): collected by itself, never asked of the user. */
export interface TerminalInformation {
  readonly hostName: string;
  readonly links: readonly LinkInformation[];
  /** The link towards the Internet, by the routing table. */
  readonly defaultLink4: string | undefined;
  readonly defaultLink6: string | undefined;
}

export interface LinkInformation {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly hardwareAddress: string | undefined;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/**
 * One of each for the platform; every call writes the journal before it changes anything. Calling an apply again
 * replaces what it set before, without a moment in between in which less is protected than before or after.
 */
export interface HostNetwork {
  /** Call it before the adapter comes up, and again when prefixes, addresses or the local network change. */
  applyFailClosed(configuration: FailClosedConfiguration): Promise<void>;
  removeFailClosed(): Promise<void>;
  applyTunnel(configuration: TunnelConfiguration): Promise<void>;
  removeTunnel(): Promise<void>;
  applyDns(configuration: DnsConfiguration): Promise<void>;
  removeDns(): Promise<void>;
  /**
   * Hits of the firewall's rows by row id, of the fail-closed drops under "fail-closed", and under "tapped" what the
   * bypass link took from the link instead of the system. They count on over applies, until `removeFailClosed`.
   */
  readCounters(): Promise<ReadonlyMap<string, { packets: number; bytes: number }>>;
  terminal(): Promise<TerminalInformation>;
  /** Calls back (debounced 200 ms) when links, addresses or routes change. */
  watchTerminal(changed: () => void): { close(): void };
  /** Which link and source the system uses to reach an address with our mark. */
  routeTo(
    address: string,
    mark: number,
  ): Promise<{ interfaceName: string; source: string; mtu: number } | undefined>;
  /** Whether this computer can do what is asked of it. `inUse`: what stands in the journal is wanted. */
  check(options: { inUse: boolean }): Promise<readonly HostFinding[]>;
  /**
   * Undoes what an earlier process left behind, and tells what. `keepFailClosed`: all but what keeps
   * protected destinations shut. Throws UndoError where a part of it failed; that part stays in the journal.
   */
  undo(options: { keepFailClosed: boolean }): Promise<readonly ChangeMessage[]>;
}

export interface HostFinding {
  /** Stable, e.g. "tun-device". */
  readonly code: string;
  readonly severity: 'good' | 'warning' | 'problem';
  readonly message: CheckMessage;
  /** What to do about it, where `undo` does not mend it. */
  readonly advice?: AdviceMessage;
  /** The changes that the message is about. */
  readonly changes?: readonly ChangeMessage[];
  /** Whether `undo` mends it. */
  readonly repairable: boolean;
}

/** Some changes could not be taken back; `message` says which and why, `undone` which were. */
export class UndoError extends Error {
  override readonly name = 'UndoError';
  readonly undone: readonly ChangeMessage[];

  constructor(message: string, undone: readonly ChangeMessage[]) {
    super(message);
    this.undone = undone;
  }
}
