// The network configuration of this computer on Windows: what is asked for is written to the journal, then made, and
// taken back from the journal by this process or a later one.
import { IpHelper, interfaceLuidOfName } from '../../../native/iphlpapi.ts';
import { systemAdapters } from '../../../native/iphlpapi-adapters.ts';
import { watchIpChanges } from '../../../native/iphlpapi-changes.ts';
import { parseAddress } from '../../engine/packet/address.ts';
import { dnsSteps, makeDns } from '../dns/win32.ts';
import { checkHost } from '../doctor/win32.ts';
import { Journal } from '../journal/journal.ts';
import { readRealRoutes } from '../link/way-win32.ts';
import type { ChangeMessage } from '../messages.ts';
import type {
  DnsConfiguration,
  FailClosedConfiguration,
  HostFinding,
  HostNetwork,
  TerminalInformation,
  TunnelConfiguration,
} from '../network.ts';
import { failClosedSteps, tunnelSteps } from '../routes/steps-win32.ts';
import { InterfaceMissingError, makeRouteSteps, setTunnelNumbers } from '../routes/win32.ts';
import { systemTimer } from '../terminal/timer.ts';
import { readRoute, readTerminal, watchTerminalChanges } from '../terminal/win32.ts';
import { groupsToUndo, JournalledChanges } from './journalled-changes.ts';
import type { HostNetworkOptions } from './options.ts';
import { undoOnWindows } from './undo-win32.ts';

/** See HostNetwork. Calls are carried out one after the other, in their order. */
export function openWindowsHostNetwork(options: HostNetworkOptions): HostNetwork {
  return new WindowsHostNetwork(options);
}

class WindowsHostNetwork implements HostNetwork {
  readonly #options: HostNetworkOptions;
  readonly #helper: IpHelper;
  readonly #journal: Journal;
  readonly #changes: JournalledChanges;
  /** Whose routes are not those of the real links. */
  #tunnelInterface: string | undefined;

  constructor(options: HostNetworkOptions) {
    this.#options = options;
    this.#helper = new IpHelper(options.ipHelperLibrary);
    this.#journal = new Journal(options.journal, options.boot ?? anyBoot);
    this.#changes = new JournalledChanges(
      this.#journal,
      undoOnWindows(this.#helper, () => this.#loopbackLuid()),
    );
  }

  applyFailClosed(configuration: FailClosedConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      this.#tunnelInterface = configuration.tunnelInterface;
      const steps = failClosedSteps(configuration, this.#realRoutes());
      await this.#changes.change('fail-closed', steps, () => {
        makeRouteSteps(this.#helper, steps, this.#loopbackLuid());
      });
    });
  }

  removeFailClosed(): Promise<void> {
    return this.#changes.enqueue(async () => void (await this.#changes.undo(['fail-closed'])));
  }

  applyTunnel(configuration: TunnelConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      const { interfaceName, mtu } = configuration;
      this.#tunnelInterface = interfaceName;
      const luid = interfaceLuidOfName(interfaceName);
      if (luid === undefined) throw new InterfaceMissingError(interfaceName);
      const steps = tunnelSteps(configuration);
      await this.#changes.change('tunnel', steps, () => {
        setTunnelNumbers(this.#helper, luid, mtu);
        makeRouteSteps(this.#helper, steps, this.#loopbackLuid());
      });
    });
  }

  removeTunnel(): Promise<void> {
    return this.#changes.enqueue(async () => void (await this.#changes.undo(['tunnel'])));
  }

  applyDns(configuration: DnsConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      const steps = dnsSteps(this.#helper, configuration);
      await this.#changes.change('dns', steps, () => makeDns(this.#helper, configuration, steps));
    });
  }

  removeDns(): Promise<void> {
    return this.#changes.enqueue(async () => void (await this.#changes.undo(['dns'])));
  }

  async readCounters(): Promise<ReadonlyMap<string, { packets: number; bytes: number }>> {
    return new Map();
  }

  async terminal(): Promise<TerminalInformation> {
    return readTerminal(this.#tunnelInterface);
  }

  watchTerminal(changed: () => void): { close(): void } {
    const watch = watchIpChanges(this.#options.ipHelperLibrary);
    return watchTerminalChanges(this.#options.timer ?? systemTimer, changed, watch);
  }

  async routeTo(
    address: string,
  ): Promise<{ interfaceName: string; source: string; mtu: number } | undefined> {
    const target = parseAddress(address);
    if (target === undefined) throw new RangeError(`"${address}" is no IP address.`);
    return readRoute(target, this.#tunnelInterface);
  }

  async check({ inUse }: { inUse: boolean }): Promise<readonly HostFinding[]> {
    return checkHost({ leftOver: inUse ? [] : this.#journal.outstanding() });
  }

  undo({ keepFailClosed }: { keepFailClosed: boolean }): Promise<readonly ChangeMessage[]> {
    return this.#changes.enqueue(() => this.#changes.undo(groupsToUndo(keepFailClosed)));
  }

  #realRoutes() {
    return readRealRoutes(this.#tunnelInterface);
  }

  #loopbackLuid(): bigint | undefined {
    return systemAdapters().find(({ loopback }) => loopback)?.luid;
  }
}

/** Nothing of ours is known to go with a restart (a fast start brings routes back), so that starts need not be told apart. */
const anyBoot = 'any';
