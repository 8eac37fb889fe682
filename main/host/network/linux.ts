// The network configuration of this computer on Linux: what is asked for is written to the journal, then made, and
// taken back from the journal by this process or a later one.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { formatAddress, parseAddress } from '../../engine/packet/address.ts';
import { resolverMarker, setResolvedLink, usesResolved, writeResolver } from '../dns/linux.ts';
import { checkHost } from '../doctor/linux.ts';
import { loadRuleset, readTableCounters } from '../firewall/linux.ts';
import { neighbourRulesetText, rulesetText } from '../firewall/ruleset-linux.ts';
import { captureFile } from '../journal/file-image.ts';
import { type FileImage, Journal, type UndoStep } from '../journal/journal.ts';
import { setLinkMtu } from '../link/linux.ts';
import { addressTowards } from '../link/source-linux.ts';
import { installLockdown, isLockdownInstalled, removeLockdown } from '../lockdown/linux.ts';
import type { ChangeMessage } from '../messages.ts';
import type {
  DnsConfiguration,
  FailClosedConfiguration,
  HostNetwork,
  TunnelConfiguration,
} from '../network.ts';
import { failClosedRoutes, type IpChange, makeIpChanges, tunnelRoutes } from '../routes/linux.ts';
import { readRoute, readTerminal, watchTerminalChanges } from '../terminal/linux.ts';
import { systemTimer } from '../terminal/timer.ts';
import { groupsToUndo, JournalledChanges } from './journalled-changes.ts';
import { localNetworks } from './local-network.ts';
import type { HostNetworkOptions } from './options.ts';
import { requirePrefix } from './prefixes.ts';
import { undoOnLinux } from './undo-linux.ts';

/** See HostNetwork. Calls are carried out one after the other, in their order. */
export function openLinuxHostNetwork(options: HostNetworkOptions): HostNetwork {
  return new LinuxHostNetwork(options);
}

class LinuxHostNetwork implements HostNetwork {
  readonly #options: HostNetworkOptions;
  readonly #journal: Journal;
  readonly #changes: JournalledChanges;
  #tableName: string | undefined;

  constructor(options: HostNetworkOptions) {
    this.#options = options;
    this.#journal = new Journal(options.journal, options.boot ?? currentBoot());
    this.#changes = new JournalledChanges(this.#journal, undoOnLinux(this.#dnsPlaces));
    this.#tableName = this.#journal
      .outstanding('fail-closed')
      .map(({ step }) => (step.kind === 'firewall-table' ? step.name : undefined))
      .find((name) => name !== undefined);
  }

  applyFailClosed(configuration: FailClosedConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      await this.#changes.settleEarlierBoots();
      const local = configuration.allowLocalNetwork ? this.#localNetworks(configuration) : [];
      const ruleset = rulesetText(configuration, local);
      const neighbours = neighbourRulesetText(configuration);
      const routes = usable(failClosedRoutes(configuration, local));
      this.#tableName = configuration.tableName;
      await this.#changes.change(
        'fail-closed',
        [
          ...this.#sourceValidation(),
          { kind: 'firewall-table', family: 'inet', name: configuration.tableName },
          { kind: 'firewall-table', family: 'arp', name: configuration.tableName },
          ...routes.map(undoOf),
        ],
        async () => {
          honourMarks();
          await Promise.all([loadRuleset(ruleset, neighbours), makeIpChanges(routes)]);
        },
      );
      const { lockdown } = configuration;
      if (lockdown === undefined) this.#removeLockdown();
      else {
        const atBoot = {
          ...configuration,
          protectedPrefixes: lockdown,
          tappedPrefixes: [],
          passages: [],
          nameServersForEveryoneUntil: undefined,
        };
        installLockdown(this.#lockdownPlaces, rulesetText(atBoot, local));
      }
    });
  }

  removeFailClosed(): Promise<void> {
    return this.#changes.enqueue(async () => {
      await this.#changes.undo(['fail-closed']);
      this.#removeLockdown();
    });
  }

  applyTunnel(configuration: TunnelConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      await this.#changes.settleEarlierBoots();
      const routes = usable(tunnelRoutes(configuration, (prefix) => realSource(prefix, configuration.mark)));
      const steps = [...this.#sourceValidation(), ...routes.map(undoOf)];
      const taken = await this.#changes.change('tunnel', steps, async () => {
        honourMarks();
        prepareAdapter(configuration);
        await makeIpChanges(routes);
      });
      // With a link's last IPv4 address go all its routes, whatever their source.
      if (taken.some((step) => step.kind === 'ip' && step.line.startsWith('addr del'))) {
        await makeIpChanges(routes);
      }
    });
  }

  removeTunnel(): Promise<void> {
    return this.#changes.enqueue(async () => void (await this.#changes.undo(['tunnel'])));
  }

  applyDns(configuration: DnsConfiguration): Promise<void> {
    return this.#changes.enqueue(async () => {
      await this.#changes.settleEarlierBoots();
      if (usesResolved(this.#dnsPlaces)) {
        const { interfaceName } = configuration;
        await this.#changes.change('dns', [{ kind: 'resolved-link', interfaceName }], () =>
          setResolvedLink(this.#dnsPlaces, configuration),
        );
        return;
      }
      const path = this.#dnsPlaces.resolverPath;
      const before = this.#imageBefore(path);
      await this.#changes.change('dns', [{ kind: 'file', path, before, marker: resolverMarker }], async () =>
        writeResolver(path, configuration, before),
      );
    });
  }

  removeDns(): Promise<void> {
    return this.#changes.enqueue(async () => void (await this.#changes.undo(['dns'])));
  }

  async readCounters(): Promise<ReadonlyMap<string, { packets: number; bytes: number }>> {
    return this.#tableName === undefined ? new Map() : await readTableCounters(this.#tableName);
  }

  terminal() {
    return readTerminal();
  }

  watchTerminal(changed: () => void): { close(): void } {
    return watchTerminalChanges(this.#options.timer ?? systemTimer, changed);
  }

  routeTo(address: string, mark: number) {
    return readRoute(address, mark);
  }

  check({ inUse }: { inUse: boolean }) {
    return checkHost({
      leftOver: inUse ? [] : this.#journal.outstanding(),
      dns: this.#dnsPlaces,
      lockdownLeft: !inUse && isLockdownInstalled(this.#lockdownPlaces),
    });
  }

  undo({ keepFailClosed }: { keepFailClosed: boolean }): Promise<readonly ChangeMessage[]> {
    return this.#changes.enqueue(async () => {
      const undone = await this.#changes.undo(groupsToUndo(keepFailClosed));
      return keepFailClosed || !this.#removeLockdown() ? undone : [...undone, { code: 'change-lockdown' }];
    });
  }

  /** The file as it was before our first change to it; someone else's newer content counts as the original. */
  #imageBefore(path: string): FileImage {
    const now = captureFile(path);
    const known = this.#journal
      .outstanding('dns')
      .find(({ step, boot }) => step.kind === 'file' && step.path === path && boot === this.#journal.boot);
    if (known?.step.kind !== 'file') return now;
    const ours =
      now.type === 'file' &&
      Buffer.from(now.contentBase64, 'base64').toString().startsWith(known.step.marker);
    if (ours) return known.step.before;
    this.#journal.finish([known.id]);
    return now;
  }

  /** The step that an apply before took, so that the original value stays known; else one where a change is due. */
  #sourceValidation(): UndoStep[] {
    const known = this.#journal
      .outstanding()
      .find(({ step }) => step.kind === 'kernel-setting' && step.path === sourceValidMark);
    if (known) return [known.step];
    const value = readSetting(sourceValidMark);
    return value === '0' ? [{ kind: 'kernel-setting', path: sourceValidMark, value }] : [];
  }

  #localNetworks({ tunnelInterface, protectedPrefixes }: FailClosedConfiguration): string[] {
    const addresses = Object.entries(networkInterfaces())
      .filter(([name]) => name !== tunnelInterface)
      .flatMap(([, entries]) => entries ?? [])
      .filter(({ internal }) => !internal)
      .flatMap(({ cidr }) => (cidr === null ? [] : [cidr]));
    return localNetworks(addresses, protectedPrefixes);
  }

  #removeLockdown(): boolean {
    if (!isLockdownInstalled(this.#lockdownPlaces)) return false;
    removeLockdown(this.#lockdownPlaces);
    return true;
  }

  get #lockdownPlaces() {
    return {
      configurationDirectory: this.#options.lockdownDirectory ?? '/etc/sealnic',
      unitDirectory: this.#options.unitDirectory ?? '/etc/systemd/system',
      unitName: 'sealnic-lockdown.service',
    };
  }

  get #dnsPlaces() {
    return {
      resolverPath: this.#options.resolverPath ?? '/etc/resolv.conf',
      resolvedDirectory: this.#options.resolvedDirectory ?? '/run/systemd/resolve',
      resolvedCommand: this.#options.resolvedCommand ?? 'resolvectl',
    };
  }
}

/** With it, the reverse path filter looks for the route of the mark that an inbound packet was given. */
const sourceValidMark = '/proc/sys/net/ipv4/conf/all/src_valid_mark';

function honourMarks(): void {
  try {
    if (readSetting(sourceValidMark) === '0') writeFileSync(sourceValidMark, '1');
  } catch {
    // Read-only in some containers; it matters only with a strict reverse path filter, and `check` tells.
  }
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function prepareAdapter({ interfaceName, mtu, addresses }: TunnelConfiguration): void {
  setLinkMtu(interfaceName, mtu);
  if (!addresses.some((text) => text.includes(':'))) return;
  const disabled = `/proc/sys/net/ipv6/conf/${interfaceName}/disable_ipv6`;
  if (readSetting(disabled) === '1') writeFileSync(disabled, '0');
}

/** Nothing of IPv6 where the system was started without it. */
function usable(changes: readonly IpChange[]): IpChange[] {
  const inet6 = existsSync('/proc/net/if_inet6');
  return changes.filter(({ family }) => family === 4 || inet6);
}

function undoOf({ family, undo }: IpChange): UndoStep {
  return { kind: 'ip', family, line: undo };
}

function realSource(prefix: string, mark: number): string | undefined {
  const { address } = requirePrefix(prefix);
  // "Everything" has no first address of its own: any address on the Internet stands for it.
  const everything = address.bytes.every((byte) => byte === 0);
  const target = everything ? (address.family === 4 ? '1.0.0.1' : '2000::1') : formatAddress(address);
  try {
    const bytes = addressTowards(parseAddress(target)!.bytes, mark);
    return formatAddress({ family: address.family, bytes });
  } catch {
    return undefined;
  }
}

function currentBoot(): string {
  return readSetting('/proc/sys/kernel/random/boot_id') ?? 'unknown';
}
