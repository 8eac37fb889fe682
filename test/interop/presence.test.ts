// Sleep, and a network that changes: what the status says is true within seconds.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { until } from './lab/command.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel, ping, transfer } from './lab/traffic.ts';

const hour = 3_600_000;
/** Generous: the machine may be busy. What a person waits for is said at each test. */
const limit = 30_000;

describe('sleep and changes of network with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open({ client: { sleeps: true } });
    const { terminal, gateway, lab } = stage.office;
    await lab.link(
      { namespace: terminal, name: 'radio', addresses: ['198.51.100.2/24'] },
      { namespace: gateway, name: 'air', addresses: ['198.51.100.1/24'] },
    );
    await stage.prepare({});
  });
  after(async () => await stage?.close());

  async function reaches(state: string, reason?: string, milliseconds = limit) {
    return await until(
      `${state} ${reason ?? ''}`,
      milliseconds,
      async () => {
        const connection = await stage.client.connection('office');
        const fits =
          connection?.state === state && (reason === undefined || connection.failure?.code === reason);
        return fits ? connection : undefined;
      },
      100,
    ).catch(async (error: unknown) => {
      throw stage.explained(error);
    });
  }

  async function connected(during: () => Promise<void>): Promise<void> {
    await stage.client.up('office');
    try {
      await ping(stage.office.terminal, stage.office.hostAddress);
      await during();
      await stage.client.down('office');
    } catch (error) {
      await stage.client.attempt(['down', 'office']);
      throw stage.explained(error);
    }
  }

  /** How long it took, for whoever reads the report. */
  async function timed(context: TestContext, what: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    await work();
    context.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`);
  }

  test('a nap: the gateway is asked once and the connection stays', async () => {
    await connected(async () => {
      const before = await stage.client.run(['sa', 'list', '--json']);
      const spisOf = (text: string) => text.match(/"spi": *"[0-9a-f]+"/g);
      await stage.client.sleep(10 * 60_000, async () => {});
      await until(
        'word of the sleep',
        limit,
        () => stage.client.log().includes('slept for 600 s') || undefined,
      );
      await ping(stage.office.terminal, stage.office.hostAddress);
      const after = await stage.client.connection('office');
      assert.equal(after?.state, 'connected');
      assert.deepEqual(spisOf(await stage.client.run(['sa', 'list', '--json'])), spisOf(before));
      assert.ok((after?.details?.roundTripMilliseconds ?? 0) > 0, 'the question measured the round trip');
    });
  });

  test('an hour: what expired meanwhile is not used, though the gateway still knows it', async () => {
    await connected(async () => {
      const before = await stage.client.run(['sa', 'list', '--json']);
      const spis = (JSON.parse(before) as { children: { spi: string }[] }).children.map(({ spi }) => spi);
      await stage.client.sleep(hour, async () => {});
      await until('an answer', limit, async () =>
        (await answersPing(stage.office.terminal, stage.office.hostAddress)) ? true : undefined,
      );
      const now = await stage.client.run(['sa', 'list', '--json']);
      for (const spi of spis) assert.ok(!now.includes(`"${spi}"`), 'the old SA is gone');
      await reaches('connected');
    });
  });

  test('an hour, and the gateway forgot us: connected anew', async (context) => {
    await connected(async () => {
      await stage.client.sleep(hour, async () => {
        await stage.gateway.stop('SIGKILL');
        await stage.gateway.startDaemon();
      });
      await timed(context, 'until the tunnel carries again', () =>
        until('an answer', limit, async () =>
          (await answersPing(stage.office.terminal, stage.office.hostAddress)) ? true : undefined,
        ),
      );
      await reaches('connected');
      assert.match(stage.client.log(), /office: reconnecting \(woke-up\)/);
    });
  });

  test('awake while the gateway is silent: reconnecting, with the reason; then connected', async (context) => {
    await connected(async () => {
      await stage.client.sleep(hour, async () => stage.gateway.signal('SIGSTOP'));
      try {
        await timed(context, 'until reconnecting', () => reaches('reconnecting', 'woke-up'));
      } finally {
        stage.gateway.signal('SIGCONT');
      }
      await reaches('connected');
      await ping(stage.office.terminal, stage.office.hostAddress);
    });
  });

  test('unplugged and plugged in again', async (context) => {
    const { gateway } = stage.office;
    await connected(async () => {
      await gateway.ip('link set wan down');
      await timed(context, 'until it says so', () => reaches('reconnecting', 'no-network'));
      assert.equal((await stage.client.connection('office'))?.protectedTraffic, 'blocked');
      await gateway.ip('link set wan up');
      await timed(context, 'until connected', () => reaches('connected'));
      await exerciseTunnel(stage.office.terminal, stage.office.hostAddress, 1);
    });
  });

  test('another address on the same link', async (context) => {
    const { terminal } = stage.office;
    await connected(async () => {
      const become = async (from: string, to: string) =>
        await terminal.ip(
          `addr del ${from}/24 dev link`,
          `addr add ${to}/24 dev link`,
          'route add default via 192.0.2.1',
        );
      await become('192.0.2.2', '192.0.2.3');
      try {
        await timed(context, 'until connected from there', () =>
          until('the new address', limit, async () => {
            const { state, details } = (await stage.client.connection('office'))!;
            return state === 'connected' && details?.localEndpoint?.startsWith('192.0.2.3:')
              ? true
              : undefined;
          }),
        );
        await exerciseTunnel(terminal, stage.office.hostAddress, 1);
      } finally {
        await become('192.0.2.3', '192.0.2.2');
      }
      await reaches('connected');
    });
  });

  test('from one link to another in the middle of a download, and back', async (context) => {
    const { terminal, hostAddress } = stage.office;
    const from = (address: string) =>
      until(`connected from ${address}`, limit, async () => {
        const { state, details } = (await stage.client.connection('office'))!;
        return state === 'connected' && details?.localEndpoint?.startsWith(`${address}:`)
          ? details
          : undefined;
      });
    await connected(async () => {
      const before = await from('192.0.2.2');
      let done = false;
      const download = transfer(terminal, 'GET', hostAddress, 600_000_000, 120_000).then(() => {
        done = true;
      });
      download.catch(() => undefined);
      await until('some megabytes', limit, async () => {
        const received = (await stage.client.connection('office'))?.details?.counters.bytesIn ?? 0;
        return received > before.counters.bytesIn + 5_000_000 ? true : undefined;
      });
      await terminal.ip('link set dev link down', 'route add default via 198.51.100.1 dev radio');
      assert.equal(done, false, 'the download is under way');
      await timed(context, 'until connected by radio', () => from('198.51.100.2'));
      const during = await from('198.51.100.2');
      assert.deepEqual(during.virtualAddresses, before.virtualAddresses);
      await download;
      await terminal.ip('link set dev link up', 'route replace default via 192.0.2.1 dev link');
      await timed(context, 'until connected by cable', () => from('192.0.2.2'));
      await ping(terminal, hostAddress);
    });
  });

  test('a link that comes and goes quickly', async () => {
    const { gateway, terminal, hostAddress } = stage.office;
    const flap = async (last: 'up' | 'down') => {
      for (let turn = 0; turn < 10; turn += 1) {
        await gateway.ip('link set wan down');
        await setTimeout(turn * 30);
        await gateway.ip('link set wan up');
        await setTimeout(300 - turn * 30);
      }
      await gateway.ip(`link set wan ${last}`);
    };
    await connected(async () => {
      await flap('up');
      await until('an answer', limit, async () =>
        (await answersPing(terminal, hostAddress)) ? true : undefined,
      );
      await reaches('connected');
      await flap('down');
      await reaches('reconnecting', 'no-network');
      await gateway.ip('link set wan up');
      await reaches('connected');
      await ping(terminal, hostAddress);
    });
  });
});
