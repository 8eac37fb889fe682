// Two strongSwan gateways at the same time, each with its own network: who seals what is read from the wire, and what
// happens to one connection leaves the other's packets alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { describeFrame, type Frame } from './lab/capture.ts';
import { until } from './lab/command.ts';
import { clientSettings, type GatewayChoice, gatewaySettings, officeSecret } from './lab/gateway.ts';
import type { Namespace } from './lab/lab.ts';
import { takeSnapshot } from './lab/office.ts';
import { gatewayProfileText, profileText } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { Charon } from './lab/strongswan.ts';
import { answersPing, exerciseTunnel, NumberedTraffic, ping, startServers } from './lab/traffic.ts';

/** Behind the office's gateway, so that one sniffer on the terminal's link sees all. */
const homeAddress = '198.51.100.1';
const homeHostAddress = '10.2.0.2';
const home = { networks: '10.2.0.0/16', pool4: '10.8.0.0/24', dns: '10.2.0.2' };

describe('two gateways at once', { skip: skipUnless() }, () => {
  let stage: Stage;
  let homeNamespace: Namespace;
  let homeHost: Namespace;
  let homeGateway: Charon;
  before(async () => {
    stage = await Stage.open();
    const { lab, gateway } = stage.office;
    const namespace = await lab.namespace('home');
    homeNamespace = namespace;
    homeHost = await lab.namespace('homehost');
    await lab.link(
      { namespace: gateway, name: 'isp', addresses: ['198.51.100.254/24'] },
      { namespace, name: 'wan', addresses: [`${homeAddress}/24`] },
    );
    await lab.link(
      { namespace, name: 'lan', addresses: ['10.2.0.1/16'] },
      { namespace: homeHost, name: 'lan', addresses: [`${homeHostAddress}/16`] },
    );
    await namespace.ip('route add default via 198.51.100.254');
    await namespace.shell('echo 1 > /proc/sys/net/ipv4/ip_forward');
    await homeHost.ip('route add default via 10.2.0.1');
    await startServers(homeHost);
    homeGateway = await Charon.start(namespace, { swanctl: gatewaySettings(home) });
    await stage.client.putSecret('office', 'psk', officeSecret);
    await importBoth();
  });
  after(async () => {
    await homeGateway?.stop();
    await stage?.close();
  });

  test('both carry at the same time, each with its own SA, address and route; one after the other goes', async () => {
    const { terminal, hostAddress, gatewayAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    const sniffer = await stage.sniff();
    let spis: Spis;
    try {
      const [office, other] = [await stage.client.up('office'), await stage.client.up('home')];
      assert.deepEqual(office.details?.protectedPrefixes, ['10.1.0.0/16']);
      assert.deepEqual(other.details?.protectedPrefixes, ['10.2.0.0/16']);
      assert.match(readFileSync(terminal.resolverFile, 'utf8'), /nameserver 10\.1\.0\.2\n(?!nameserver)/);
      spis = await outboundSpis();
      await Promise.all([
        exerciseTunnel(terminal, hostAddress, 3),
        exerciseTunnel(terminal, homeHostAddress, 3),
      ]);
      // A packet that carries the one's address to the other leaves with the right one.
      await terminal.run(['ping', '-n', '-c', '1', '-W', '2', '-I', officeVirtual(office), homeHostAddress]);
      await stage.client.down('office');
      assert.match(readFileSync(terminal.resolverFile, 'utf8'), /nameserver 10\.2\.0\.2\n/);
      assert.equal(await answersPing(terminal, homeHostAddress), true);
      await stage.client.run(['down']);
    } catch (error) {
      await sniffer.stop();
      throw explained(error);
    }
    const frames = await sniffer.stop();
    assert.deepEqual(clear(frames), []);
    assert.deepEqual(spisTowards(frames, gatewayAddress), new Set([spis.office]));
    assert.deepEqual(spisTowards(frames, homeAddress), new Set([spis.home]));
    await stage.assertAsBefore(before);
  });

  test('down of one while the other carries: not a packet of the other is lost', async () => {
    const { terminal } = stage.office;
    const before = await takeSnapshot(terminal);
    try {
      await stage.client.up('home');
      const numbered = await NumberedTraffic.start(terminal, homeHostAddress, 500);
      for (let round = 0; round < 3; round += 1) {
        await stage.client.up('office');
        await ping(terminal, stage.office.hostAddress, 1);
        await stage.client.down('office');
      }
      const report = await numbered.stop();
      assert.ok(report.outbound.received > 500);
      assert.deepEqual(
        [report.outbound.lost, report.inbound.lost, report.refused],
        [0, 0, 0],
        JSON.stringify(report),
      );
      await stage.client.down('home');
    } catch (error) {
      throw explained(error);
    }
    await stage.assertAsBefore(before);
  });

  test('the one gateway is gone: its network is shut, the other carries', async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    try {
      await stage.client.up('office');
      stage.gateway.signal('SIGSTOP');
      await stage.client.run(['up', 'home']);
      await stage.client.attempt(['sa', 'rekey', 'office', '--ike']);
      const sniffer = await stage.sniff();
      assert.equal(await answersPing(terminal, hostAddress), false);
      assert.equal(await answersPing(terminal, homeHostAddress), true);
      assert.deepEqual(clear(await sniffer.stop()), []);
    } catch (error) {
      throw explained(error);
    } finally {
      stage.gateway.signal('SIGCONT');
    }
    await stage.client.run(['down']);
    await stage.assertAsBefore(before);
  });

  test('killed under both, again and again: not one packet of either in the clear, and both come back', async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    await stage.client.up('office');
    await stage.client.up('home');
    const sniffer = await stage.sniff();
    const pings = [hostAddress, homeHostAddress].map((address) =>
      terminal.start(['ping', '-n', '-q', '-i', '0.005', address]),
    );
    try {
      for (let round = 0; round < 6; round += 1) {
        await stage.client.kill();
        if (round % 3 !== 2) {
          stage.client.spawnService();
          await new Promise((resolve) => setTimeout(resolve, 200 + 250 * round));
          continue;
        }
        await stage.client.startService();
        await until('both connections', 40_000, bothConnected);
      }
      for (const address of [hostAddress, homeHostAddress]) await ping(terminal, address, 1);
    } catch (error) {
      throw explained(error);
    } finally {
      await Promise.all(pings.map((each) => each.stop('SIGKILL')));
    }
    assert.deepEqual(clear(await sniffer.stop()), []);
    await stage.client.run(['down']);
    await stage.assertAsBefore(before);
  });

  test('what both would protect is refused with both names, before or after the agreement', async () => {
    const { terminal, hostAddress } = stage.office;
    try {
      const address = officeVirtual(await stage.client.up('office'));
      const shut = await takeSnapshot(terminal);
      await importHome({ networks: '["10.1.128.0/17"]' });
      const refused = await stage.client.attempt(['up', 'home']);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /"home" and "office" both protect 10\.1\.128\.0\/17/);
      assert.deepEqual(await takeSnapshot(terminal), shut, 'nothing was changed');
      await importHome({ networks: '"gateway"' });
      await startHome({ ...home, networks: '10.0.0.0/8' });
      const closed = await stage.client.attempt(['up', 'home']);
      assert.match(closed.stderr, /"home" and "office" both protect 10\.1\.0\.0\/16/);
      await stage.client.down('home');
      await importHome();
      await startHome({ ...home, pool4: `${address}/32` });
      const taken = await stage.client.attempt(['up', 'home']);
      const reason = `"home" assigned ${address}, which the gateway of "office" assigned already`;
      assert.ok(taken.stderr.includes(reason), taken.stderr);
      assert.equal(await answersPing(terminal, hostAddress), true, 'the first carries on');
      await stage.client.run(['down']);
    } catch (error) {
      throw explained(error);
    }
  });

  /** Anew: a pool with leases cannot be replaced. */
  async function startHome(choice: GatewayChoice): Promise<void> {
    await homeGateway.stop();
    homeGateway = await Charon.start(homeNamespace, { swanctl: gatewaySettings(choice) });
  }

  test('beside our own gateway: a guest comes in, we go out, and each side reaches the other', async () => {
    const { lab, terminal } = stage.office;
    const guest = await lab.namespace('guest');
    await lab.link(
      { namespace: terminal, name: 'guests', addresses: ['203.0.113.1/24', '10.77.0.1/24'] },
      { namespace: guest, name: 'wan', addresses: ['203.0.113.2/24'] },
    );
    const before = await takeSnapshot(terminal);
    const visitor = await Charon.start(guest, {
      swanctl: clientSettings('203.0.113.1', { networks: '10.77.0.0/24' }),
      installVirtualAddress: true,
    });
    await startHome(home);
    await importHome();
    const own = gatewayProfileText()
      .replace('10.9.0.0/24', '10.97.0.0/24')
      .replace('["10.1.0.0/16"]', '["10.77.0.0/24"]');
    await stage.client.importProfile('own', own);
    try {
      await stage.client.up('home');
      const refused = await stage.client.attempt(['up', 'own']);
      assert.match(refused.stderr, /"own" cannot answer beside "home": a gateway is brought up first/);
      await stage.client.down('home');
      await stage.client.up('own');
      await stage.client.up('home');
      await visitor.initiate('office');
      await ping(guest, '10.77.0.1');
      // From an own address that the guest may speak to.
      await ping(terminal, '10.97.0.1');
      await exerciseTunnel(terminal, homeHostAddress, 1);
      await stage.client.rekey('home', 'child');
      await ping(terminal, homeHostAddress);
      await stage.client.down('home');
      await ping(guest, '10.77.0.1', 1);
      await stage.client.run(['down']);
    } catch (error) {
      throw new Error(`${explained(error).message}\n--- visitor\n${visitor.log(30)}`, { cause: error });
    } finally {
      await visitor.stop();
    }
    await stage.assertAsBefore(before);
  });

  interface Spis {
    readonly office: string;
    readonly home: string;
  }

  async function outboundSpis(): Promise<Spis> {
    const { children } = JSON.parse(await stage.client.run(['sa', 'list', '--json'])) as {
      children: { profile: string; direction: string; spi: string }[];
    };
    const of = (profile: string) =>
      children.find((child) => child.profile === profile && child.direction === 'outbound')?.spi ?? '';
    return { office: of('office'), home: of('home') };
  }

  async function importBoth(): Promise<void> {
    const { gatewayAddress } = stage.office;
    await stage.client.importProfile('office', profileText({ gatewayAddress, top: ['retry = true'] }));
    await importHome();
  }

  async function importHome(change: { networks?: string } = {}): Promise<void> {
    const networks = change.networks ?? '["10.2.0.0/16"]';
    await stage.client.importProfile('home', profileText({ gatewayAddress: homeAddress, networks }));
  }

  async function bothConnected(): Promise<true | undefined> {
    const outcome = await stage.client.attempt(['status', '--json']);
    if (outcome.code !== 0) return undefined;
    const { connections } = JSON.parse(outcome.stdout) as { connections: { state: string }[] };
    return connections.filter(({ state }) => state === 'connected').length === 2 ? true : undefined;
  }

  function explained(error: unknown): Error {
    const told = stage.explained(error);
    return new Error(`${told.message}\n--- home\n${homeGateway.log(40)}`, { cause: error });
  }
});

function officeVirtual({ details }: { details?: { virtualAddresses: string[] } | undefined }): string {
  return details?.virtualAddresses[0] ?? '';
}

function clear(frames: readonly Frame[]): readonly string[] {
  const inside = (address: string) => /^10\.(1|2|8|9)\./.test(address);
  return frames
    .filter((frame) => frame.kind === 'clear' && (inside(frame.source) || inside(frame.destination)))
    .slice(0, 20)
    .map(describeFrame);
}

/** Of ESP in UDP that leaves for that address. */
function spisTowards(frames: readonly Frame[], gateway: string): ReadonlySet<string> {
  const leaving = frames.filter(({ kind, destination }) => kind === 'esp-in-udp' && destination === gateway);
  return new Set(leaving.map(({ bytes }) => bytes.subarray(28, 32).toString('hex')));
}
