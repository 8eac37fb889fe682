// What the tests against real peers need of the computer. A missing piece skips them loudly, and fails them in CI.
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Where Debian's strongSwan keeps its daemon. */
export const charonProgram = '/usr/lib/ipsec/charon';

const packageOfProgram: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  unshare: 'util-linux',
  python3: 'python3',
  dumpcap: 'wireshark-common (comes with tshark)',
  tshark: 'tshark',
  swanctl: 'strongswan-swanctl',
  pki: 'strongswan-pki',
  [charonProgram]: 'strongswan-charon',
  '/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so': 'libcharon-extra-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-eap-mschapv2.so': 'libcharon-extauth-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-chapoly.so': 'libstrongswan-extra-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-openssl.so': 'libstrongswan-standard-plugins',
  iperf3: 'iperf3',
  'wireguard-go': 'wireguard-go',
  wg: 'wireguard-tools',
  openvpn: 'openvpn',
};

const basics = ['ip', 'nft', 'ping', 'unshare', 'python3', 'dumpcap'];

export const strongSwanPrograms = [
  'swanctl',
  'pki',
  charonProgram,
  '/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so',
  '/usr/lib/ipsec/plugins/libstrongswan-eap-mschapv2.so',
  '/usr/lib/ipsec/plugins/libstrongswan-chapoly.so',
  '/usr/lib/ipsec/plugins/libstrongswan-openssl.so',
] as const;

/**
 * The `skip` option of a test: false where everything is there, else the reason. In CI nothing is skipped: there it
 * is false always, and the first use of the missing piece fails with its own message.
 */
export function skipUnless(programs: readonly string[] = strongSwanPrograms): false | string {
  const reason = whatIsMissing([...basics, ...programs]);
  if (reason === undefined || process.env.CI === 'true') return false;
  process.stderr.write(`SKIPPED, tests against real peers: ${reason}\n`);
  return reason;
}

/** A sentence that says what is missing, or undefined. */
export function whatIsMissing(programs: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!isReadable('/dev/net/tun')) return '/dev/net/tun is not there';
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return undefined;
  return `not installed: ${missing.map((program) => packageOfProgram[program] ?? program).join(', ')}`;
}

export function findProgram(program: string): string | undefined {
  if (program.startsWith('/')) return isReadable(program) ? program : undefined;
  const directories = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':');
  return directories.map((directory) => join(directory, program)).find(isExecutable);
}

function isReadable(path: string): boolean {
  return isAccessible(path, constants.R_OK);
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
