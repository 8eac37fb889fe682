// What of a composition is in force on the computer: applies the difference to the host network, and knows what of it
// can still be counted on.
import { formatAddress, formatPrefix, type IpAddress } from '../../engine/packet/address.ts';
import type { DataPlane } from '../../engine/path/data-plane.ts';
import type { HostNetwork, TerminalInformation } from '../../host/network.ts';
import {
  type Composition,
  dnsConfiguration,
  failClosedConfiguration,
  isRouted,
  translationSources,
  tunnelConfiguration,
  tunnelMtu,
  underlayLinks,
} from './composition.ts';
import type { TunnelSession } from './session.ts';

/** What was applied last, as text; absent where nothing is. */
interface Applied {
  /** The profiles whose prefixes it drops. */
  failClosed?: { readonly text: string; readonly profiles: ReadonlySet<string> };
  tunnel?: { readonly text: string; readonly profiles: ReadonlySet<string> };
  dns?: string;
  bypass?: string;
}

/** Stands for something applied that no wish equals. */
const unknown = 'unknown';
const nobody: ReadonlySet<string> = new Set();

export class AppliedComposition {
  readonly #host: HostNetwork;
  readonly #nameServers: () => readonly string[];
  /** Replaced when the session ends, so that what is still under way for the old one is not taken for the new one's. */
  #applied: Applied = {};
  /** What the computer asked before its resolvers were changed: needed to find the gateway again by its name. */
  #resolvers: readonly string[] = [];

  constructor(host: HostNetwork, nameServers: () => readonly string[]) {
    this.#host = host;
    this.#nameServers = nameServers;
  }

  /** Protected destinations of these profiles are shut on every other link. */
  get shut(): ReadonlySet<string> {
    return this.#applied.failClosed?.profiles ?? nobody;
  }
  /** What these profiles protect enters the adapter, where it leaves sealed or not at all. */
  get routed(): ReadonlySet<string> {
    return this.#applied.tunnel?.profiles ?? nobody;
  }
  /** The firewall's table stands, if only for the user's rows. */
  get hasFirewall(): boolean {
    return this.#applied.failClosed !== undefined;
  }
  /** Whom to ask for a gateway's address; `replaced`: the computer asks others now, inside the tunnel. */
  get nameServers(): { readonly servers: readonly string[]; readonly replaced: boolean } {
    const replaced = this.#applied.dns !== undefined;
    return { servers: replaced ? this.#resolvers : this.#nameServers(), replaced };
  }

  /** What is protected is shut first. Rejects where something could not be made; the next call makes it anew. */
  async apply(
    composition: Composition,
    session: TunnelSession | undefined,
    terminal: TerminalInformation,
  ): Promise<void> {
    const translation = translationSources(composition.contributions, terminal);
    const mtu = tunnelMtu(composition.contributions);
    const data: DataPlane | undefined = session?.data;
    data?.setPolicy(composition.filter.table);
    data?.setTranslation(translation);
    data?.setTunnelMtu(mtu);
    await this.#applyFailClosed(composition, session);
    // A link's new address is a new source for what is routed into the adapter and bypassed.
    const linkAddresses = [translation.link4, translation.link6];
    await Promise.all([
      this.#applyTunnel(composition, session, mtu, terminal, linkAddresses),
      this.#applyDns(composition, session),
    ]);
    await this.#applyBypass(composition, session, terminal);
  }

  /** What the firewall alone enforces. */
  applyFirewall(composition: Composition): Promise<void> {
    return this.#applyFailClosed(composition, undefined);
  }

  async removeFailClosed(): Promise<void> {
    await this.#host.removeFailClosed();
    delete this.#applied.failClosed;
  }

  async removeDns(): Promise<void> {
    await this.#host.removeDns();
    delete this.#applied.dns;
  }

  /** Adapter and sockets are gone, and what was set on them. What keeps shut is not, nor a file of resolvers. */
  sessionEnded(): void {
    const { failClosed, dns } = this.#applied;
    this.#applied = {
      ...(failClosed && { failClosed }),
      ...(dns !== undefined && { dns: unknown }),
    };
  }

  /** Somebody took back what was applied. */
  forget(): void {
    this.#applied = {};
  }

  async #applyFailClosed(composition: Composition, session: TunnelSession | undefined): Promise<void> {
    const applied = this.#applied;
    if (applied.dns === undefined) this.#resolvers = this.#nameServers();
    const localPorts = session?.data.information.localPorts;
    const wanted = failClosedConfiguration(composition, localPorts, this.#resolvers);
    const text = JSON.stringify(wanted);
    if (applied.failClosed?.text === text) return;
    delete applied.failClosed;
    await this.#host.applyFailClosed(wanted);
    applied.failClosed = { text, profiles: profilesWith(composition, ({ failClosed }) => failClosed) };
  }

  async #applyTunnel(
    composition: Composition,
    session: TunnelSession | undefined,
    mtu: number,
    terminal: TerminalInformation,
    linkAddresses: readonly (IpAddress | undefined)[],
  ): Promise<void> {
    const applied = this.#applied;
    const wanted = session && tunnelConfiguration(composition, mtu, terminal);
    const text = wanted && JSON.stringify([wanted, linkAddresses.map((each) => each && formatAddress(each))]);
    if (applied.tunnel?.text === text) return;
    const former = applied.tunnel?.profiles ?? nobody;
    if (wanted === undefined || text === undefined) {
      await this.#host.removeTunnel();
      delete applied.tunnel;
      return;
    }
    const profiles = profilesWith(composition, ({ routed }) => routed);
    // Where it fails halfway, neither the old nor the new one can be counted on: the next try makes it anew.
    applied.tunnel = { text: unknown, profiles: former };
    await this.#host.applyTunnel(wanted);
    applied.tunnel = { text, profiles };
  }

  async #applyDns(composition: Composition, session: TunnelSession | undefined): Promise<void> {
    const wanted = session && dnsConfiguration(composition);
    await this.#change(
      'dns',
      wanted && JSON.stringify(wanted),
      () => this.#host.applyDns(wanted!),
      () => this.#host.removeDns(),
    );
  }

  async #applyBypass(
    composition: Composition,
    session: TunnelSession | undefined,
    terminal: TerminalInformation,
  ): Promise<void> {
    const { contributions, filter, configuration } = composition;
    const names = underlayLinks(contributions, terminal);
    if (session === undefined || names.length === 0) return;
    const { data } = session;
    const common = { mark: configuration.mark, excludedPorts: data.information.localPorts };
    const prefixes = filter.routed.map(({ address, length }) => ({ ...address, length }));
    const links = names.map((interfaceName) => ({ interfaceName, ...common, prefixes }));
    const text = JSON.stringify([names, common, filter.routed.map(formatPrefix)]);
    await this.#change(
      'bypass',
      isRouted(composition) ? text : undefined,
      async () => data.setBypassLinks(links),
      async () => data.setBypassLinks([]),
    );
  }

  async #change(
    what: 'dns' | 'bypass',
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
    applied[what] = unknown;
    await apply();
    applied[what] = wanted;
  }
}

/** Those that are so and protect something. */
function profilesWith(
  { contributions, filter }: Composition,
  is: (contribution: Composition['contributions'][number]) => boolean,
): ReadonlySet<string> {
  return new Set(
    contributions
      .filter(
        (contribution) => is(contribution) && filter.shares.get(contribution.profile)?.isEmpty === false,
      )
      .map(({ profile }) => profile),
  );
}
