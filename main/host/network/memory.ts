// A network configuration that changes nothing and remembers what was asked of it, for tests of the service.
import type { ChangeMessage } from '../messages.ts';
import type {
  DnsConfiguration,
  FailClosedConfiguration,
  HostFinding,
  HostNetwork,
  TerminalInformation,
  TunnelConfiguration,
} from '../network.ts';

export type MemoryCall =
  | { readonly name: 'applyFailClosed'; readonly configuration: FailClosedConfiguration }
  | { readonly name: 'applyTunnel'; readonly configuration: TunnelConfiguration }
  | { readonly name: 'applyDns'; readonly configuration: DnsConfiguration }
  | { readonly name: 'removeFailClosed' | 'removeTunnel' | 'removeDns' }
  | { readonly name: 'undo'; readonly keepFailClosed: boolean };

export class MemoryHostNetwork implements HostNetwork {
  /** Every change in its order. */
  readonly calls: MemoryCall[] = [];
  /** What is in force now. */
  failClosed: FailClosedConfiguration | undefined;
  tunnel: TunnelConfiguration | undefined;
  dns: DnsConfiguration | undefined;
  /** What it answers; tests set them. */
  information: TerminalInformation = laptop;
  route: { interfaceName: string; source: string; mtu: number } | undefined = {
    interfaceName: 'eth0',
    source: '192.0.2.10',
    mtu: 1500,
  };
  findings: readonly HostFinding[] = [];
  readonly counters = new Map<string, { packets: number; bytes: number }>();
  /** The next change whose name is a key fails with that error, once. */
  readonly failures = new Map<MemoryCall['name'], Error>();
  readonly #watchers = new Set<() => void>();

  async applyFailClosed(configuration: FailClosedConfiguration): Promise<void> {
    this.#record({ name: 'applyFailClosed', configuration });
    this.failClosed = configuration;
  }

  async removeFailClosed(): Promise<void> {
    this.#record({ name: 'removeFailClosed' });
    this.failClosed = undefined;
  }

  async applyTunnel(configuration: TunnelConfiguration): Promise<void> {
    this.#record({ name: 'applyTunnel', configuration });
    this.tunnel = configuration;
  }

  async removeTunnel(): Promise<void> {
    this.#record({ name: 'removeTunnel' });
    this.tunnel = undefined;
  }

  async applyDns(configuration: DnsConfiguration): Promise<void> {
    this.#record({ name: 'applyDns', configuration });
    this.dns = configuration;
  }

  async removeDns(): Promise<void> {
    this.#record({ name: 'removeDns' });
    this.dns = undefined;
  }

  async readCounters(): Promise<ReadonlyMap<string, { packets: number; bytes: number }>> {
    return new Map(this.counters);
  }

  async terminal(): Promise<TerminalInformation> {
    return this.information;
  }

  watchTerminal(changed: () => void): { close(): void } {
    this.#watchers.add(changed);
    return { close: () => this.#watchers.delete(changed) };
  }

  /** As if a link, an address or a route had changed. */
  changeTerminal(information: TerminalInformation): void {
    this.information = information;
    for (const changed of [...this.#watchers]) changed();
  }

  async routeTo(
    _address: string,
  ): Promise<{ interfaceName: string; source: string; mtu: number } | undefined> {
    return this.route;
  }

  async check(): Promise<readonly HostFinding[]> {
    return this.findings;
  }

  async undo({ keepFailClosed }: { keepFailClosed: boolean }): Promise<readonly ChangeMessage[]> {
    this.#record({ name: 'undo', keepFailClosed });
    this.tunnel = undefined;
    this.dns = undefined;
    if (!keepFailClosed) this.failClosed = undefined;
    return [];
  }

  #record(call: MemoryCall): void {
    const failure = this.failures.get(call.name);
    this.failures.delete(call.name);
    if (failure) throw failure;
    this.calls.push(call);
  }
}

const laptop: TerminalInformation = {
  hostName: 'laptop',
  links: [
    {
      name: 'lo',
      index: 1,
      mtu: 65_536,
      up: true,
      loopback: true,
      hardwareAddress: undefined,
      addresses: ['127.0.0.1/8', '::1/128'],
    },
    {
      name: 'eth0',
      index: 2,
      mtu: 1500,
      up: true,
      loopback: false,
      hardwareAddress: '02:00:00:00:00:01',
      addresses: ['192.0.2.10/24'],
    },
  ],
  defaultLink4: 'eth0',
  defaultLink6: undefined,
};
