// The tunnel that all connections of the service share: one adapter, one data thread, one filter. Composes what the
// connections contribute and brings the computer from one composition to the next, one change at a time; what must
// stay shut is shut before anything is opened.
import {
  type AddressRange,
  type Endpoint,
  formatAddress,
  formatPrefix,
  type IpAddress,
} from '../../engine/packet/address.ts';
import type { HostNetwork, TerminalInformation } from '../../host/network.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import { type CompiledFilter, compileFilter } from '../filter/compile.ts';
import { namesOf } from '../filter/names.ts';
import type { UserFilter } from '../filter/user-filter.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import {
  type Composition,
  dnsConfiguration,
  failClosedConfiguration,
  gatewaysOf,
  isRouted,
  translationSources,
  tunnelConfiguration,
  tunnelMtu,
  underlayOf,
  withLocalNetwork,
} from './composition.ts';
import type { StatedContribution, Underlay } from './contribution.ts';
import { type SessionListener, type SessionMachinery, TunnelSession } from './session.ts';

export interface TunnelSurroundings {
  readonly host: HostNetwork;
  readonly userFilter: UserFilter;
  readonly configuration: ServiceConfiguration;
  readonly secrets: SecretMemory;
  readonly listener: SessionListener;
  readonly machinery: SessionMachinery;
  /** Addresses of the name servers that the computer asks now. */
  nameServers(): readonly string[];
}

/** What is in force now, for the status. */
export interface TunnelState {
  readonly interfaceName: string | undefined;
  readonly mtu: number | undefined;
  readonly virtualAddresses: readonly IpAddress[];
  readonly filter: CompiledFilter;
  /** What should be protected, but no gateway carries. */
  readonly uncarried: readonly AddressRange[];
  /** Protected destinations are shut on every other link. */
  readonly failClosed: boolean;
  /** What is protected enters the adapter, where it leaves sealed or not at all. */
  readonly routed: boolean;
  /** The link by which the gateways are reached; undefined as long as it is not known, and for a gateway. */
  readonly underlayInterface: string | undefined;
  readonly gateways: readonly IpAddress[];
}

/** A gateway's address that there is a way to, and that way. */
export interface ReachableGateway {
  readonly endpoint: Endpoint;
  readonly underlay: Underlay;
}

/** What was applied last, as text; absent where nothing is. */
interface Applied {
  /** `shuts`: there are prefixes that it drops. */
  failClosed?: { readonly text: string; readonly shuts: boolean };
  tunnel?: string;
  dns?: string;
  bypass?: string;
}

/** Stands for something applied that no wish equals. */
const unknown = 'unknown';

export class Tunnel {
  readonly #surroundings: TunnelSurroundings;
  readonly #contributions = new Map<string, StatedContribution>();
  #changes: Promise<void> = Promise.resolve();
  #session: TunnelSession | undefined;
  /** Replaced when the session ends, so that what is still under way for the old one is not taken for the new one's. */
  #applied: Applied = {};
  #filter: CompiledFilter;
  #filterVersion = 0;
  /** Asked anew when something changed. */
  #terminal: Promise<TerminalInformation> | undefined;
  #latestTerminal: TerminalInformation | undefined;
  #preparedDataThread: ReturnType<SessionMachinery['prepareDataThread']> | undefined;
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
    const contributions = [...this.#contributions.values()];
    return {
      interfaceName: this.#session?.data.information.interfaceName,
      mtu: this.#mtu,
      virtualAddresses: contributions.flatMap(({ virtualAddresses }) => virtualAddresses),
      filter: this.#filter,
      uncarried: contributions.flatMap(({ uncarried }) => uncarried),
      failClosed: this.#applied.failClosed?.shuts ?? false,
      routed: this.#applied.tunnel !== undefined,
      underlayInterface: underlayOf(contributions)?.interfaceName,
      gateways: gatewaysOf(contributions).map(({ address }) => address),
    };
  }

  /** Whom to ask for a gateway's address; `replaced`: the computer asks others now, inside the tunnel. */
  get nameServers(): { readonly servers: readonly string[]; readonly replaced: boolean } {
    const replaced = this.#applied.dns !== undefined;
    return { servers: replaced ? this.#resolvers : this.#surroundings.nameServers(), replaced };
  }

  /** Loads what the next `open` needs, so that it is quick. */
  prepare(): void {
    const { machinery, secrets } = this.#surroundings;
    this.#preparedDataThread ??= machinery.prepareDataThread(secrets);
  }

  /** Adapter and sockets, as a role needs them; does nothing where they are open. */
  open(role: 'client' | 'gateway'): Promise<void> {
    this.#terminal = this.#surroundings.host.terminal();
    this.#terminal.catch(() => undefined);
    return this.#enqueue(async () => {
      if (this.#session !== undefined) return;
      this.prepare();
      const prepared = this.#preparedDataThread!;
      this.#preparedDataThread = undefined;
      const { configuration, secrets, machinery, listener } = this.#surroundings;
      const session = await TunnelSession.open(role, configuration, secrets, prepared, machinery, {
        ...listener,
        failed: (error) => {
          if (this.#session === session) this.#sessionEnded();
          listener.failed(error);
        },
      });
      this.#session = session;
    });
  }

  /** Adds or replaces a connection's part and applies the new composition. */
  contribute(contribution: StatedContribution): Promise<void> {
    return this.#enqueue(async () => {
      this.#contributions.set(contribution.profile, contribution);
      await this.#apply();
    });
  }

  /**
   * Replaces a connection's part, if it still has one. The filter is in force when this returns, so that what is sent
   * next already finds it; the computer follows.
   */
  amend(contribution: StatedContribution): Promise<void> {
    if (!this.#contributions.has(contribution.profile)) return Promise.resolve();
    this.#contributions.set(contribution.profile, contribution);
    this.#compile();
    this.#session?.data.setPolicy(this.#filter.table);
    return this.#enqueue(() => this.#apply());
  }

  /**
   * The gateway assigned a connection its addresses: packets that wait for the SA leave with them as soon as there is
   * one, although the computer does not have them yet.
   */
  assigned(profile: string, virtualAddresses: readonly IpAddress[]): void {
    const former = this.#contributions.get(profile);
    if (former === undefined || this.#latestTerminal === undefined) return;
    this.#contributions.set(profile, { ...former, virtualAddresses });
    const translation = translationSources([...this.#contributions.values()], this.#latestTerminal);
    this.#session?.data.setTranslation(translation);
  }

  /**
   * Takes a connection's part away; with the last one everything is as it was before the first. Where something could
   * not be taken back this rejects, and another call tries again what is left.
   */
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

  /** The first of the addresses that the system knows a way to. */
  async firstReachable(addresses: readonly IpAddress[], port: number): Promise<ReachableGateway | undefined> {
    const { host, configuration } = this.#surroundings;
    for (const address of addresses) {
      const route = await host.routeTo(formatAddress(address), configuration.mark);
      if (route === undefined) continue;
      return { endpoint: { address, port }, underlay: { ...route, family: address.family } };
    }
    return undefined;
  }

  /** True where the way to a gateway is no longer the one that the sockets use. */
  async underlayChanged(): Promise<boolean> {
    const { host, configuration } = this.#surroundings;
    for (const { gateway, underlay } of [...this.#contributions.values()]) {
      if (gateway === undefined || underlay === undefined) continue;
      const now = await host.routeTo(formatAddress(gateway.address), configuration.mark);
      if (now?.interfaceName !== underlay.interfaceName || now.source !== underlay.source) return true;
    }
    return false;
  }

  /** The service stops: names and routes are put back, what must stay shut stays shut. Rejects as `withdraw` does. */
  abandon(): Promise<void> {
    return this.#enqueue(() => this.#takeBackAll());
  }

  async #apply(): Promise<void> {
    const { host } = this.#surroundings;
    this.#terminal ??= host.terminal();
    const terminal = await this.#terminal;
    this.#latestTerminal = terminal;
    this.#compile();
    if (this.#contributions.size === 0) return;
    const { contributions } = this.#composition;
    this.#mtu = tunnelMtu(contributions);
    const translation = translationSources(contributions, terminal);
    const data = this.#session?.data;
    data?.setPolicy(this.#filter.table);
    data?.setTranslation(translation);
    data?.setTunnelMtu(this.#mtu);
    await this.#applyFailClosed();
    // A link's new address is a new source for what is routed into the adapter and bypassed.
    await Promise.all([this.#applyTunnel([translation.link4, translation.link6]), this.#applyDns()]);
    await this.#applyBypass();
  }

  get #composition(): Composition {
    const { configuration } = this.#surroundings;
    return { contributions: [...this.#contributions.values()], filter: this.#filter, configuration };
  }

  #compile(): void {
    this.#filterVersion += 1;
    const { interfaceName } = this.#surroundings.configuration;
    const contributions = [...this.#contributions.values()];
    const terminal = this.#latestTerminal;
    this.#filter = compileFilter({
      version: this.#filterVersion,
      userRows: this.#surroundings.userFilter.rows,
      contributions: contributions.map((each) => withLocalNetwork(each, terminal, interfaceName)),
      names: namesOf(
        terminal,
        gatewaysOf(contributions),
        interfaceName,
        contributions.flatMap(({ virtualAddresses }) => virtualAddresses),
      ),
    });
  }

  async #applyFailClosed(): Promise<void> {
    const { host } = this.#surroundings;
    const applied = this.#applied;
    if (applied.dns === undefined) this.#resolvers = this.#surroundings.nameServers();
    const localPorts = this.#session?.data.information.localPorts;
    const wanted = failClosedConfiguration(this.#composition, localPorts, this.#resolvers);
    const text = JSON.stringify(wanted);
    if (applied.failClosed?.text === text) return;
    delete applied.failClosed;
    await host.applyFailClosed(wanted);
    applied.failClosed = { text, shuts: wanted.protectedPrefixes.length > 0 };
  }

  async #applyTunnel(linkAddresses: readonly (IpAddress | undefined)[]): Promise<void> {
    const { host } = this.#surroundings;
    const wanted =
      this.#session === undefined ? undefined : tunnelConfiguration(this.#composition, this.#mtu!);
    const text = wanted && JSON.stringify([wanted, linkAddresses.map((each) => each && formatAddress(each))]);
    await this.#change(
      'tunnel',
      text,
      () => host.applyTunnel(wanted!),
      () => host.removeTunnel(),
    );
  }

  async #applyDns(): Promise<void> {
    const { host } = this.#surroundings;
    const wanted = this.#session === undefined ? undefined : dnsConfiguration(this.#composition);
    await this.#change(
      'dns',
      wanted && JSON.stringify(wanted),
      () => host.applyDns(wanted!),
      () => host.removeDns(),
    );
  }

  async #applyBypass(): Promise<void> {
    const composition = this.#composition;
    const { contributions, filter, configuration } = composition;
    const underlay = underlayOf(contributions);
    const data = this.#session?.data;
    if (data === undefined || underlay === undefined) return;
    const link = {
      interfaceName: underlay.interfaceName,
      mark: configuration.mark,
      excludedPorts: data.information.localPorts,
      prefixes: filter.routed.map(({ address, length }) => ({ ...address, length })),
    };
    const text = JSON.stringify({ ...link, prefixes: filter.routed.map(formatPrefix) });
    await this.#change(
      'bypass',
      isRouted(composition) ? text : undefined,
      async () => data.setBypassLinks([link]),
      async () => data.setBypassLinks([]),
    );
  }

  async #change(
    what: 'tunnel' | 'dns' | 'bypass',
    wanted: string | undefined,
    apply: () => Promise<void>,
    remove: () => Promise<void>,
  ): Promise<void> {
    const applied = this.#applied;
    if (applied[what] === wanted) return;
    if (wanted === undefined) {
      await remove();
      delete applied[what];
      return;
    }
    // Where it fails halfway, neither the old nor the new one can be counted on: the next try makes it anew.
    applied[what] = unknown;
    await apply();
    applied[what] = wanted;
  }

  async #close(): Promise<void> {
    const { host } = this.#surroundings;
    const problems = await failuresOf([
      () => this.#takeBackAll(),
      async () => {
        await host.removeFailClosed();
        delete this.#applied.failClosed;
      },
    ]);
    if (problems.length > 0) throw problems[0];
    this.#mtu = undefined;
    this.#latestTerminal = undefined;
    this.#compile();
    this.prepare();
  }

  /** All but what keeps protected destinations shut. One thing that fails does not keep the others from being done. */
  async #takeBackAll(): Promise<void> {
    const { host } = this.#surroundings;
    const problems = await failuresOf([
      async () => {
        await host.removeDns();
        delete this.#applied.dns;
      },
      () => host.removeTunnel(),
      async () => this.#session?.close(),
    ]);
    this.#sessionEnded();
    if (problems.length > 0) throw problems[0];
  }

  /** Adapter and sockets are gone, and what was set on them. What keeps shut is not, nor a file of resolvers. */
  #sessionEnded(): void {
    this.#session = undefined;
    const { failClosed, dns } = this.#applied;
    this.#applied = {
      ...(failClosed && { failClosed }),
      ...(dns !== undefined && { dns: unknown }),
    };
  }

  /** One change at a time, in order; a failed one does not stop the next. */
  #enqueue(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

async function failuresOf(works: readonly (() => Promise<void>)[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const work of works) {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}
