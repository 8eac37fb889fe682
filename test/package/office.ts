// The other end for an installed laptop: our own gateway with an office behind it, in a network namespace of its own, and
// a firewall on its side of the wire that counts what of the office's traffic comes in the clear.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatewayProfile, officeAddress, officeNetwork, secretName } from '../../build/demo/profiles.ts';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import { eventually } from './debian-root.ts';

export class Office {
  readonly #directory = mkdtempSync(join(tmpdir(), 'sealnic-gateway-'));
  readonly #namespace: ChildProcess;
  #service: ChildProcess | undefined;
  #client: ControlClient | undefined;

  /** Joins the network namespace of the process `laptop` by a wire: 192.0.2.2 there, 192.0.2.1 here. */
  static async start(laptop: number, secret: string): Promise<Office> {
    const office = new Office();
    try {
      await office.#build(laptop);
      await office.#serve(secret);
    } catch (error) {
      await office.close();
      throw error;
    }
    return office;
  }

  private constructor() {
    this.#namespace = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  }

  /** Packets for the office that could be read on the wire. */
  readable(): number {
    const counters = this.#run('nft', '-j', 'list', 'counters');
    const { nftables } = JSON.parse(counters) as {
      nftables: { counter?: { name: string; packets: number } }[];
    };
    return nftables.find(({ counter }) => counter?.name === 'readable')!.counter!.packets;
  }

  async close(): Promise<void> {
    this.#client?.close();
    for (const child of [this.#service, this.#namespace]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #build(laptop: number): Promise<void> {
    await once(this.#namespace, 'spawn');
    const gateway = String(this.#namespace.pid);
    const own = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' });
    await eventually('network namespace', () => {
      const other = execFileSync('readlink', [`/proc/${gateway}/ns/net`], { encoding: 'utf8' });
      return other === own ? undefined : true;
    });
    const wire = ['link', 'add', 'wire', 'netns', gateway, 'type', 'veth', 'peer', 'name', 'wire'];
    execFileSync('ip', [...wire, 'netns', String(laptop)]);
    this.#run('ip', 'link', 'set', 'lo', 'up');
    this.#run('ip', 'addr', 'add', `${officeAddress}/32`, 'dev', 'lo');
    this.#run('ip', 'link', 'set', 'wire', 'addrgenmode', 'none', 'up');
    this.#run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'wire');
    for (const words of [
      'add table netdev watch',
      'add counter netdev watch readable',
      'add chain netdev watch wire { type filter hook ingress device "wire" priority 0; }',
      `add rule netdev watch wire ip daddr ${officeNetwork} counter name "readable"`,
    ]) {
      this.#run('nft', words);
    }
    const onLaptop = (...words: string[]) => execFileSync('nsenter', ['-n', '-t', String(laptop), ...words]);
    onLaptop('ip', 'link', 'set', 'wire', 'addrgenmode', 'none', 'up');
    onLaptop('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'wire');
    onLaptop('ip', 'route', 'add', 'default', 'via', '192.0.2.1');
  }

  async #serve(secret: string): Promise<void> {
    const directory = this.#directory;
    const control = join(directory, 'control.sock');
    const configuration = join(directory, 'service.toml');
    const profile = join(directory, 'gateway.toml');
    mkdirSync(join(directory, 'profiles'));
    writeFileSync(profile, gatewayProfile);
    writeFileSync(
      configuration,
      `[service]
control_socket = "${control}"
profile_directory = "${directory}/profiles"
state_directory = "${directory}/state"
filter = "${directory}/filter.toml"
`,
    );
    const main = join(import.meta.dirname, '..', '..', 'main', 'service', 'main.ts');
    const words = ['-n', '-t', String(this.#namespace.pid), process.execPath, main];
    this.#service = spawn('nsenter', [...words, '--config', configuration, '--profile', profile], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const client = await eventually('gateway', () =>
      connectToService({ path: control }).catch(() => undefined),
    );
    this.#client = client;
    await client.call('secrets.put', { name: secretName, kind: 'psk' }, { secret: Buffer.from(secret) });
    await client.call('connection.up', { profile: 'gateway', wait: true });
  }

  #run(...words: readonly string[]): string {
    const entering = ['-n', '-t', String(this.#namespace.pid), '--', ...words];
    return execFileSync('nsenter', entering, { encoding: 'utf8' });
  }
}
