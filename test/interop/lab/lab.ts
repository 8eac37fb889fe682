// Network namespaces for tests against real peers. Whatever happens, none of them nor a process in them outlives the
// test process; what a killed test process left behind is swept at the next start.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt, type CommandOptions, type CommandOutcome, command, commandNow } from './command.ts';

const PREFIX = 'sn-lab-';

export class Lab {
  /** For configurations, sockets, logs and captures; removed with the laboratory. */
  readonly directory: string;
  readonly #namespaces: Namespace[] = [];
  readonly #stem: string;
  static #count = 0;

  constructor() {
    if (openLabs.size === 0) prepareProcess();
    openLabs.add(this);
    Lab.#count += 1;
    this.#stem = `${PREFIX}${process.pid}-${Lab.#count}-`;
    this.directory = mkdtempSync(join(tmpdir(), this.#stem));
  }

  /** Makes a namespace with its loopback up and a resolv.conf of its own. */
  async namespace(role: string): Promise<Namespace> {
    const namespace = new Namespace(this, `${this.#stem}${role}`, role);
    this.#namespaces.push(namespace);
    mkdirSync(namespace.configurationDirectory, { recursive: true });
    writeFileSync(namespace.resolverFile, 'nameserver 192.0.2.53\n');
    await command(['ip', 'netns', 'add', namespace.name]);
    await namespace.ip('link set lo up');
    // IPv6 addresses shall be usable at once: no duplicate address detection.
    await namespace.shell(
      'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad; ' +
        'echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations',
    );
    return namespace;
  }

  /** A veth pair between two namespaces; both ends are up and carry the addresses given (with prefix length). */
  async link(
    one: { namespace: Namespace; name: string; addresses: readonly string[] },
    other: { namespace: Namespace; name: string; addresses: readonly string[] },
  ): Promise<void> {
    await one.namespace.ip(
      `link add name ${one.name} type veth peer name ${other.name} netns ${other.namespace.name}`,
    );
    for (const end of [one, other]) {
      await end.namespace.ip(
        `link set dev ${end.name} up`,
        ...end.addresses.map((address) => `addr add ${address} dev ${end.name}`),
      );
    }
  }

  /** Ends every process in the namespaces, then removes them and the directory. */
  async close(): Promise<void> {
    this.closeNow();
  }

  /** The same for exit handlers. */
  closeNow(): void {
    if (!openLabs.delete(this)) return;
    for (const namespace of this.#namespaces) removeNamespace(namespace.name);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class Namespace {
  readonly lab: Lab;
  readonly name: string;
  readonly role: string;

  constructor(lab: Lab, name: string, role: string) {
    this.lab = lab;
    this.name = name;
    this.role = role;
  }

  /** `ip netns exec` binds the files here over those in /etc. */
  get configurationDirectory(): string {
    return `/etc/netns/${this.name}`;
  }

  get resolverFile(): string {
    return `${this.configurationDirectory}/resolv.conf`;
  }

  /** Lines for `ip -batch`, without the leading "ip". */
  async ip(...lines: readonly string[]): Promise<void> {
    await command(['ip', '-n', this.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  async shell(script: string, options?: CommandOptions): Promise<string> {
    return await this.run(['sh', '-ec', script], options);
  }

  /** Resolves to the standard output; rejects unless the exit code is 0. */
  async run(words: readonly string[], options?: CommandOptions): Promise<string> {
    return await command(this.words(words), options);
  }

  async attempt(words: readonly string[], options?: CommandOptions): Promise<CommandOutcome> {
    return await attempt(this.words(words), options);
  }

  /** The words that run a command inside. The process that results is the command's own: a signal reaches it. */
  words(words: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...words];
  }

  /** Starts a process that the laboratory ends at the latest when it closes. */
  start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): RunningProcess {
    // Ahead of whatever else runs on this computer: a peer that gets no processor time loses packets.
    return new RunningProcess(this.words(['nice', '-n', '-10', ...words]), environment);
  }
}

/** A process inside a namespace with what it printed so far. */
export class RunningProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly ended: Promise<number>;
  #over = false;

  constructor(words: readonly string[], environment: Readonly<Record<string, string>>) {
    this.child = spawn(words[0]!, words.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null) => {
        this.#over = true;
        resolve(code ?? -1);
      };
      this.child.once('close', end);
      this.child.once('error', () => end(null));
    });
  }

  get processId(): number {
    return this.child.pid ?? -1;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Asks it to end and resolves to its exit code; after the limit it is killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', limitMilliseconds = 5000): Promise<number> {
    if (!this.#over) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), limitMilliseconds);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the output contains the text; rejects when the process ends or the limit passes before. */
  async says(text: string, limitMilliseconds = 10_000): Promise<void> {
    const end = performance.now() + limitMilliseconds;
    while (!`${this.stdout}${this.stderr}`.includes(text)) {
      if (this.#over || performance.now() > end) {
        throw new Error(
          `waiting for "${text}" from ${this.child.spawnargs.join(' ')}:\n${this.stdout}${this.stderr}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const openLabs = new Set<Lab>();
let prepared = false;

function prepareProcess(): void {
  if (prepared) return;
  prepared = true;
  sweepStale();
  const closeAll = () => {
    for (const lab of [...openLabs]) lab.closeNow();
  };
  process.on('exit', closeAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      closeAll();
      process.exit(1);
    });
  }
}

/** Removes what test processes that are dead by now left behind. */
function sweepStale(): void {
  for (const name of namesIn('/run/netns')) if (isStale(name)) removeNamespace(name);
  for (const name of namesIn('/etc/netns')) if (isStale(name)) removeNamespace(name);
  for (const name of namesIn(tmpdir())) {
    if (isStale(name)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isStale(name: string): boolean {
  const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
  if (owner === undefined) return false;
  try {
    return !readFileSync(`/proc/${owner}/cmdline`, 'latin1').includes('node');
  } catch {
    return true;
  }
}

function removeNamespace(name: string): void {
  // A process may start another while we look: look until none is left.
  for (let round = 0; round < 5; round += 1) {
    const identifiers = commandNow(['ip', 'netns', 'pids', name]).split('\n').filter(Boolean).map(Number);
    if (identifiers.length === 0) break;
    for (const identifier of identifiers) {
      try {
        process.kill(identifier, 'SIGKILL');
      } catch {
        // Ended by itself meanwhile.
      }
    }
  }
  commandNow(['ip', 'netns', 'del', name]);
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
