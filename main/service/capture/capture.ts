// A capture: what passes the adapter (clear) or the network below (sealed), as pcapng, for as long as the tunnel is open.
// Keys never are part of it.
import { ControlError } from '../../control/failure.ts';
import type { CaptureSink, RunningCapture } from '../../control/service-api.ts';
import { formatAddress, type IpAddress } from '../../engine/packet/address.ts';
import type { CaptureTap, OpenCaptureTap, TappedPacket, WireFilter } from '../../host/capture/contract.ts';
import { loadOpenCaptureTap } from '../../host/capture/index.ts';
import type { HostNetwork } from '../../host/network.ts';
import {
  enhancedPacket,
  interfaceDescription,
  interfaceStatistics,
  linkType,
  sectionHeader,
  type Timestamp,
} from './pcapng.ts';

export interface CaptureParameters {
  readonly side: 'adapter' | 'wire';
  /** Bytes kept of each packet at most. */
  readonly snapLength: number;
}

/** What a capture needs to know of the service; Tunnel and ConnectionManager have it. */
export interface CaptureSurroundings {
  readonly version: string;
  readonly host: Pick<HostNetwork, 'terminal' | 'watchTerminal'>;
  readonly tunnel: {
    readonly session: CapturedSession | undefined;
    readonly state: {
      readonly underlayInterface: string | undefined;
      readonly gateways: readonly IpAddress[];
    };
  };
  readonly connections: {
    onChange(changed: () => void): { close(): void };
    readonly gateways: readonly {
      readonly peers: readonly {
        readonly details?: { readonly remote: { readonly address: IpAddress } } | undefined;
      }[];
    }[];
  };
}

interface CapturedSession {
  readonly data: {
    readonly information: { readonly interfaceName: string; readonly localPorts: readonly number[] };
  };
}

/**
 * Starts a capture that writes to the sink until it is stopped, the tunnel closes or the adapter is lost. Throws
 * ControlError not-connected (no tunnel is open) and not-supported; SystemCallError where the system refuses.
 */
export async function startCapture(
  surroundings: CaptureSurroundings,
  parameters: CaptureParameters,
  sink: CaptureSink,
): Promise<RunningCapture> {
  const openTap = await loadOpenCaptureTap();
  if (openTap === undefined) throw new ControlError({ code: 'not-supported', feature: 'capture' });
  return Capture.start(surroundings, parameters, sink, openTap);
}

/** One link that is looked at. */
interface Link {
  readonly name: string;
  readonly tap: CaptureTap;
  /** Number in the file; undefined until the client had room for its description. */
  interfaceId: number | undefined;
  filter: string;
}

export class Capture implements RunningCapture {
  readonly #surroundings: CaptureSurroundings;
  readonly #parameters: CaptureParameters;
  readonly #sink: CaptureSink;
  readonly #openTap: OpenCaptureTap;
  readonly #session: CapturedSession;
  readonly #links = new Map<string, Link>();
  readonly #watches: { close(): void }[] = [];
  #sectionBegun = false;
  #interfaces = 0;
  #missedPackets = 0;
  #following = false;
  #changedMeanwhile = false;
  #over = false;

  static async start(
    surroundings: CaptureSurroundings,
    parameters: CaptureParameters,
    sink: CaptureSink,
    openTap: OpenCaptureTap,
  ): Promise<Capture> {
    const { session } = surroundings.tunnel;
    if (session === undefined) throw notConnected();
    const capture = new Capture(surroundings, parameters, sink, openTap, session);
    try {
      await capture.#follow();
      if (surroundings.tunnel.session !== session) throw notConnected();
    } catch (error) {
      capture.#release();
      throw error;
    }
    capture.#watch();
    return capture;
  }

  private constructor(
    surroundings: CaptureSurroundings,
    parameters: CaptureParameters,
    sink: CaptureSink,
    openTap: OpenCaptureTap,
    session: CapturedSession,
  ) {
    this.#surroundings = surroundings;
    this.#parameters = parameters;
    this.#sink = sink;
    this.#openTap = openTap;
    this.#session = session;
  }

  stop(): void {
    this.#finish(undefined);
  }

  #watch(): void {
    const { connections, host } = this.#surroundings;
    const changed = () => this.#changed();
    this.#watches.push(connections.onChange(changed), host.watchTerminal(changed));
  }

  /** One pass at a time; what changes during one is seen by the next. */
  #changed(): void {
    if (this.#over) return;
    if (this.#surroundings.tunnel.session !== this.#session) {
      this.#finish('the tunnel was closed');
      return;
    }
    if (this.#following) {
      this.#changedMeanwhile = true;
      return;
    }
    this.#following = true;
    this.#follow()
      // A link that went away between the look and the opening: the next change tells.
      .catch(() => undefined)
      .finally(() => {
        this.#following = false;
        if (!this.#changedMeanwhile) return;
        this.#changedMeanwhile = false;
        this.#changed();
      });
  }

  /** Looks at the links that matter now, and at no others. */
  async #follow(): Promise<void> {
    const names = await this.#wantedLinks();
    if (this.#over) return;
    for (const link of [...this.#links.values()]) if (!names.includes(link.name)) this.#leave(link);
    const filter = this.#wantedFilter();
    const filterText = JSON.stringify(filter && [filter.ports, filter.remotes.map((bytes) => [...bytes])]);
    for (const name of names) {
      const link = this.#links.get(name);
      if (link === undefined) {
        this.#look(name, filter, filterText ?? '');
      } else if (filter !== undefined && link.filter !== filterText) {
        link.tap.setFilter(filter);
        link.filter = filterText;
      }
    }
  }

  /** The adapter; or the link towards the gateway; or, where we are the gateway, every real link. */
  async #wantedLinks(): Promise<readonly string[]> {
    const { interfaceName } = this.#session.data.information;
    if (this.#parameters.side === 'adapter') return [interfaceName];
    const { underlayInterface } = this.#surroundings.tunnel.state;
    if (underlayInterface !== undefined) return [underlayInterface];
    const { links } = await this.#surroundings.host.terminal();
    return links
      .filter(({ name, up, loopback }) => up && !loopback && name !== interfaceName)
      .map(({ name }) => name);
  }

  #wantedFilter(): WireFilter | undefined {
    if (this.#parameters.side === 'adapter') return undefined;
    const { tunnel, connections } = this.#surroundings;
    const peers = connections.gateways.flatMap((gateway) =>
      gateway.peers.flatMap(({ details }) => (details === undefined ? [] : [details.remote.address])),
    );
    const remotes = [...tunnel.state.gateways, ...peers];
    const distinct = new Map(remotes.map((address) => [formatAddress(address), address.bytes]));
    const { localPorts } = this.#session.data.information;
    return { ports: [...new Set(localPorts)], remotes: [...distinct.values()] };
  }

  #look(name: string, filter: WireFilter | undefined, filterText: string): void {
    const tap = this.#openTap(
      { interfaceName: name, ...(filter !== undefined && { filter }) },
      {
        packet: (packet) => this.#packet(link, packet),
        ended: () => {
          this.#leave(link);
          if (this.#parameters.side === 'adapter') this.#finish('the adapter is gone');
        },
      },
    );
    const link: Link = { name, tap, interfaceId: undefined, filter: filterText };
    this.#links.set(name, link);
    this.#announce(link);
  }

  #packet(link: Link, { bytes, originalLength, direction, timestamp }: TappedPacket): void {
    const interfaceId = link.interfaceId ?? this.#announce(link);
    if (interfaceId === undefined) return;
    const { snapLength } = this.#parameters;
    this.#sink.write(
      enhancedPacket({ interfaceId, timestamp, direction, bytes, originalLength, snapLength }),
    );
  }

  /** A packet whose interface is not described cannot be read: the description goes first, or nothing does. */
  #announce(link: Link): number | undefined {
    if (!this.#sectionBegun) {
      this.#sectionBegun = this.#sink.write(sectionHeader(`SealNIC ${this.#surroundings.version}`));
    }
    if (!this.#sectionBegun) return undefined;
    const { snapLength } = this.#parameters;
    const description = { linkType: linkType[link.tap.link], snapLength, name: link.name };
    if (!this.#sink.write(interfaceDescription(description))) return undefined;
    link.interfaceId = this.#interfaces;
    this.#interfaces += 1;
    return link.interfaceId;
  }

  #leave(link: Link): void {
    if (!this.#links.delete(link.name)) return;
    link.tap.close();
    const { missedPackets } = link.tap;
    this.#missedPackets += missedPackets;
    if (link.interfaceId === undefined) return;
    this.#sink.write(interfaceStatistics(link.interfaceId, timestampNow(), missedPackets));
  }

  #finish(detail: string | undefined): void {
    if (this.#over) return;
    this.#release();
    this.#sink.end(detail, this.#missedPackets);
  }

  #release(): void {
    this.#over = true;
    for (const watch of this.#watches.splice(0)) watch.close();
    for (const link of [...this.#links.values()]) this.#leave(link);
  }
}

/** No profile is meant in particular. */
function notConnected(): ControlError {
  return new ControlError({ code: 'not-connected', profile: '' });
}

function timestampNow(): Timestamp {
  const now = Date.now();
  return { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 };
}
