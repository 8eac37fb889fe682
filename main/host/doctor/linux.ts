// Whether this computer can do what is asked of it, and what an earlier process left behind.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { runCommand } from '../command/linux.ts';
import { type DnsPlaces, resolverMarker, usesResolved } from '../dns/linux.ts';
import type { JournalEntry } from '../journal/journal.ts';
import { describe } from '../network/undo-linux.ts';
import type { HostFinding } from '../network.ts';

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
  text: 'Lockdown is installed: at the next boot nothing leaves outside the tunnel, though no connection is wanted.',
  advice: 'Run `sealnic doctor --repair` to remove it.',
  repairable: true,
};

function good(code: string, text: string): HostFinding {
  return { code, severity: 'good', text, repairable: false };
}

function problem(code: string, text: string, advice: string, repairable = false): HostFinding {
  return { code, severity: 'problem', text, advice, repairable };
}

function checkTunDevice(): HostFinding {
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return good('tun-device', 'Virtual adapters can be made (/dev/net/tun).');
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    return problem(
      'tun-device',
      `Virtual adapters cannot be made: ${reason}.`,
      'Load the module (modprobe tun), or give the container /dev/net/tun.',
    );
  }
}

/** Bits 12 and 13 of the effective capabilities. */
function checkPrivileges(): HostFinding {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const needed = (1n << 12n) | (1n << 13n);
  return (BigInt(`0x${text}`) & needed) === needed
    ? good('privileges', 'The service may configure the network.')
    : problem(
        'privileges',
        'The service may not configure the network.',
        'Run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW.',
      );
}

async function checkTool(code: string, words: readonly string[], packageName: string): Promise<HostFinding> {
  try {
    const { exitCode, stderr } = await runCommand(words);
    if (exitCode === 0) return good(code, `The tool ${code} works.`);
    return problem(code, `The tool ${code} does not work: ${stderr.trim()}`, 'Is this run as root?');
  } catch {
    return problem(code, `The tool ${code} is missing.`, `Install the package ${packageName}.`);
  }
}

function checkReversePath(): HostFinding {
  const code = 'reverse-path-filter';
  const strict = readSetting('/proc/sys/net/ipv4/conf/all/rp_filter') === '1';
  const path = '/proc/sys/net/ipv4/conf/all/src_valid_mark';
  if (!strict || readSetting(path) === '1') return good(code, 'The reverse path filter lets the gateway in.');
  try {
    closeSync(openSync(path, 'r+'));
    return good(code, 'The reverse path filter is strict; while a tunnel is up it will honour our mark.');
  } catch {
    return problem(
      code,
      'The reverse path filter is strict and cannot be told to honour our mark.',
      `Write 1 into ${path}, or 2 into /proc/sys/net/ipv4/conf/all/rp_filter.`,
    );
  }
}

function checkResolver({ dns, leftOver }: CheckOptions): HostFinding {
  const code = 'resolver';
  if (usesResolved(dns)) return good(code, 'Name servers are set through systemd-resolved.');
  const ours = readSetting(dns.resolverPath)?.startsWith(resolverMarker) ?? false;
  const known = leftOver.some(({ step }) => step.kind === 'file');
  if (!ours || !known) return good(code, `Name servers are set in ${dns.resolverPath}.`);
  return problem(
    code,
    `${dns.resolverPath} still names the servers of a tunnel that is gone.`,
    'Run `sealnic doctor --repair`.',
    true,
  );
}

function checkJournal(leftOver: readonly JournalEntry[]): HostFinding {
  const code = 'leftover-changes';
  if (leftOver.length === 0) return good(code, 'Nothing is left of an earlier connection.');
  const [first, second] = leftOver.map(({ step }) => describe(step));
  const examples = [first, second].filter((text) => text !== undefined).join('; ');
  return problem(
    code,
    `An earlier connection left ${leftOver.length} changes behind: ${examples}${leftOver.length > 2 ? '; …' : ''}.`,
    'Run `sealnic doctor --repair`.',
    true,
  );
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
