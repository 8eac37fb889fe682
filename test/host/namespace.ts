// Network namespaces for the host layer's tests. The test's own thread moves between them, so that one process can hold
// sockets and adapters in several at once.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import { enterNetworkNamespace } from '../../native/libc-process.ts';

/** Why the tests of this folder cannot run here; false where they can. For `test({ skip })`. */
export const cannotRun: string | false =
  process.platform !== 'linux'
    ? 'network namespaces are Linux only'
    : process.getuid?.() !== 0
      ? 'needs root for network namespaces'
      : existsSync('/dev/net/tun')
        ? false
        : 'needs /dev/net/tun';

const home = `/proc/self/fd/${openSync('/proc/self/ns/net', 'r')}`;
let current = home;
let count = 0;

function moveTo(path: string): void {
  enterNetworkNamespace(path);
  current = path;
}

export class TestNamespace {
  readonly name: string;

  /** Made at once, with loopback up and a resolv.conf of its own; removed after the tests of the file. */
  constructor(role: string) {
    count += 1;
    this.name = `sn-host-${process.pid}-${count}-${role}`;
    mkdirSync(`/etc/netns/${this.name}`, { recursive: true });
    writeFileSync(this.resolverFile, 'nameserver 192.0.2.53\n');
    execFileSync('ip', ['netns', 'add', this.name]);
    openNamespaces.add(this);
    this.within(() => {
      // IPv6 addresses shall be usable at once, and the links silent.
      writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0');
      writeFileSync('/proc/sys/net/ipv6/conf/all/accept_dad', '0');
      writeFileSync('/proc/sys/net/ipv6/conf/default/router_solicitations', '0');
      execFileSync('ip', ['link', 'set', 'lo', 'up']);
    });
  }

  get resolverFile(): string {
    return `/etc/netns/${this.name}/resolv.conf`;
  }

  /** Runs `work` with this thread inside the namespace; what it opens and starts stays there. Synchronous only. */
  within<Result>(work: () => Result): Result {
    const before = current;
    moveTo(`/run/netns/${this.name}`);
    try {
      return work();
    } finally {
      moveTo(before);
    }
  }

  /** The same for work that takes its time. One at a time: the thread stays here until it is done. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = current;
    moveTo(`/run/netns/${this.name}`);
    try {
      return await work();
    } finally {
      moveTo(before);
    }
  }

  /** Runs a command to its end; its words are separated by single spaces. */
  run(words: string): string {
    const [file = '', ...rest] = words.split(' ');
    return this.within(() =>
      execFileSync(file, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  }

  /** Like `run`; false where it fails. */
  succeeds(words: string): boolean {
    try {
      this.run(words);
      return true;
    } catch {
      return false;
    }
  }

  /** Lines for `ip -batch`. */
  ip(...lines: readonly string[]): void {
    this.within(() => execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` }));
  }

  /** A file for `nft -f`. */
  nft(rules: string): void {
    this.within(() => execFileSync('nft', ['-f', '-'], { input: rules }));
  }

  /** Starts a process that ends with this one at the latest. */
  start(words: readonly string[]): ChildProcess {
    const child = this.within(() => spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] }));
    children.add(child);
    return child;
  }

  remove(): void {
    openNamespaces.delete(this);
    execFileSync('ip', ['netns', 'del', this.name]);
    rmSync(`/etc/netns/${this.name}`, { recursive: true, force: true });
  }
}

/** A veth pair; both ends up, with addresses (prefix length included). */
export function connect(
  one: { namespace: TestNamespace; link: string; addresses: readonly string[] },
  other: { namespace: TestNamespace; link: string; addresses: readonly string[] },
): void {
  one.namespace.ip(`link add ${one.link} type veth peer name ${other.link} netns ${other.namespace.name}`);
  for (const { namespace, link, addresses } of [one, other]) {
    namespace.ip(
      `link set ${link} up`,
      ...addresses.map((text) => `addr add ${text} dev ${link}${text.includes(':') ? ' nodad' : ''}`),
    );
  }
  for (const { namespace, link } of [one, other]) awaitLink(namespace, link);
}

/** The kernel brings a link up in the background; its link-local address comes last. */
function awaitLink(namespace: TestNamespace, link: string): void {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const listing = namespace.run(`ip -o -6 addr show dev ${link} scope link`);
    if (listing.includes('fe80') && !listing.includes('tentative')) return;
  }
  throw new Error(`the link ${link} does not come up`);
}

/** What a process printed, and how it ended. */
export function outcome(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

const openNamespaces = new Set<TestNamespace>();
const children = new Set<ChildProcess>();

function removeAll(): void {
  moveTo(home);
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  for (const namespace of [...openNamespaces]) namespace.remove();
}

if (cannotRun === false) {
  after(removeAll);
  process.once('exit', removeAll);
}
