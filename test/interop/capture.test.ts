// `sealnic capture` on a real tunnel between two of our services, read by tshark: clear on the adapter, sealed on the wire.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { command, until } from './lab/command.ts';
import { officeSecret } from './lab/gateway.ts';
import { type Office, openOffice } from './lab/office.ts';
import { gatewayProfileText, profileText } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { labInterface, SealNic, sealnicProgram } from './lab/sealnic.ts';
import { ping, startServers, transfer } from './lab/traffic.ts';

describe('captures', { skip: skipUnless(['tshark', 'capinfos']) }, () => {
  let office: Office;
  let gateway: SealNic;
  let client: SealNic;

  before(async () => {
    office = await openOffice();
    await startServers(office.host);
    gateway = await SealNic.start(office.gateway);
    await gateway.putSecret('office', 'psk', officeSecret);
    await gateway.importProfile('office', gatewayProfileText());
    await gateway.up('office');
    client = await SealNic.start(office.terminal);
    await client.putSecret('office', 'psk', officeSecret);
    await client.importProfile('office', profileText({ gatewayAddress: office.gatewayAddress }));
  });
  after(async () => {
    await client?.stop();
    await gateway?.stop();
    await office?.lab.close();
  });

  test('nothing is connected: a sentence that says so', async () => {
    const outcome = await client.attempt(['capture', '-o', join(office.lab.directory, 'none.pcapng')]);
    assert.deepEqual(
      [outcome.code, outcome.stderr.split('\n')[0]?.includes('Nothing is connected.')],
      [1, true],
    );
  });

  test('the adapter shows the clear packets; the wire shows IKE and ESP and nothing else', async () => {
    await client.up('office');
    const adapter = await Recording.start(client, office, 'adapter');
    const wire = await Recording.start(client, office, 'wire', ['--wire']);
    const far = await Recording.start(gateway, office, 'far', ['--wire']);
    await ping(office.terminal, office.hostAddress, 3);
    await client.rekey('office', 'child');
    await transfer(office.terminal, 'PUT', office.hostAddress, 300_000);
    await transfer(office.terminal, 'GET', office.hostAddress, 300_000);
    // What does not belong to the tunnel, on the same link.
    await ping(office.terminal, office.gatewayAddress, 1);
    await pause(300);
    for (const recording of [adapter, wire, far]) assert.equal((await recording.stop()).code, 0);

    const clear = await adapter.read(['frame.interface_name', 'icmp.type', 'ip.dst', 'tcp.dstport']);
    assert.equal(clear.filter(([, type, to]) => type === '8' && to === office.hostAddress).length, 3);
    assert.equal(clear.filter(([, type]) => type === '0').length, 3);
    assert.ok(clear.some(([, , , port]) => port !== ''));
    assert.ok(clear.every(([name]) => name === labInterface));

    for (const [recording, link] of [
      [wire, 'link'],
      [far, 'wan'],
    ] as const) {
      const frames = await recording.read([
        'frame.interface_name',
        'frame.protocols',
        'udp.length',
        'ip.src',
      ]);
      const kinds = new Set(frames.map(([, protocols]) => protocols?.split(':').slice(0, 6).join(':')));
      assert.deepEqual(
        [...kinds].sort(),
        ['eth:ethertype:ip:udp:udpencap:esp', 'eth:ethertype:ip:udp:udpencap:isakmp'],
        recording.file,
      );
      const carriers = frames.filter(([name]) => name === link);
      assert.ok(carriers.length > 400, `${carriers.length}`);
      assert.ok(
        carriers.every(([, , length]) => Number(length) <= 1480),
        'one datagram, one frame',
      );
      assert.deepEqual([...new Set(carriers.map(([, , , source]) => source))].sort(), [
        office.gatewayAddress,
        office.terminalAddress,
      ]);
      assert.match(await command(['capinfos', '-c', recording.file]), /Number of packets/);
    }
  });

  test('the end of the tunnel ends the capture, and says so; so does the end of the service', async () => {
    const closing = await Recording.start(client, office, 'closing');
    await client.down('office');
    const closed = await closing.ended();
    assert.equal(closed.code, 0);
    assert.match(closed.stderr, /The capture ended: /);

    await client.up('office');
    const stopping = await Recording.start(client, office, 'stopping', ['--wire']);
    await client.stop();
    await stopping.ended();
    assert.match(await command(['capinfos', '-c', stopping.file]), /Number of packets/);
  });
});

/** A `sealnic capture` that runs, as a person starts it. */
class Recording {
  readonly file: string;
  readonly #process: ChildProcess;
  readonly #over: Promise<unknown[]>;
  #stderr = '';

  private constructor(file: string, process: ChildProcess) {
    this.file = file;
    this.#process = process;
    this.#over = once(process, 'close');
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** Resolves when the file has its header. */
  static async start(
    service: SealNic,
    office: Office,
    name: string,
    options: readonly string[] = [],
  ): Promise<Recording> {
    const file = join(office.lab.directory, `${name}.pcapng`);
    const words = [sealnicProgram, '--control', service.controlSocket, 'capture', '-o', file, ...options];
    const recording = new Recording(
      file,
      spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 90_000 }),
    );
    await until(`the capture ${name}`, 15_000, () => {
      if (recording.#process.exitCode !== null) throw new Error(`${name}: ${recording.#stderr}`);
      return existsSync(file) && statSync(file).size > 60 ? true : undefined;
    });
    return recording;
  }

  /** Ctrl-C. */
  async stop(): Promise<{ code: number | null; stderr: string }> {
    this.#process.kill('SIGINT');
    return await this.ended();
  }

  async ended(): Promise<{ code: number | null; stderr: string }> {
    await this.#over;
    return { code: this.#process.exitCode, stderr: this.#stderr };
  }

  /** The fields of each frame, by tshark. */
  async read(fields: readonly string[]): Promise<readonly (readonly string[])[]> {
    const words = ['tshark', '-r', this.file, '-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=f'];
    const text = await command([...words, ...fields.flatMap((field) => ['-e', field])]);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('|'));
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
