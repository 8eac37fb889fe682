// charon initiates towards us: our service is the gateway, strongSwan the laptop.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countKinds } from './lab/capture.ts';
import { until } from './lab/command.ts';
import { clientSettings, officeSecret } from './lab/gateway.ts';
import { assertLossless } from './lab/lossless.ts';
import { type Office, openOffice, takeSnapshot } from './lab/office.ts';
import { gatewayProfileText } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { SealNic } from './lab/sealnic.ts';
import { Sniffer } from './lab/sniffer.ts';
import { Charon } from './lab/strongswan.ts';
import { exerciseTunnel, startServers } from './lab/traffic.ts';

describe('strongSwan initiates, we respond', { skip: skipUnless() }, () => {
  let office: Office;
  let service: SealNic;
  let client: Charon;
  before(async () => {
    office = await openOffice();
    await startServers(office.host);
    service = await SealNic.start(office.gateway);
    await service.putSecret('office', 'psk', officeSecret);
    await service.importProfile('office', gatewayProfileText());
    client = await Charon.start(office.terminal, {
      swanctl: clientSettings(office.gatewayAddress),
      installVirtualAddress: true,
    });
  });
  after(async () => {
    await client?.stop();
    await service?.stop();
    await office?.lab.close();
  });

  test('traffic both ways, nothing in the clear, a clean end', async () => {
    const before = await takeSnapshot(office.gateway);
    await service.up('office');
    const sniffer = await Sniffer.start(office.gateway, 'wan');
    try {
      await client.initiate('office');
      await exerciseTunnel(office.terminal, office.hostAddress);
      assert.equal((await service.connection('office'))?.details?.peers, 1);
      await client.terminate('office');
      await until('the peer to be gone', 5000, async () =>
        (await service.connection('office'))?.details?.peers === 0 ? true : undefined,
      );
    } catch (error) {
      throw explained(error);
    }
    const kinds = countKinds(await sniffer.stop());
    assert.equal(kinds.clear, undefined, JSON.stringify(kinds));
    await service.down('office');
    assert.deepEqual(await takeSnapshot(office.gateway), before);
  });

  test('rekeyed by either side: not one packet is lost', async () => {
    await service.up('office');
    try {
      await client.initiate('office');
      await assertLossless(office.terminal, office.hostAddress, office.terminal, async () => {
        await client.rekeyChild('office');
        await pause(1000);
        await client.rekeyIke('office');
        await pause(1000);
        await service.rekey('office', 'child');
        await pause(1000);
        await service.rekey('office', 'ike');
        await pause(6500);
      });
      await client.terminate('office');
    } catch (error) {
      throw explained(error);
    } finally {
      await service.down('office');
    }
  });

  test('a client with the wrong key is refused', async () => {
    await service.up('office');
    const settings = clientSettings(office.gatewayAddress);
    const secret = { 'ike-office': { secret: '"not the secret of the office"' } };
    await client.load({ swanctl: { ...settings, secrets: secret }, installVirtualAddress: true });
    await assert.rejects(client.initiate('office'), /AUTHENTICATION_FAILED|AUTH_FAILED/);
    await service.down('office');
  });

  function explained(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error);
    const log = service.log().split('\n').slice(-40).join('\n');
    return new Error(`${message}\n--- service\n${log}\n--- charon\n${client.log(40)}`, { cause: error });
  }
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
