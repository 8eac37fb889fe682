// Whether this computer can do what is asked of it, and what an earlier process left behind.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { runCommand } from '../command/linux.ts';
import { type DnsPlaces, resolverMarker, usesResolved } from '../dns/linux.ts';
import type { JournalEntry } from '../journal/journal.ts';
import type { HostFinding } from '../network.ts';
import { checkJournal, good, problem, repairable } from './findings.ts';

export interface CheckOptions {
  /** Changes that nobody wants any more. */
  readonly leftOver: readonly JournalEntry[];
  readonly dns: DnsPlaces;
  /** Lockdown is installed and no connection is wanted. */
  readonly lockdownLeft: boolean;
}

export async function checkHost(options: CheckOptions): Promise<readonly HostFinding[]> {
  const [ip, nft] = await Promise.all([
    checkTool('ip', ['ip', '-V'], 'iproute2'),
    checkTool('nft', ['nft', '-j', 'list', 'tables'], 'nftables'),
  ]);
  return [
    checkTunDevice(),
    checkPrivileges(),
    ip,
    nft,
    checkReversePath(),
    checkResolver(options),
    checkJournal(options.leftOver),
    ...(options.lockdownLeft ? [lockdownFinding] : []),
  ];
}

const lockdownFinding: HostFinding = {
  code: 'lockdown',
  severity: 'warning',
  message: { code: 'lockdown-left' },
  repairable: true,
};

function checkTunDevice(): HostFinding {
  const code = 'tun-device';
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return good(code, { code: 'tun-device-works' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    return problem(code, { code: 'tun-device-missing', reason }, { code: 'load-tun-module' });
  }
}

/** Bits 12 and 13 of the effective capabilities. */
function checkPrivileges(): HostFinding {
  const code = 'privileges';
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const needed = (1n << 12n) | (1n << 13n);
  return (BigInt(`0x${text}`) & needed) === needed
    ? good(code, { code: 'privileges-suffice' })
    : problem(code, { code: 'privileges-missing' }, { code: 'give-privileges' });
}

async function checkTool(tool: string, words: readonly string[], packageName: string): Promise<HostFinding> {
  try {
    const { exitCode, stderr } = await runCommand(words);
    if (exitCode === 0) return good(tool, { code: 'tool-works', tool });
    return problem(tool, { code: 'tool-fails', tool, reason: stderr.trim() }, { code: 'run-as-root' });
  } catch {
    return problem(tool, { code: 'tool-missing', tool }, { code: 'install-package', package: packageName });
  }
}

function checkReversePath(): HostFinding {
  const code = 'reverse-path-filter';
  const filter = '/proc/sys/net/ipv4/conf/all/rp_filter';
  const path = '/proc/sys/net/ipv4/conf/all/src_valid_mark';
  if (readSetting(filter) !== '1' || readSetting(path) === '1') {
    return good(code, { code: 'reverse-path-open' });
  }
  try {
    closeSync(openSync(path, 'r+'));
    return good(code, { code: 'reverse-path-marked' });
  } catch {
    return problem(code, { code: 'reverse-path-strict' }, { code: 'loosen-reverse-path', path, filter });
  }
}

function checkResolver({ dns, leftOver }: CheckOptions): HostFinding {
  const code = 'resolver';
  if (usesResolved(dns)) return good(code, { code: 'resolver-systemd' });
  const path = dns.resolverPath;
  const ours = readSetting(path)?.startsWith(resolverMarker) ?? false;
  const known = leftOver.some(({ step }) => step.kind === 'file');
  return ours && known
    ? repairable(code, { code: 'resolver-stale', path })
    : good(code, { code: 'resolver-file', path });
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
