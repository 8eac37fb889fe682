// The tunnel that all connections of the service share: one adapter, one data thread, one filter. Composes what the
// connections contribute and brings the computer from one composition to the next, one change at a time; what must
// stay shut is shut before anything is opened.
import {
  type AddressRange,
  type Endpoint,
  formatAddress,
  type IpAddress,
} from '../../engine/packet/address.ts';
import { AddressSet } from '../../engine/packet/address-set.ts';
import type { HostNetwork, TerminalInformation } from '../../host/network.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import { type CompiledFilter, compileFilter } from '../filter/compile.ts';
import { namesOf } from '../filter/names.ts';
import type { UserFilter } from '../filter/user-filter.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import { AppliedComposition } from './applied.ts';
import {
  type Composition,
  gatewaysOf,
  translationSources,
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
  /** The rows that the firewall enforces are in it. */
  readonly firewallInForce: boolean;
  /** The link by which the gateways are reached; undefined as long as it is not known, and for a gateway. */
  readonly underlayInterface: string | undefined;
  readonly gateways: readonly IpAddress[];
}

/** What of it is one profile's. */
export interface TunnelPart {
  /** What should be protected. */
  readonly share: AddressSet;
  /** Of that, what no gateway carries. */
  readonly uncarried: readonly AddressRange[];
  /** Its destinations are shut on every other link. */
  readonly failClosed: boolean;
  /** What it protects enters the adapter, where it leaves sealed or not at all. */
  readonly routed: boolean;
}

/** A gateway's address that there is a way to, and that way. */
export interface ReachableGateway {
  readonly endpoint: Endpoint;
  readonly underlay: Underlay;
}

export class Tunnel {
  readonly #surroundings: TunnelSurroundings;
  readonly #contributions = new Map<string, StatedContribution>();
  #changes: Promise<void> = Promise.resolve();
  #session: TunnelSession | undefined;
  #role: 'client' | 'gateway' = 'client';
  readonly #applied: AppliedComposition;
  /** What an earlier service left shut stays so, although nothing here says it. */
  #keepsEarlier = false;
  #filter: CompiledFilter;
  #filterVersion = 0;
  /** Asked anew when something changed. */
  #terminal: Promise<TerminalInformation> | undefined;
  #latestTerminal: TerminalInformation | undefined;
  #preparedDataThread: ReturnType<SessionMachinery['prepareDataThread']> | undefined;
  #mtu: number | undefined;

  constructor(surroundings: TunnelSurroundings) {
    this.#surroundings = surroundings;
    this.#applied = new AppliedComposition(surroundings.host, () => surroundings.nameServers());
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
      firewallInForce: this.#applied.hasFirewall,
      underlayInterface: underlayOf(contributions)?.interfaceName,
      gateways: gatewaysOf(contributions).map(({ address }) => address),
    };
  }

  partOf(profile: string): TunnelPart {
    return {
      share: this.#filter.shares.get(profile) ?? new AddressSet(),
      uncarried: this.#contributions.get(profile)?.uncarried ?? [],
      failClosed: this.#applied.shut.has(profile),
      routed: this.#applied.routed.has(profile),
    };
  }

  /** What the names in filter rows stand for. */
  get names(): ReadonlyMap<string, readonly AddressRange[]> {
    const contributions = [...this.#contributions.values()];
    return namesOf(
      this.#latestTerminal,
      gatewaysOf(contributions),
      this.#surroundings.configuration.interfaceName,
      contributions.flatMap(({ virtualAddresses }) => virtualAddresses),
    );
  }

  /** Whom to ask for a gateway's address; `replaced`: the computer asks others now, inside the tunnel. */
  get nameServers(): { readonly servers: readonly string[]; readonly replaced: boolean } {
    return this.#applied.nameServers;
  }

  /** Loads what the next `open` needs, so that it is quick. */
  prepare(): void {
    const { machinery, secrets } = this.#surroundings;
    this.#preparedDataThread ??= machinery.prepareDataThread(secrets);
  }

  /**
   * States a connection's part before anything is done for it: whatever another one applies until then is right for
   * this one too.
   */
  announce(contribution: StatedContribution): void {
    this.#contributions.set(contribution.profile, contribution);
  }

  /** What an earlier service left shut is nobody's here: it stays until somebody says down. */
  keepEarlier(): void {
    this.#keepsEarlier = true;
  }

  /** The sockets that are open, or would be, are those of a client alone. */
  get isForClients(): boolean {
    return this.#session !== undefined && this.#role === 'client';
  }

  /**
   * Adapter and sockets; does nothing where they are open. A gateway's sockets serve clients beside it, not the other
   * way round: rejects where they are open for clients alone.
   */
  open(role: 'client' | 'gateway'): Promise<void> {
    this.#terminal = this.#surroundings.host.terminal();
    this.#terminal.catch(() => undefined);
    return this.#enqueue(async () => {
      if (this.#session !== undefined) {
        if (role === 'gateway' && this.#role === 'client')
          throw new Error('its sockets are those of a client');
        return;
      }
      this.prepare();
      const prepared = this.#preparedDataThread!;
      this.#preparedDataThread = undefined;
      const { configuration, secrets, machinery, listener } = this.#surroundings;
      const answers = [...this.#contributions.values()].some(({ gatewayRole }) => gatewayRole !== undefined);
      this.#role = role === 'gateway' || answers ? 'gateway' : 'client';
      const session = await TunnelSession.open(this.#role, configuration, secrets, prepared, machinery, {
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

  /** The profiles whose way to the gateway is no longer the one that the sockets use. */
  async underlaysChanged(): Promise<ReadonlySet<string>> {
    const { host, configuration } = this.#surroundings;
    const changed = new Set<string>();
    for (const { profile, gateway, underlay } of [...this.#contributions.values()]) {
      if (gateway === undefined || underlay === undefined) continue;
      const now = await host.routeTo(formatAddress(gateway.address), configuration.mark);
      if (now?.interfaceName !== underlay.interfaceName || now.source !== underlay.source)
        changed.add(profile);
    }
    return changed;
  }

  /** The service stops: names and routes are put back, what must stay shut stays shut. Rejects as `withdraw` does. */
  abandon(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#takeBackAll();
      // The user's rows hold while the service runs, as they do for what it lets through.
      if (this.#contributions.size === 0 && this.#applied.hasFirewall) await this.#applied.removeFailClosed();
    });
  }

  /** Somebody took back all that was applied; what is wanted without a connection is applied again. */
  applyAnew(): Promise<void> {
    this.#applied.forget();
    return this.refresh();
  }

  async #apply(): Promise<void> {
    const { host } = this.#surroundings;
    this.#terminal ??= host.terminal();
    const terminal = await this.#terminal;
    this.#latestTerminal = terminal;
    this.#compile();
    if (this.#contributions.size === 0) return this.#applyUserRows();
    this.#keepsEarlier = false;
    this.#mtu = tunnelMtu([...this.#contributions.values()]);
    await this.#applied.apply(this.#composition, this.#session, terminal);
  }

  /** Without a connection, what the user's rows discard is discarded all the same. */
  async #applyUserRows(): Promise<void> {
    if (this.#keepsEarlier) return;
    if (this.#filter.firewallRows.length > 0) await this.#applied.applyFirewall(this.#composition);
    else if (this.#applied.hasFirewall) await this.#applied.removeFailClosed();
  }

  get #composition(): Composition {
    const { configuration } = this.#surroundings;
    return { contributions: [...this.#contributions.values()], filter: this.#filter, configuration };
  }

  #compile(): void {
    this.#filterVersion += 1;
    const { interfaceName } = this.#surroundings.configuration;
    const contributions = [...this.#contributions.values()];
    this.#filter = compileFilter({
      version: this.#filterVersion,
      userRows: this.#surroundings.userFilter.rows,
      contributions: contributions.map((each) => withLocalNetwork(each, this.#latestTerminal, interfaceName)),
      names: this.names,
    });
  }

  async #close(): Promise<void> {
    this.#compile();
    const problems = await failuresOf([
      () => this.#takeBackAll(),
      async () => {
        this.#keepsEarlier = false;
        if (this.#filter.firewallRows.length > 0) await this.#applyUserRows();
        else await this.#applied.removeFailClosed();
      },
    ]);
    if (problems.length > 0) throw problems[0];
    this.#mtu = undefined;
    this.prepare();
  }

  /** All but what keeps protected destinations shut. One thing that fails does not keep the others from being done. */
  async #takeBackAll(): Promise<void> {
    const { host } = this.#surroundings;
    const problems = await failuresOf([
      () => this.#applied.removeDns(),
      () => host.removeTunnel(),
      async () => this.#session?.close(),
    ]);
    this.#sessionEnded();
    if (problems.length > 0) throw problems[0];
  }

  #sessionEnded(): void {
    this.#session = undefined;
    this.#applied.sessionEnded();
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
