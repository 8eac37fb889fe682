// What a profile says about everything else: its default, what happens while it is down, and when it begins.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { takeSnapshot } from './lab/office.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, ping } from './lab/traffic.ts';

describe('policies of a profile, with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => await stage?.close());

  test('default_action = "DISCARD": nothing but the protected network is reached', async () => {
    const { terminal, hostAddress, gatewayAddress } = stage.office;
    await stage.prepare({ profile: { top: ['default_action = "DISCARD"'] } });
    const before = await takeSnapshot(terminal);
    assert.equal(await answersPing(terminal, gatewayAddress), true, 'the control: it answers');
    await stage.client.up('office');
    try {
      assert.equal(await answersPing(terminal, gatewayAddress), false);
      assert.equal(await answersPing(terminal, hostAddress), true);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
    await stage.assertAsBefore(before);
  });

  test('when_down = "bypass": while the gateway is silent, packets and their answers pass in the clear', async () => {
    const { terminal, hostAddress } = stage.office;
    await stage.prepare({ profile: { top: ['when_down = "bypass"'] } });
    const before = await takeSnapshot(terminal);
    stage.gateway.signal('SIGSTOP');
    try {
      await stage.client.run(['up', 'office', '--no-wait']);
      assert.equal(await answersPing(terminal, hostAddress), true);
      assert.equal((await stage.client.connection('office'))?.protectedTraffic, 'clear');
    } catch (error) {
      throw stage.explained(error);
    } finally {
      stage.gateway.signal('SIGCONT');
      await stage.client.down('office');
    }
    await stage.assertAsBefore(before);
  });

  test('start = "on-demand": the first packet brings the agreement about, and arrives', async () => {
    const { terminal, hostAddress } = stage.office;
    await stage.prepare({ profile: { top: ['start = "on-demand"'] } });
    const before = await takeSnapshot(terminal);
    await stage.client.run(['up', 'office', '--no-wait']);
    try {
      assert.notEqual((await stage.client.connection('office'))?.state, 'connected');
      await ping(terminal, hostAddress, 1);
      assert.equal((await stage.client.connection('office'))?.state, 'connected');
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
    await stage.assertAsBefore(before);
  });
});
