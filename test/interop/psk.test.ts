// A stock strongSwan gateway and a pre-shared key: the first connection as a person makes it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { takeSnapshot } from './lab/office.ts';
import { skipUnless } from './lab/requirements.ts';
import { labInterface } from './lab/sealnic.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel, fetchPage, transfer } from './lab/traffic.ts';

describe('PSK to strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => await stage?.close());

  test('stock settings: traffic both ways, nothing in the clear, a clean end', async () => {
    await stage.row({}, async () => {
      const { terminal, hostAddress } = stage.office;
      assert.equal(await fetchPage(terminal, hostAddress, 80), 'served on port 80\n');
      const status = await stage.client.connection('office');
      assert.equal(status?.state, 'connected');
      assert.equal(status?.protectedTraffic, 'sealed');
      assert.ok((status?.details?.counters.bytesOut ?? 0) > 20_000_000, JSON.stringify(status));
      assert.ok((status?.details?.counters.bytesIn ?? 0) > 20_000_000, JSON.stringify(status));
    });
  });

  test('virtual address and DNS come from the gateway', async () => {
    await stage.row({}, async () => {
      const { terminal } = stage.office;
      const status = await stage.client.connection('office');
      const address = status?.details?.virtualAddresses[0] ?? '';
      assert.match(address, /^10\.9\.0\.\d+/);
      assert.deepEqual(status?.details?.dns, ['10.1.0.2']);
      const addresses = await terminal.run(['ip', '-br', 'addr', 'show', 'dev', labInterface]);
      assert.match(addresses, new RegExp(`${address.split('/')[0]?.replaceAll('.', '\\.')}/32`));
      assert.match(readFileSync(terminal.resolverFile, 'utf8'), /^nameserver 10\.1\.0\.2$/m);
      const found = await terminal.run(['getent', 'ahostsv4', 'intranet.office.test']);
      assert.match(found, /^10\.1\.0\.2\b/);
    });
  });

  test('the whole network through the tunnel', async () => {
    await stage.row({
      gateway: { networks: '0.0.0.0/0' },
      profile: { networks: '"everything"' },
    });
  });

  test('what the gateway offers, when the profile leaves it to it', async () => {
    await stage.row({ profile: { networks: '"gateway"' } }, async () => {
      const status = await stage.client.connection('office');
      assert.deepEqual(status?.details?.protectedPrefixes, ['10.1.0.0/16']);
    });
  });

  test('IPv4 and IPv6 inside', async () => {
    const choice = {
      gateway: { networks: '10.1.0.0/16,fd01::/64', pool6: 'fd09::/64' },
      profile: { networks: '["10.1.0.0/16", "fd01::/64"]' },
    };
    await stage.row(choice, async () => {
      const status = await stage.client.connection('office');
      assert.match(status?.details?.virtualAddresses.join(' ') ?? '', /fd09::/);
      await exerciseTunnel(stage.office.terminal, stage.office.hostAddress6, 5);
    });
  });

  test('IPv6 inside is shut when the gateway does not offer it', async () => {
    await stage.row({ profile: { networks: '["10.1.0.0/16", "fd01::/64"]' } }, async () => {
      assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress6), false);
    });
  });

  test('IPv6 outside', async () => {
    await stage.row({ profile: { gatewayAddress: stage.office.gatewayAddress6 } }, async () => {
      const status = await stage.client.connection('office');
      assert.match(status?.details?.remoteEndpoint ?? '', /^\[2001:db8:7::1\]:4500$/);
    });
  });

  test('up and down again and again leaves nothing behind', async () => {
    await stage.prepare({});
    const before = await takeSnapshot(stage.office.terminal);
    for (let round = 0; round < 3; round += 1) {
      await stage.client.up('office');
      await transfer(stage.office.terminal, 'GET', stage.office.hostAddress, 100_000);
      await stage.client.down('office');
      await stage.assertAsBefore(before);
    }
  });

  test('the service ends and starts again: the connection comes back by itself', async () => {
    await stage.prepare({});
    const before = await takeSnapshot(stage.office.terminal);
    await stage.client.up('office');
    await stage.client.stop();
    await stage.client.startService();
    await stage.client.up('office');
    await exerciseTunnel(stage.office.terminal, stage.office.hostAddress, 1);
    await stage.client.down('office');
    await stage.assertAsBefore(before);
  });
});
