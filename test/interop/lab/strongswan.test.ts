// strongSwan meets strongSwan in the laboratory: what fails here is the laboratory's fault, not ours.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countKinds } from './capture.ts';
import { clientSettings, gatewaySettings } from './gateway.ts';
import { type Office, openOffice } from './office.ts';
import { skipUnless } from './requirements.ts';
import { Sniffer } from './sniffer.ts';
import { Charon } from './strongswan.ts';
import { exerciseTunnel, startServers } from './traffic.ts';

describe('the laboratory with strongSwan at both ends', { skip: skipUnless() }, () => {
  let office: Office;
  before(async () => {
    office = await openOffice();
    await startServers(office.host);
  });
  after(async () => await office?.lab.close());

  test('traffic passes both ways and only ESP is seen', async () => {
    await Charon.start(office.gateway, { swanctl: gatewaySettings() });
    const client = await Charon.start(office.terminal, {
      swanctl: clientSettings(office.gatewayAddress),
      installVirtualAddress: true,
    });
    const sniffer = await Sniffer.start(office.link.namespace, office.link.interfaceName);
    await client.initiate('office');
    await exerciseTunnel(office.terminal, office.hostAddress, 5);
    const kinds = countKinds(await sniffer.stop());
    assert.equal(kinds.clear, undefined, JSON.stringify(kinds));
    assert.ok((kinds['esp-in-udp'] ?? 0) > 5000, JSON.stringify(kinds));
    assert.ok((kinds.ike ?? 0) >= 4, JSON.stringify(kinds));
    await client.terminate('office');
  });
});
