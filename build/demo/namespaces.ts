// Namespaces for the demo: whether this system gives us any, and a fresh start of the demo inside them.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';

export type Isolation =
  | { readonly possible: true; readonly words: readonly string[] }
  | { readonly possible: false; readonly why: string };

/** The words that put a command into mount and network namespaces of its own, as root or in a user namespace. */
export function findIsolation(): Isolation {
  const root = process.getuid?.() === 0;
  const candidates = [
    ...(root ? [['unshare', '--mount', '--net']] : []),
    ['unshare', '--user', '--map-root-user', '--mount', '--net'],
  ];
  let why = '';
  for (const words of candidates) {
    // What the demo needs is tried out, not asked for: a network namespace with a wire and a virtual adapter in it.
    const trial =
      'mount -t tmpfs tmpfs /run && ip netns add trial && ip link add trial0 type veth peer name trial1 && ip tuntap add trial2 mode tun';
    const { status, stderr, error } = spawnSync(words[0]!, [...words.slice(1), 'sh', '-ec', trial], {
      encoding: 'utf8',
    });
    if (status === 0) return { possible: true, words };
    why = error?.message ?? stderr.trim().split('\n').at(-1) ?? `code ${status}`;
  }
  return { possible: false, why };
}

/** Runs the script there with this Node and resolves to its exit code. */
export function runIsolated(
  words: readonly string[],
  script: string,
  scriptArguments: readonly string[],
): Promise<number> {
  const child = spawn(words[0]!, [...words.slice(1), process.execPath, script, ...scriptArguments], {
    stdio: 'inherit',
  });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward).on('SIGHUP', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

export interface Stage {
  /** For sockets, profiles and logs. */
  readonly directory: string;
  readonly resolverFile: string;
}

/**
 * Builds the two namespaces in the present ones: "laptop" 192.0.2.2 and "gateway" 192.0.2.1, joined by a wire, with
 * the office's address 10.20.0.10 behind the gateway. /run and resolv.conf are the demo's own. `directory` is in that
 * /run unless somebody outside shall see what is in it.
 */
export function buildStage(directory = '/run/sealnic-demo'): Stage {
  const resolverFile = `${directory}/resolv.conf`;
  mustRun('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run');
  mkdirSync(directory, { recursive: true });
  writeFileSync(resolverFile, '# the laptop has no name server of its own\n');
  ownResolver(resolverFile);
  for (const name of ['laptop', 'gateway']) {
    mustRun('ip', 'netns', 'add', name);
    mustRun('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }
  mustRun(...'ip -n laptop link add wire type veth peer name wire netns gateway'.split(' '));
  for (const [name, address] of [
    ['laptop', '192.0.2.2/24'],
    ['gateway', '192.0.2.1/24'],
  ] as const) {
    // No IPv6 on the wire: its multicast reports would be neither ARP, IKE nor ESP.
    mustRun('ip', '-n', name, 'link', 'set', 'wire', 'addrgenmode', 'none', 'up');
    mustRun('ip', '-n', name, 'addr', 'add', address, 'dev', 'wire');
  }
  mustRun(...'ip -n gateway addr add 10.20.0.10/32 dev lo'.split(' '));
  mustRun(...'ip -n laptop route add default via 192.0.2.1'.split(' '));
  return { directory, resolverFile };
}

/** What a person would compare before and after: addresses, rules, routes, firewall and resolv.conf of the laptop. */
export function laptopState(): string {
  return [
    ['ip', '-n', 'laptop', '-brief', 'addr'],
    ['ip', '-n', 'laptop', 'rule'],
    ['ip', '-n', 'laptop', '-6', 'rule'],
    ['ip', '-n', 'laptop', 'route', 'show', 'table', 'all'],
    ['ip', '-n', 'laptop', '-6', 'route', 'show', 'table', 'all'],
    [...inNamespace('laptop'), 'nft', 'list', 'ruleset'],
    ['cat', '/etc/resolv.conf'],
  ]
    .map((words) => spawnSync(words[0]!, words.slice(1), { encoding: 'utf8' }).stdout ?? '')
    .join('\n');
}

export function inNamespace(name: string): readonly string[] {
  return ['nsenter', `--net=/run/netns/${name}`, '--'];
}

/** /etc/resolv.conf may be a link into /run, where nothing is left. */
function ownResolver(file: string): void {
  const target = spawnSync('realpath', ['--canonicalize-missing', '/etc/resolv.conf'], {
    encoding: 'utf8',
  }).stdout.trim();
  mustRun('sh', '-ec', 'mkdir -p "$(dirname "$1")"; [ -e "$1" ] || : > "$1"', 'sh', target);
  mustRun('mount', '--bind', file, target);
}

function mustRun(...words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`"${words.join(' ')}" failed: ${error?.message ?? stderr.trim()}`);
}
