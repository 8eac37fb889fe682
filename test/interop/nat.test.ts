// A masquerading router between us and the gateway.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertLossless } from './lab/lossless.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';

describe('behind a NAT router', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open({ nat: true });
  });
  after(async () => await stage?.close());

  test('traffic both ways, nothing in the clear, a clean end', async () => {
    await stage.row({}, async () => {
      assert.match(await stage.gateway.associations(), /remote .*@ 192\.0\.2\.254\[/);
    });
  });

  test('keepalives hold the mapping open', async () => {
    await stage.prepare({ profile: { ike: ['nat_keepalive_seconds = 1'] } });
    const sniffer = await stage.sniff();
    await stage.client.up('office');
    await pause(3500);
    const frames = await sniffer.stop();
    await stage.client.down('office');
    assert.ok(frames.filter((frame) => frame.kind === 'keepalive').length >= 2);
  });

  test('rekeyed by both sides: not one packet is lost', async () => {
    await stage.prepare({});
    await stage.client.up('office');
    try {
      const { terminal, hostAddress, gateway } = stage.office;
      await assertLossless(terminal, hostAddress, gateway, async () => {
        await stage.client.rekey('office', 'child');
        await pause(1000);
        await stage.gateway.rekeyChild('office');
        await pause(6500);
      });
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
  });
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
