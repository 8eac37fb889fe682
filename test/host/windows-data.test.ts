// The data thread of Windows in Wine, with a stand-in for the rings of Wintun, against one of Linux.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAddress } from '../../main/engine/packet/address.ts';
import { DataThread } from '../../main/service/data/proxy.ts';
import { SecretMemory } from '../../main/service/keying/secret-memory.ts';
import { type Ended, noWindows, WindowsComputer } from '../fakes/windows/computer.ts';
import { parametersFor, peer, protectTunnelNetwork } from '../service/data/fixed-keys.ts';
import { cannotRun, connect, outcome, TestNamespace } from './namespace.ts';

const mtu = 1_400;
const windowsPort = 45_000;
const bridgePort = 47_320;
const adapterName = 'seal0';
const transferScript = join(import.meta.dirname, 'transfer.py');

describe('the data thread on Windows', { skip: noWindows || cannotRun }, () => {
  let here: TestNamespace;
  let there: TestNamespace;
  let computer: WindowsComputer;
  let secrets: SecretMemory;
  let linux: DataThread;
  let running: Promise<Ended>;
  let stopFile: string;
  let said: () => ReadonlyMap<string, unknown>;

  before(async () => {
    here = new TestNamespace('windows-data');
    there = new TestNamespace('linux-data');
    connect(
      { namespace: here, link: 'wire0', addresses: ['192.0.2.1/24'] },
      { namespace: there, link: 'wire0', addresses: ['192.0.2.2/24'] },
    );
    secrets = new SecretMemory();
    linux = await DataThread.start(
      {
        adapter: { name: adapterName, mtu },
        underlays: [{ port: 0, family: 4, mark: 0, offload: true, plainIke: false }],
        bypassLinks: [],
        networkNamespace: `/run/netns/${there.name}`,
      },
      secrets,
    );
    there.ip(`addr add 10.9.0.2/24 dev ${adapterName}`);
    linux.setPolicy(protectTunnelNetwork());
    linux.setTunnelMtu(mtu);
    linux.setPeer(peer, { address: parseAddress('192.0.2.1')!, port: windowsPort });
    const keys = { algorithm: 'aes-128-gcm-16', encapsulation: 'udp' } as const;
    linux.installInbound(parametersFor({ ...keys, spi: 0x2000 }, 1, secrets));
    linux.installOutbound(parametersFor({ ...keys, spi: 0x2001 }, 2, secrets));

    computer = new WindowsComputer(here);
    const state = join(computer.folder, 'state');
    mkdirSync(state);
    const library = computer.buildLibrary(['wintun.c'], 'wintun.dll', '-lws2_32');
    const standIn = createHash('sha256').update(readFileSync(library)).digest('hex');
    const program = await computer.bundle(join(import.meta.dirname, 'windows', 'data-program.ts'), {
      wintunSha256: standIn,
    });
    await computer.bundle(join(import.meta.dirname, '..', '..', 'main', 'service', 'data', 'thread.ts'), {
      name: 'data-thread.js',
      wintunSha256: standIn,
    });
    await computer.install();
    const bridge = here.start([
      'python3',
      join(import.meta.dirname, '..', 'fakes', 'windows', 'bridge.py'),
      adapterName,
      String(bridgePort),
    ]);
    await once(bridge.stdout!, 'data');
    here.ip(`addr add 10.9.0.1/24 dev ${adapterName}`, `link set ${adapterName} up mtu ${mtu}`);
    stopFile = join(computer.folder, 'stop');
    const started = computer.start(
      program,
      [adapterName, '192.0.2.2', String(linux.information.localPort4), computer.pathOf(stopFile)],
      { SEALNIC_STANDIN_STATE: computer.pathOf(state), SEALNIC_STANDIN_PORT: String(bridgePort) },
    );
    running = started.ended;
    said = () => new Map(started.lines().map((line) => JSON.parse(line)));
    await started.until((lines) => lines.some((line) => line.includes('"opened"')));
  });

  after(async () => {
    await linux?.stop();
    secrets?.close();
    await computer?.remove();
  });

  async function transfer(from: TestNamespace, to: TestNamespace, address: string): Promise<void> {
    const words = [address, '7000', String(20 << 20)];
    const receiver = to.start(['python3', transferScript, 'receive', ...words]);
    const received = outcome(receiver);
    await once(receiver.stdout!, 'data');
    const sent = await outcome(from.start(['python3', transferScript, 'send', ...words]));
    assert.equal(sent.code, 0, sent.stderr);
    assert.match((await received).stdout, new RegExp(sent.stdout.trim()));
  }

  test('it opens the adapter and a socket, and finds its address towards the peer', () => {
    const { interfaceName, localPort4, superPackets, local } = said().get('opened') as {
      interfaceName: string;
      localPort4: number;
      superPackets: boolean;
      local: number[];
    };
    assert.deepEqual(
      [interfaceName, localPort4, superPackets, local],
      [adapterName, windowsPort, false, [192, 0, 2, 1, windowsPort]],
    );
  });

  test('pings of whatever size, both ways', async () => {
    for (const [from, to] of [
      [here, '10.9.0.2'],
      [there, '10.9.0.1'],
    ] as const) {
      for (const size of ['56', '1372']) {
        const { stdout } = await outcome(
          from.start(['ping', '-c', '5', '-i', '0.05', '-W', '5', '-s', size, to]),
        );
        assert.match(stdout, / 0% packet loss/);
      }
    }
  });

  test('20 MB of TCP each way', { timeout: 120_000 }, async () => {
    await transfer(here, there, '10.9.0.2');
    await transfer(there, here, '10.9.0.1');
  });

  test('IKE crosses with its marker, to and fro', async () => {
    const message = Uint8Array.from({ length: 60 }, (_, index) => index + 1);
    const answered = once(linux, 'ike') as Promise<[Uint8Array]>;
    linux.sendIke(message, { address: parseAddress('192.0.2.1')!, port: windowsPort }, undefined, true);
    const [answer] = await answered;
    assert.deepEqual(answer, message.slice().reverse());
  });

  test('it ends with nothing dropped and no key left', async () => {
    writeFileSync(stopFile, '');
    const ended = await running;
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(said().get('ended'), { keysLeft: 0, dropped: [], sendErrors: 0 });
  });
});
