// The tunnel that all connections of the service share: one adapter, one data thread, one filter. Composes what the
// connections contribute and brings the computer from one composition to the next, one change at a time; what must
// stay shut is shut before anything is opened.
import { getServers } from 'node:dns';
import {
  type AddressRange,
  type Endpoint,
  formatAddress,
  formatPrefix,
  type IpAddress,
  parseAddress,
  parsePrefix,
  prefixToRange,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import { localNetworks } from '../../host/network/local-network.ts';
import type {
  DnsConfiguration,
  FailClosedConfiguration,
  HostNetwork,
  TerminalInformation,
  TunnelConfiguration,
} from '../../host/network.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import { DataThread } from '../data/proxy.ts';
import { type CompiledFilter, compileFilter } from '../filter/compile.ts';
import { namesOf } from '../filter/names.ts';
import type { UserFilter } from '../filter/user-filter.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Contribution } from './contribution.ts';
import { type SessionListener, TunnelSession } from './session.ts';

/** What a connection states; the local network is the tunnel's to know. */
export type StatedContribution = Omit<Contribution, 'localNetwork'>;

export interface TunnelSurroundings {
  readonly host: HostNetwork;
  readonly userFilter: UserFilter;
  readonly configuration: ServiceConfiguration;
  readonly secrets: SecretMemory;
  readonly listener: SessionListener;
}

/** What is in force now, for the status. */
export interface TunnelState {
  readonly interfaceName: string | undefined;
  readonly mtu: number | undefined;
  readonly virtualAddresses: readonly IpAddress[];
  readonly filter: CompiledFilter;
  readonly failClosed: boolean;
  /** The link by which the gateways are reached; undefined as long as it is not known, and for a gateway. */
  readonly underlayInterface: string | undefined;
  readonly gateways: readonly IpAddress[];
}

/** Outer IP and UDP headers, ESP header, IV, padding and ICV that every packet must leave room for. */
const overheadBytes = { 4: 80, 6: 100 } as const;
const smallestMtu = 1280;

export class Tunnel {
  readonly #surroundings: TunnelSurroundings;
  readonly #contributions = new Map<string, StatedContribution>();
  #changes: Promise<void> = Promise.resolve();
  #session: TunnelSession | undefined;
  #applied: { failClosed?: string; tunnel?: string; dns?: string; bypass?: string } = {};
  #filter: CompiledFilter;
  #filterVersion = 0;
  /** Asked anew when something changed. */
  #terminal: Promise<TerminalInformation> | undefined;
  #preparedDataThread: ReturnType<typeof DataThread.prepare> | undefined;
  #underlay: { interfaceName: string; source: string; mtu: number; family: 4 | 6 } | undefined;
  #mtu: number | undefined;
  /** What the computer asked before its resolvers were changed: needed to find the gateway again by its name. */
  #resolvers: readonly string[] = [];

  constructor(surroundings: TunnelSurroundings) {
    this.#surroundings = surroundings;
    this.#filter = compileFilter({
      version: 0,
      userRows: surroundings.userFilter.rows,
      contributions: [],
      names: new Map(),
    });
  }

  /** What runs while the tunnel is open: data thread, IKE, keys. */
  get session(): TunnelSession | undefined {
    return this.#session;
  }

  get state(): TunnelState {
    return {
      interfaceName: this.#session?.data.information.interfaceName,
      mtu: this.#mtu,
      virtualAddresses: [...this.#contributions.values()].flatMap(({ virtualAddresses }) => virtualAddresses),
      filter: this.#filter,
      failClosed: this.#applied.failClosed !== undefined,
      underlayInterface: this.#underlay?.interfaceName,
      gateways: this.#gateways().map(({ address }) => address),
    };
  }

  /** Loads what the next `open` needs, so that it is quick. */
  prepare(): void {
    this.#preparedDataThread ??= DataThread.prepare(this.#surroundings.secrets);
  }

  /** Adapter and sockets, as a role needs them; does nothing where they are open. */
  open(role: 'client' | 'gateway'): Promise<void> {
    this.#terminal = this.#surroundings.host.terminal();
    this.#terminal.catch(() => undefined);
    return this.#enqueue(async () => {
      if (this.#session !== undefined) return;
      const { configuration, secrets, listener } = this.#surroundings;
      const prepared = this.#preparedDataThread ?? DataThread.prepare(secrets);
      this.#preparedDataThread = undefined;
      const session = await TunnelSession.open(role, configuration, secrets, prepared, listener);
      session.data.once('failed', () => {
        if (this.#session === session) this.#session = undefined;
      });
      this.#session = session;
      this.#resolvers = getServers().map((server) => addressOfServer(server));
    });
  }

  /** Adds or replaces a connection's part and applies the new composition. */
  contribute(contribution: StatedContribution): Promise<void> {
    return this.#enqueue(async () => {
      this.#contributions.set(contribution.profile, contribution);
      await this.#apply();
    });
  }

  /** Takes a connection's part away; with the last one everything is as it was before the first. */
  withdraw(profile: string): Promise<void> {
    return this.#enqueue(async () => {
      this.#contributions.delete(profile);
      if (this.#contributions.size > 0) return this.#apply();
      await this.#close();
    });
  }

  /** The user's own rows changed, or the terminal's addresses did. */
  refresh(): Promise<void> {
    this.#terminal = undefined;
    return this.#enqueue(() => this.#apply());
  }

  /** The first of the addresses that the system knows a way to; remembers the link it leaves by. */
  async firstReachable(addresses: readonly IpAddress[], port: number): Promise<Endpoint | undefined> {
    const { host, configuration } = this.#surroundings;
    for (const address of addresses) {
      const route = await host.routeTo(formatAddress(address), configuration.mark);
      if (route === undefined) continue;
      this.#underlay = { ...route, family: address.family };
      return { address, port };
    }
    return undefined;
  }

  /** Address and port from which the connection's IKE messages leave. */
  localEndpointTowards(remote: Endpoint): Endpoint {
    const source = this.#underlay === undefined ? undefined : parseAddress(this.#underlay.source);
    const unspecified = new Uint8Array(remote.address.family === 4 ? 4 : 16);
    return {
      address: source ?? { family: remote.address.family, bytes: unspecified },
      port: this.#session?.localPort(remote.address.family) ?? 0,
    };
  }

  /** True where the way to the gateways is no longer the one that the sockets use. */
  async underlayChanged(): Promise<boolean> {
    const { host, configuration } = this.#surroundings;
    const gateway = this.#gateways()[0];
    const before = this.#underlay;
    if (gateway === undefined || before === undefined) return false;
    const now = await host.routeTo(formatAddress(gateway.address), configuration.mark);
    return now?.interfaceName !== before.interfaceName || now.source !== before.source;
  }

  /** The service stops: names and routes are put back, what must stay shut stays shut. */
  abandon(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#surroundings.host.removeDns();
      await this.#surroundings.host.removeTunnel();
      await this.#session?.close();
      this.#session = undefined;
    });
  }

  async #apply(): Promise<void> {
    this.#terminal ??= this.#surroundings.host.terminal();
    const terminal = await this.#terminal;
    this.#compile(terminal);
    if (this.#contributions.size === 0) return;
    this.#mtu = this.#tunnelMtu();
    const data = this.#session?.data;
    data?.setPolicy(this.#filter.table);
    data?.setTranslation(this.#translation(terminal));
    data?.setTunnelMtu(this.#mtu);
    await this.#applyFailClosed();
    await Promise.all([this.#applyTunnel(), this.#applyBypass(), this.#applyDns()]);
  }

  #compile(terminal: TerminalInformation | undefined): void {
    this.#filterVersion += 1;
    const contributions = [...this.#contributions.values()];
    const names = namesOf(
      terminal,
      this.#gateways(),
      this.#surroundings.configuration.interfaceName,
      contributions.flatMap(({ virtualAddresses }) => virtualAddresses),
    );
    const linkAddresses = realLinks(terminal, this.#surroundings.configuration.interfaceName);
    this.#filter = compileFilter({
      version: this.#filterVersion,
      userRows: this.#surroundings.userFilter.rows,
      contributions: contributions.map((contribution) => ({
        ...contribution,
        localNetwork: contribution.allowLocalNetwork ? localNetworkOf(contribution, linkAddresses) : [],
      })),
      names,
    });
  }

  async #applyFailClosed(): Promise<void> {
    const { host } = this.#surroundings;
    const configuration = this.#failClosedConfiguration();
    await this.#applyIfChanged('failClosed', configuration, () => host.applyFailClosed(configuration));
  }

  async #applyTunnel(): Promise<void> {
    const { host } = this.#surroundings;
    const configuration = this.#tunnelConfiguration();
    if (configuration === undefined) return;
    await this.#applyIfChanged('tunnel', configuration, () => host.applyTunnel(configuration));
  }

  async #applyBypass(): Promise<void> {
    const underlay = this.#underlay;
    if (underlay === undefined || this.#session === undefined) return;
    const { mark } = this.#surroundings.configuration;
    const link = {
      interfaceName: underlay.interfaceName,
      mark,
      excludedPorts: this.#session.data.information.localPorts,
      prefixes: this.#filter.routed.map(({ address, length }) => ({ ...address, length })),
    };
    const { data } = this.#session;
    await this.#applyIfChanged(
      'bypass',
      { ...link, prefixes: this.#filter.routed.map(formatPrefix) },
      async () => data.setBypassLinks([link]),
    );
  }

  async #applyDns(): Promise<void> {
    const { host } = this.#surroundings;
    const configuration = this.#dnsConfiguration();
    if (configuration === undefined) return;
    await this.#applyIfChanged('dns', configuration, () => host.applyDns(configuration));
  }

  async #applyIfChanged(
    what: 'failClosed' | 'tunnel' | 'dns' | 'bypass',
    configuration: object,
    apply: () => Promise<void>,
  ): Promise<void> {
    const text = JSON.stringify(configuration);
    if (this.#applied[what] === text) return;
    await apply();
    this.#applied[what] = text;
  }

  async #close(): Promise<void> {
    const { host } = this.#surroundings;
    await host.removeDns();
    await host.removeTunnel();
    await this.#session?.close();
    this.#session = undefined;
    await host.removeFailClosed();
    this.#applied = {};
    this.#underlay = undefined;
    this.#mtu = undefined;
    this.#compile(undefined);
    this.prepare();
  }

  #failClosedConfiguration(): FailClosedConfiguration {
    const { configuration } = this.#surroundings;
    const contributions = [...this.#contributions.values()];
    return {
      tunnelInterface: configuration.interfaceName,
      protectedPrefixes: this.#filter.shut.map(formatPrefix),
      tappedPrefixes: this.#filter.routed.map(formatPrefix),
      underlayPorts: this.#session?.data.information.localPorts ?? [],
      gateways: this.#gateways().map(({ address }) => formatAddress(address)),
      gatewayPort: this.#gateways()[0]?.port,
      nameServers: this.#resolvers,
      virtualAddresses: contributions.flatMap((contribution) =>
        contribution.virtualAddresses.map(formatAddress),
      ),
      allowLocalNetwork: contributions.every((contribution) => contribution.allowLocalNetwork),
      allowDhcp: true,
      allowNeighbourDiscovery: true,
      mark: configuration.mark,
      routingTable: configuration.routingTable,
      rulePriority: configuration.rulePriority,
      discardRows: this.#filter.firewallRows,
      lockdown: contributions.some(({ lockdown }) => lockdown),
      tableName: configuration.firewallTable,
    };
  }

  #tunnelConfiguration(): TunnelConfiguration | undefined {
    const { configuration } = this.#surroundings;
    const contributions = [...this.#contributions.values()];
    if (!contributions.some((contribution) => contribution.routed)) return undefined;
    return {
      interfaceName: configuration.interfaceName,
      mtu: this.#mtu ?? smallestMtu,
      addresses: contributions.flatMap((contribution) =>
        contribution.virtualAddresses.map(
          (address) => `${formatAddress(address)}/${address.family === 4 ? 32 : 128}`,
        ),
      ),
      routedPrefixes: this.#filter.routed.map(formatPrefix),
      protectedPrefixes: this.#filter.protectedPrefixes.map(formatPrefix),
      mark: configuration.mark,
      routingTable: configuration.routingTable,
      rulePriority: configuration.rulePriority,
    };
  }

  #dnsConfiguration(): DnsConfiguration | undefined {
    const servers = [...this.#contributions.values()].flatMap((contribution) =>
      contribution.dnsServers.map(formatAddress),
    );
    if (servers.length === 0) return undefined;
    return { interfaceName: this.#surroundings.configuration.interfaceName, servers, searchDomains: [] };
  }

  #translation(terminal: TerminalInformation) {
    const virtual = [...this.#contributions.values()].flatMap(
      (contribution) => contribution.virtualAddresses,
    );
    return {
      virtual4: virtual.find((address) => address.family === 4),
      virtual6: virtual.find((address) => address.family === 6),
      link4: addressOfLink(terminal, terminal.defaultLink4 ?? this.#underlay?.interfaceName, 4),
      link6: addressOfLink(terminal, terminal.defaultLink6 ?? this.#underlay?.interfaceName, 6),
    };
  }

  #tunnelMtu(): number {
    const wished = [...this.#contributions.values()]
      .map((contribution) => contribution.mtu)
      .find((mtu) => mtu !== undefined);
    if (wished !== undefined) return wished;
    const underlay = this.#underlay;
    if (underlay === undefined) return 1420;
    return Math.max(smallestMtu, underlay.mtu - overheadBytes[underlay.family]);
  }

  #gateways(): readonly Endpoint[] {
    return [...this.#contributions.values()].flatMap(({ gateway }) =>
      gateway === undefined ? [] : [gateway],
    );
  }

  /** One change at a time, in order; a failed one does not stop the next. */
  #enqueue(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

/** Addresses with prefix length. */
function realLinks(terminal: TerminalInformation | undefined, tunnelInterface: string): readonly string[] {
  const links = (terminal?.links ?? []).filter(
    ({ name, loopback, up }) => name !== tunnelInterface && !loopback && up,
  );
  return links.flatMap(({ addresses }) => addresses);
}

/** What the system's firewall lets pass by the tunnel too: the two must agree. */
function localNetworkOf(
  contribution: StatedContribution,
  linkAddresses: readonly string[],
): readonly AddressRange[] {
  const shut = new AddressSet([
    ...contribution.protections.flatMap(({ remote }) => remote),
    ...contribution.uncarried,
  ]).toPrefixes();
  const prefixes = localNetworks(linkAddresses, shut.map(formatPrefix));
  return prefixes.map((text) => prefixToRange(parsePrefix(text)!));
}

function addressOfLink(
  terminal: TerminalInformation,
  name: string | undefined,
  family: 4 | 6,
): IpAddress | undefined {
  const link = terminal.links.find((candidate) => candidate.name === name);
  for (const text of link?.addresses ?? []) {
    const address = parseAddress(text.split('/')[0]!);
    const linkLocal =
      address?.family === 6 && address.bytes[0] === 0xfe && (address.bytes[1]! & 0xc0) === 0x80;
    if (address?.family === family && !linkLocal) return address;
  }
  return undefined;
}

/** node:dns names a server with an unusual port "192.0.2.1:5353" or "[2001:db8::1]:5353". */
function addressOfServer(server: string): string {
  const bracketed = /^\[(.*)\]:\d+$/.exec(server)?.[1];
  return bracketed ?? (server.includes('.') ? server.split(':')[0]! : server);
}
