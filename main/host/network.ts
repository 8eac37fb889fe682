// What the service asks of the computer's network configuration, as values. Each platform carries it out; the journal
// remembers it, so that it can be undone by a later process.

/** Texts in the usual notation: "10.0.0.0/8", "fd00::/8", "192.0.2.1". */
export interface TunnelConfiguration {
  readonly interfaceName: string;
  readonly mtu: number;
  /** With prefix length, e.g. "10.9.0.2/32". */
  readonly addresses: readonly string[];
  /** What enters the adapter. "0.0.0.0/0" and "::/0" for everything. */
  readonly routedPrefixes: readonly string[];
  /** Of those, the destinations whose source shall be the virtual address; the others keep the real one. */
  readonly protectedPrefixes: readonly string[];
  /** Packets with this mark (our own) are never routed into the adapter. */
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
}

export interface FailClosedConfiguration {
  readonly tunnelInterface: string;
  /** Dropped on every other link, unless marked. */
  readonly protectedPrefixes: readonly string[];
  /** Anything to these on another link is dropped. */
  readonly virtualAddresses: readonly string[];
  /** Exceptions: passes although covered by a protected prefix. */
  readonly allowLocalNetwork: boolean;
  readonly allowDhcp: boolean;
  readonly allowNeighbourDiscovery: boolean;
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
  /** DISCARD rows that no PROTECT row touches: enforced by the system's firewall, counters read back. */
  readonly discardRows: readonly FirewallRow[];
  /** Name of the firewall table, "sealnic" by default, so that several services can live side by side. */
  readonly tableName: string;
}

export interface FirewallRow {
  readonly id: string;
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

/** One of each for the platform; every call writes the journal before it changes anything. */
export interface HostNetwork {
  applyFailClosed(configuration: FailClosedConfiguration): Promise<void>;
  removeFailClosed(): Promise<void>;
  applyTunnel(configuration: TunnelConfiguration): Promise<void>;
  removeTunnel(): Promise<void>;
  applyDns(configuration: DnsConfiguration): Promise<void>;
  removeDns(): Promise<void>;
  /** Hits of the firewall's DISCARD rows by row id, and of the fail-closed drops under "fail-closed". */
  readCounters(): Promise<ReadonlyMap<string, { packets: number; bytes: number }>>;
  terminal(): Promise<TerminalInformation>;
  /** Calls back (debounced 200 ms) when links, addresses or routes change. */
  watchTerminal(changed: () => void): { close(): void };
  /** Which link and source the system uses to reach an address with our mark. */
  routeTo(
    address: string,
    mark: number,
  ): Promise<{ interfaceName: string; source: string; mtu: number } | undefined>;
  /** What an earlier process left behind. `keepFailClosed`: undo all but what keeps protected destinations shut. */
  undo(options: { keepFailClosed: boolean }): Promise<readonly string[]>;
}
