// A laptop on a link to a server that stands for the gateway, the protected network and the rest of the world.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openHostNetwork } from '../../../main/host/network/index.ts';
import type { HostNetworkOptions } from '../../../main/host/network/options.ts';
import { connect, TestNamespace } from '../namespace.ts';
import { gateway, inner, outside, virtual } from './configurations.ts';

export class Office {
  readonly laptop = new TestNamespace('laptop');
  readonly server = new TestNamespace('server');
  readonly directory = mkdtempSync(join(tmpdir(), 'sn-host-'));
  readonly options: HostNetworkOptions;

  constructor() {
    connect(
      { namespace: this.laptop, link: 'eth0', addresses: ['192.168.5.10/24', '2001:db8::10/64'] },
      { namespace: this.server, link: 'eth0', addresses: ['192.168.5.1/24', '2001:db8::1/64'] },
    );
    this.server.ip(
      ...[gateway, inner, outside].flatMap((both) => [
        `addr add ${both[4]}/32 dev lo`,
        `addr add ${both[6]}/128 dev lo`,
      ]),
      `route add ${virtual[4]} via 192.168.5.10`,
      `route add ${virtual[6]} via 2001:db8::10`,
    );
    this.laptop.ip('route add default via 192.168.5.1', 'route add default via 2001:db8::1');
    const counted = [gateway, inner, outside].flatMap((both) => [
      `ip daddr ${both[4]} counter comment "${both[4]}";`,
      `ip6 daddr ${both[6]} counter comment "${both[6]}";`,
    ]);
    this.server.nft(
      `table inet sniffer { chain in { type filter hook prerouting priority -400; ${counted.join(' ')} }; }`,
    );
    this.options = {
      journal: join(this.directory, 'state', 'journal'),
      resolverPath: this.laptop.resolverFile,
      resolvedDirectory: join(this.directory, 'no-resolved'),
      lockdownDirectory: join(this.directory, 'lockdown'),
      unitDirectory: join(this.directory, 'units'),
    };
    after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  /** Another process's view: the journal is read anew. */
  open(options: Partial<HostNetworkOptions> = {}) {
    return openHostNetwork({ ...this.options, ...options });
  }

  /** Packets to that address that the server's link has seen. */
  seen(address: string): number {
    const listing = this.server.run('nft list table inet sniffer');
    return Number(new RegExp(`packets (\\d+) bytes \\d+ comment "${address}"`).exec(listing)?.[1]);
  }

  /** Whether the laptop's ping is answered. `options`: words for ping. */
  reaches(address: string, options = ''): boolean {
    return this.#ping(address, options, 3);
  }

  /** Whether it stays without an answer, as far as a short wait can tell. */
  misses(address: string, options = ''): boolean {
    return !this.#ping(address, options, 0.2);
  }

  #ping(address: string, options: string, waitSeconds: number): boolean {
    return this.laptop.succeeds(`ping -n -c 1 -W ${waitSeconds} ${options}${options ? ' ' : ''}${address}`);
  }

  /** All of the laptop's configuration that we might have touched. */
  snapshot(): string {
    const { resolverFile } = this.laptop;
    const status = statSync(resolverFile);
    return [
      ...['ip rule', 'ip -6 rule', 'ip route show table all', 'ip -6 route show table all', 'ip addr'].map(
        (words) => this.laptop.run(words),
      ),
      this.laptop.run('nft list ruleset'),
      this.laptop.run('cat /proc/sys/net/ipv4/conf/all/src_valid_mark'),
      readFileSync(resolverFile, 'utf8'),
      `${status.mode} ${status.uid} ${status.gid} ${Math.round(status.mtimeMs)}`,
    ]
      .join('\n')
      .replace(/ expires \d+sec| valid_lft.*\n/g, '');
  }
}
