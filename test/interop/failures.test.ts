// What can go wrong at the gateway, and what the person at the terminal is told.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './lab/command.ts';
import { takeSnapshot } from './lab/office.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel } from './lab/traffic.ts';

describe('failures with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => await stage?.close());

  async function assertFails(exitCode: number, words: RegExp): Promise<void> {
    const before = await takeSnapshot(stage.office.terminal);
    const outcome = await stage.client.attempt(['up', 'office']);
    try {
      assert.equal(outcome.code, exitCode, outcome.stderr);
      assert.match(outcome.stderr, words);
      assert.doesNotMatch(outcome.stderr, /^\s+at /m, 'no stack trace');
      assert.ok(outcome.stderr.trim().split('\n').length <= 3, outcome.stderr);
      await stage.client.run(['down', 'office']);
      await stage.assertAsBefore(before);
    } catch (error) {
      throw stage.explained(error);
    }
  }

  test('a wrong pre-shared key', async () => {
    const secret = 'not the secret of the office';
    await stage.prepare({
      gateway: { authentication: { method: 'psk', secret, clientIdentity: 'laptop@office.test' } },
    });
    await assertFails(5, /authenticate/);
  });

  test('a gateway of another name', async () => {
    await stage.prepare({ gateway: { identity: 'someone-else.test' } });
    await assertFails(5, /./);
  });

  test('no common IKE proposal', async () => {
    await stage.prepare({ gateway: { ikeProposals: 'aes192-sha512-modp4096' } });
    await assertFails(1, /IKE/);
  });

  test('no common ESP proposal', async () => {
    await stage.prepare({ gateway: { espProposals: 'aes192-sha512' } });
    await assertFails(1, /ESP/);
  });

  test('selectors that the gateway does not serve', async () => {
    await stage.prepare({ gateway: { networks: '10.77.0.0/16' } });
    await assertFails(1, /network/);
  });

  test('nobody at the gateway’s address', async () => {
    await stage.prepare({ profile: { gatewayAddress: '192.0.2.77' } });
    await assertFails(6, /did not answer|no network/i);
  });

  test('a silent gateway: exit code 6 after 10 s', async () => {
    await stage.prepare({});
    stage.gateway.signal('SIGSTOP');
    try {
      const began = performance.now();
      await assertFails(6, /did not answer/);
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds > 9 && seconds < 16, `${seconds} s`);
    } finally {
      stage.gateway.signal('SIGCONT');
    }
  });

  /** A connection that dead peer detection watches closely; it is ended whatever happens. */
  async function connectedRow(during: () => Promise<void>): Promise<void> {
    await stage.prepare({
      profile: {
        ike: ['dead_peer_detection_seconds = 2', 'give_up_seconds = 5'],
        top: ['retry = true'],
      },
    });
    const before = await takeSnapshot(stage.office.terminal);
    try {
      await stage.client.up('office');
      await during();
      await until('the connection', 60_000, connected);
      await exerciseTunnel(stage.office.terminal, stage.office.hostAddress, 1);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      stage.gateway.signal('SIGCONT');
      await stage.client.down('office');
    }
    await stage.assertAsBefore(before);
  }

  test('the gateway restarts: the connection comes back', async () => {
    await connectedRow(async () => {
      await stage.gateway.stop();
      await until('the loss to be noticed', 15_000, notConnected);
      assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
      await stage.gateway.startDaemon();
    });
  });

  test('the gateway is killed and forgets us: noticed, and the connection comes back', async () => {
    await connectedRow(async () => {
      const first = await stage.client.connection('office');
      await stage.gateway.stop('SIGKILL');
      await stage.gateway.startDaemon();
      // It is connected anew within milliseconds of noticing: look for the later date, not for the time between.
      await until('a new connection', 30_000, async () => {
        const now = await stage.client.connection('office');
        return now?.state === 'connected' && now.since > (first?.since ?? 0) + 1000 ? true : undefined;
      });
    });
  });

  test('the gateway falls silent: noticed by dead peer detection, protected traffic stays shut', async () => {
    await connectedRow(async () => {
      stage.gateway.signal('SIGSTOP');
      await until('the loss to be noticed', 30_000, notConnected);
      assert.equal((await stage.client.connection('office'))?.protectedTraffic, 'blocked');
      assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
      stage.gateway.signal('SIGCONT');
    });
  });

  async function connected(): Promise<true | undefined> {
    return (await stage.client.connection('office'))?.state === 'connected' ? true : undefined;
  }

  async function notConnected(): Promise<true | undefined> {
    return (await stage.client.connection('office'))?.state === 'connected' ? undefined : true;
  }
});
