// Two data threads in two network namespaces with a wire between them and keys set by hand.
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import type { Encapsulation, EspAlgorithm } from '../../../main/engine/sa/parameters.ts';
import { DataThread } from '../../../main/service/data/proxy.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { type FixedKeys, parametersFor, peer, protectTunnelNetwork } from './fixed-keys.ts';

/** Why these tests cannot run here; false where they can. */
export const cannotRun: string | false =
  process.platform !== 'linux'
    ? 'network namespaces are Linux only'
    : process.getuid?.() !== 0
      ? 'needs root for network namespaces'
      : existsSync('/dev/net/tun')
        ? false
        : 'needs /dev/net/tun';

export interface TunnelEnd {
  readonly namespace: string;
  readonly interfaceName: string;
  readonly tunnelAddress: string;
  readonly tunnelAddress6: string;
  readonly wireAddress: string;
  readonly thread: DataThread;
  readonly secrets: SecretMemory;
}

export interface Tunnel {
  readonly one: TunnelEnd;
  readonly other: TunnelEnd;
  /** Installs a pair of SAs at both ends; `spi` and the one behind it are used. */
  installKeys(spi: number, algorithm: EspAlgorithm, encapsulation?: Encapsulation): void;
  close(): Promise<void>;
}

let count = 0;

export async function openTunnel(mtu = 1400): Promise<Tunnel> {
  count += 1;
  const names = ['a', 'b'].map((end) => `sn-data-${process.pid}-${count}${end}`);
  for (const name of names) {
    run('ip', 'netns', 'add', name);
    openNamespaces.add(name);
    inside(name, 'ip', 'link', 'set', 'lo', 'up');
    inside(name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
  }
  run(
    'ip',
    'link',
    'add',
    'wire0',
    'netns',
    names[0]!,
    'type',
    'veth',
    'peer',
    'name',
    'wire0',
    'netns',
    names[1]!,
  );
  const ends: TunnelEnd[] = [];
  for (const [index, name] of names.entries()) {
    const wireAddress = `192.0.2.${index + 1}`;
    inside(name, 'ip', 'addr', 'add', `${wireAddress}/24`, 'dev', 'wire0');
    inside(name, 'ip', 'link', 'set', 'wire0', 'up');
    const secrets = new SecretMemory();
    const thread = await DataThread.start(
      {
        adapter: { name: 'seal0', mtu },
        underlays: [{ port: 0, family: 4, mark: 0, offload: true, plainIke: false }],
        bypassLinks: [],
        networkNamespace: `/run/netns/${name}`,
      },
      secrets,
    );
    const tunnelAddress = `10.9.0.${index + 1}`;
    const tunnelAddress6 = `fd09::${index + 1}`;
    inside(name, 'ip', 'addr', 'add', `${tunnelAddress}/24`, 'dev', 'seal0');
    inside(name, 'ip', 'addr', 'add', `${tunnelAddress6}/64`, 'dev', 'seal0', 'nodad');
    ends.push({
      namespace: name,
      interfaceName: 'seal0',
      tunnelAddress,
      tunnelAddress6,
      wireAddress,
      thread,
      secrets,
    });
  }
  const [one, other] = ends as [TunnelEnd, TunnelEnd];
  for (const [end, far] of [
    [one, other],
    [other, one],
  ] as const) {
    end.thread.setPolicy(protectTunnelNetwork());
    end.thread.setTunnelMtu(mtu);
    end.thread.setPeer(peer, {
      address: parseAddress(far.wireAddress)!,
      port: far.thread.information.localPort4,
    });
  }
  return {
    one,
    other,
    installKeys(spi, algorithm, encapsulation = 'udp') {
      install(one, other, { spi, algorithm, encapsulation }, 1);
      install(other, one, { spi: spi + 1, algorithm, encapsulation }, 2);
    },
    async close() {
      for (const end of ends) {
        await end.thread.stop();
        end.secrets.close();
        removeNamespace(end.namespace);
      }
    },
  };
}

const openNamespaces = new Set<string>();

function removeNamespace(name: string): void {
  openNamespaces.delete(name);
  run('ip', 'netns', 'del', name);
}

// Also where a test fails before it closes its tunnel.
process.once('exit', () => {
  for (const name of openNamespaces) removeNamespace(name);
});

/** Keys for one direction at both its ends: the receiver first. */
function install(from: TunnelEnd, to: TunnelEnd, keys: FixedKeys, seed: number): void {
  to.thread.installInbound(parametersFor(keys, seed, to.secrets));
  from.thread.installOutbound(parametersFor(keys, seed, from.secrets));
}

function run(file: string, ...words: string[]): string {
  return execFileSync(file, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a command in a namespace; throws where it fails. Blocks this thread, not the data threads. */
export function inside(namespace: string, ...words: string[]): string {
  return run('ip', 'netns', 'exec', namespace, ...words);
}

export interface StartedCommand {
  readonly done: Promise<{ code: number | null; output: string }>;
  /** Resolves once the output contains the text, or the command has ended. */
  said(text: string): Promise<void>;
  stop(): void;
}

/** Starts a command in a namespace. */
export function startInside(namespace: string, ...words: string[]): StartedCommand {
  const child = spawn('ip', ['netns', 'exec', namespace, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const spoke = new EventEmitter();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      spoke.emit('output');
    });
  }
  const done = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, output })),
  );
  return {
    done,
    async said(text) {
      const ended = done.then(() => true);
      while (!output.includes(text)) {
        if (await Promise.race([ended, once(spoke, 'output').then(() => false)])) return;
      }
    },
    stop: () => child.kill('SIGKILL'),
  };
}
